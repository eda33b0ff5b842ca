import { html, nothing } from "lit";
import { toProblem } from "../problems.js";
import { alarm } from "../ui/alarm.js";
import { Element, define } from "../ui/element.js";
import "../ui/field.js";
import { usernameFor } from "../ui/username.js";
import { entry } from "./entry.js";

class Locked extends Element {
  static topics = ["session"];
  static properties = { busy: { state: true }, problem: { state: true }, password: { state: true } };

  constructor() {
    super();
    this.busy = false;
    this.problem = null;
    this.password = "";
  }

  async #submit(event) {
    event.preventDefault();
    if (this.busy) return;
    this.busy = true;
    this.problem = null;
    try {
      await this.store.unlock(this.password);
    } catch (error) {
      this.problem = toProblem(error);
      await this.updateComplete;
      this.querySelector("balon-password")?.input.select();
    }
    this.busy = false;
  }

  render() {
    return entry({
      title: "Locked",
      lead: html`Your keys were removed from this browser's memory. Your password brings them back, even without a
      connection.`,
      body: html`
        <form class="form" @submit=${this.#submit} aria-busy=${this.busy}>
          ${this.problem ? alarm(this.problem, { actions: { "sign-in": () => this.store.signOut() } }) : nothing}
          <p class="who">Signed in as <strong>${this.store.session.login}</strong></p>
          ${usernameFor(this.store.session.login)}
          <balon-password
            class="field"
            field-id="password"
            label="Password"
            autocomplete="current-password"
            data-autofocus
            .value=${this.password}
            @typed=${({ detail }) => (this.password = detail)}
          ></balon-password>
          <button class="button primary wide" aria-disabled=${this.busy}>
            ${this.busy ? html`<span class="spinner" aria-hidden="true"></span>Unlocking…` : "Unlock"}
          </button>
        </form>
      `,
      foot: html`
        <div class="entry-links">
          <button type="button" class="link" @click=${() => this.store.signOut()}>Sign out</button>
          <button type="button" class="link" @click=${() => this.store.signOut({ to: "/#recovery" })}>
            Use your recovery kit
          </button>
        </div>
      `,
    });
  }
}

define("balon-locked", Locked);
