import { html, nothing } from "lit";
import { Element, define } from "../ui/element.js";
import { entry } from "./entry.js";
import "./sign_in.js";
import "./trouble.js";

const LEAVING = { title: "Signing out…", lead: "Your keys are being removed from this browser." };
const ACTIVITY = ["pointerdown", "keydown"];
const loaders = {
  "balon-chat": () => import("./chat.js"),
  "balon-sign-up": () => import("./sign_up.js"),
  "balon-locked": () => import("./locked.js"),
  "balon-recovery": () => import("./recovery.js"),
  "balon-settings": () => import("./settings.js"),
};

/** Chooses the view. What is not the sign-in form is loaded when it is needed, or when the browser has nothing else to do. */
class App extends Element {
  static topics = ["phase", "session", "route", "kit"];

  #loaded = new Set();
  #shown = null;
  #touch = () => this.store.touch();

  connectedCallback() {
    super.connectedCallback();
    for (const type of ACTIVITY) addEventListener(type, this.#touch, { passive: true, capture: true });
  }

  disconnectedCallback() {
    super.disconnectedCallback();
    for (const type of ACTIVITY) removeEventListener(type, this.#touch, { capture: true });
  }

  firstUpdated() {
    const idle = globalThis.requestIdleCallback ?? ((run) => setTimeout(run, 300));
    idle(() => this.#load("balon-chat"));
  }

  get #view() {
    const { phase, session, sessionLikely, entering, leaving, router } = this.store;
    if (leaving) return "leaving"; // a form here would lose what is typed into it
    if (phase === "unsupported" || phase === "failed") return "trouble";
    if (entering) return `balon-${entering}`;
    if (session?.state === "locked") return "balon-locked";
    if (session?.state === "signed-in" || (!session && sessionLikely)) return "balon-chat";
    const views = { "sign-up": "balon-sign-up", recovery: "balon-recovery" };
    return views[router.route.view] ?? "balon-sign-in";
  }

  async #load(name) {
    if (this.#loaded.has(name) || !loaders[name]) return;
    try {
      await loaders[name]();
      this.#loaded.add(name);
      this.requestUpdate();
    } catch (error) {
      console.error(error);
      this.store.fail();
    }
  }

  render() {
    const view = this.#view;
    const { store } = this;
    if (loaders[view] && !this.#loaded.has(view)) {
      this.#load(view);
      return html`<main class="entry" aria-busy="true"></main>`;
    }
    return [
      view === "leaving" ? entry(LEAVING) : nothing,
      view === "trouble" ? html`<balon-trouble .store=${store}></balon-trouble>` : nothing,
      view === "balon-sign-in" ? html`<balon-sign-in .store=${store}></balon-sign-in>` : nothing,
      view === "balon-sign-up" ? html`<balon-sign-up .store=${store}></balon-sign-up>` : nothing,
      view === "balon-locked" ? html`<balon-locked .store=${store}></balon-locked>` : nothing,
      view === "balon-recovery" ? html`<balon-recovery .store=${store}></balon-recovery>` : nothing,
      view === "balon-chat" ? html`<balon-chat .store=${store}></balon-chat>` : nothing,
      store.kit && !store.entering ? html`<balon-kit .store=${store}></balon-kit>` : nothing,
    ];
  }

  /** Whoever uses a screen reader or the keyboard lands in the new view, not on a removed element. */
  updated() {
    const view = this.#view;
    if (view === this.#shown || (loaders[view] && !this.#loaded.has(view))) return;
    const first = this.#shown === null;
    this.#shown = view;
    this.updateComplete.then(() => this.#focus(first));
  }

  #focus(first) {
    if (first && document.activeElement !== document.body) return;
    const target = this.querySelector("[data-autofocus]") ?? this.querySelector("h1[tabindex]");
    target?.focus({ preventScroll: true });
  }
}

define("balon-app", App);
