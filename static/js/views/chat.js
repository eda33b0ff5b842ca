import { html, nothing } from "lit";
import "../chat/composer.js";
import "../chat/conversation_bar.js";
import "../chat/message_list.js";
import "../chat/sidebar.js";
import "../people/invitation.js";
import { alarm } from "../ui/alarm.js";
import { Element, define } from "../ui/element.js";
import "./deletion_note.js";
import "./disclosure.js";
import "./gone_note.js";
import "./kit_note.js";
import "./migration.js";
import "./older.js";
import "./settings.js";

const NARROW = matchMedia("(max-width: 47.99rem)");

/** Sidebar and conversation. Below 48rem the sidebar is a drawer over the conversation. */
class Chat extends Element {
  static topics = ["thread", "conversation", "library", "route", "alarms", "session"];
  static properties = { drawer: { state: true }, narrow: { state: true }, storageNoted: { state: true } };

  #resized = () => (this.narrow = NARROW.matches);
  #escaped = (event) => event.key === "Escape" && this.drawer && this.#toggle(false);
  #route = null;

  constructor() {
    super();
    this.drawer = false;
    this.narrow = NARROW.matches;
    this.storageNoted = false;
  }

  connectedCallback() {
    super.connectedCallback();
    NARROW.addEventListener("change", this.#resized);
    addEventListener("keydown", this.#escaped);
  }

  disconnectedCallback() {
    super.disconnectedCallback();
    NARROW.removeEventListener("change", this.#resized);
    removeEventListener("keydown", this.#escaped);
  }

  willUpdate() {
    const { route } = this.store.router;
    if (route !== this.#route) this.drawer = false;
    this.#route = route;
  }

  async #toggle(open) {
    this.drawer = open;
    await this.updateComplete;
    this.querySelector(open ? ".drawer-close" : ".drawer-open")?.focus();
  }

  render() {
    const { store } = this;
    const covered = this.narrow && this.drawer;
    return html`
      <div class=${covered ? "chat drawer-is-open" : "chat"}>
        <balon-sidebar
          class="sidebar"
          .store=${store}
          ?inert=${this.narrow && !this.drawer}
          @close-drawer=${() => this.#toggle(false)}
          @settled=${() => (this.drawer = false)}
        ></balon-sidebar>
        <div class="scrim" @click=${() => this.#toggle(false)}></div>
        <main class="conversation" ?inert=${covered}>${this.#content}</main>
      </div>
    `;
  }

  get #content() {
    const { store } = this;
    const open = () => this.#toggle(true);
    const views = {
      settings: () => html`<balon-settings .store=${store} @open-drawer=${open}></balon-settings>`,
      disclosure: () => html`<balon-disclosure .store=${store} @open-drawer=${open}></balon-disclosure>`,
      older: () => html`
        <balon-older .store=${store} .conversationId=${store.router.route.older} @open-drawer=${open}></balon-older>
      `,
    };
    return views[store.router.route.view]?.() ?? this.#conversation;
  }

  get #conversation() {
    const { store } = this;
    return html`
      <balon-bar .store=${store} .thread=${store.thread} @open-drawer=${() => this.#toggle(true)}></balon-bar>
      <div class="alarms">
        ${store.alarms.map((problem) => this.#alarm(problem))} ${this.#storageNote}
        <balon-migration .store=${store}></balon-migration>
        <balon-gone-note .store=${store}></balon-gone-note>
        <balon-deletion-note .store=${store}></balon-deletion-note>
        <balon-kit-note .store=${store}></balon-kit-note>
      </div>
      ${store.thread?.state === "invited" ? this.#invitation : this.#messages}
    `;
  }

  get #messages() {
    const { store } = this;
    return html`
      <balon-messages class="messages" .store=${store} .thread=${store.thread}></balon-messages>
      <balon-composer class="composer" .store=${store} .thread=${store.thread}></balon-composer>
    `;
  }

  get #invitation() {
    const { store } = this;
    return html`
      <div class="invitation-view">
        <balon-invitation
          .store=${store}
          .item=${store.library.item(store.thread.id)}
          .takesFocus=${true}
        ></balon-invitation>
      </div>
    `;
  }

  #alarm(problem) {
    const { store } = this;
    const actions = {
      retry: () => (store.dismiss(problem), store.library.load(), store.thread?.id && store.reopen()),
      "sign-in": () => store.signOut(),
      unlock: () => store.lock(),
    };
    return alarm(problem, { actions, dismiss: () => store.dismiss(problem) });
  }

  get #storageNote() {
    const { session } = this.store;
    if (this.storageNoted || !session || session.persistent) return nothing;
    return html`
      <div class="note">
        <p>
          This browser could not store your keys, so they stay in memory: after a reload it asks for your password
          again.
        </p>
        <button type="button" class="button small" @click=${() => (this.storageNoted = true)}>Understood</button>
      </div>
    `;
  }
}

define("balon-chat", Chat);
