import { html, nothing } from "lit";
import "../password/new_password.js";
import { toProblem } from "../problems.js";
import { alarm } from "../ui/alarm.js";
import { Element, define, rendered } from "../ui/element.js";
import { concernsKit } from "../ui/kit_input.js";
import { entry } from "./entry.js";
import "./kit_dialog.js";

/** The one way back: a kit and a new password in, a new kit out. */
class Recovery extends Element {
  static topics = ["session", "kit", "phase"];
  static properties = { busy: { state: true }, problem: { state: true } };

  constructor() {
    super();
    this.busy = false;
    this.problem = null;
  }

  get #kit() {
    return this.querySelector("balon-kit-input");
  }

  get #password() {
    return this.querySelector("balon-new-password");
  }

  async #submit(event) {
    event.preventDefault();
    if (this.busy) return;
    this.busy = true;
    this.problem = null;
    try {
      await this.#recover();
    } catch (error) {
      this.problem = toProblem(error);
      await this.#focusFault();
    }
    this.busy = false;
  }

  async #recover() {
    const hasKit = this.#kit.check();
    const acceptable = await this.#password.check();
    if (!hasKit || !acceptable) return this.#focusFault();
    return this.store.recover(this.#kit.value, this.#password.value);
  }

  async #focusFault() {
    await rendered(this);
    this.querySelector("[aria-invalid=true]")?.focus();
  }

  render() {
    return html`
      ${entry({
        title: "Use your recovery kit",
        lead: "It brings your account back with a new password. Your conversations stay as they are.",
        body: this.#form,
        foot: html`<nav class="entry-links" aria-label="Other ways in">
          <a href="/" data-route>Back to sign-in</a>
        </nav>`,
      })}
      ${this.store.kit ? html`<balon-kit .store=${this.store}></balon-kit>` : nothing}
    `;
  }

  get #form() {
    const aboutKit = this.problem && concernsKit(this.problem);
    const retry = () => this.querySelector("form").requestSubmit();
    return html`
      <form class="form" novalidate @submit=${this.#submit} aria-busy=${this.busy}>
        ${this.problem && !aboutKit ? alarm(this.problem, { actions: { retry } }) : nothing}
        <balon-kit-input
          data-autofocus
          .problem=${aboutKit ? this.problem : null}
          @typed=${() => (this.problem = null)}
        ></balon-kit-input>
        <balon-new-password
          id-prefix="new-"
          label="New password"
          confirm-label="Confirm new password"
        ></balon-new-password>
        <p class="quiet">
          A kit works once. This one is used up by recovering, you get a new one, and every device that is signed in is
          signed out. If somebody asked to delete the account, that is cancelled. If somebody copied your keys,
          recovering does not take those back.
        </p>
        <button class="button primary wide" aria-disabled=${this.busy}>
          ${this.busy ? html`<span class="spinner" aria-hidden="true"></span>${this.#busyLabel}` : "Recover account"}
        </button>
      </form>
    `;
  }

  get #busyLabel() {
    return this.store.phase === "ready" ? "Recovering…" : "Starting encryption…";
  }
}

define("balon-recovery", Recovery);
