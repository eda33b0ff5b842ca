import { html, nothing } from "lit";
import { markPainted } from "../marks.js";
import { toProblem } from "../problems.js";
import { alarm } from "../ui/alarm.js";
import { Element, define } from "../ui/element.js";
import "../ui/field.js";
import { entry } from "./entry.js";
import { figure } from "./figure.js";

const ENDED = {
  expired: "Your session has ended, so this browser forgot your keys. Nothing you wrote is lost. Sign in to go on.",
  ended:
    "This session was ended from another device, or by a change of the password there, so this browser forgot your keys. Nothing you wrote is lost. If it was not you, change your password, or use your recovery kit.",
  "account-changed":
    "Your password, login name or keys were changed on another device, so this browser forgot the old ones. Nothing you wrote is lost: sign in as it is now. If it was not you, use your recovery kit.",
};
const ENDED_SOMEHOW = "Your session is over. Nothing you wrote is lost. Sign in to go on.";

/** The form works before the worker does: what is submitted early waits for it. */
class SignIn extends Element {
  static topics = ["session", "phase"];
  static properties = { busy: { state: true }, problem: { state: true }, password: { state: true } };

  constructor() {
    super();
    this.busy = false;
    this.problem = null;
    this.password = "";
  }

  firstUpdated() {
    markPainted("balon:form");
  }

  async #submit(event) {
    event.preventDefault();
    if (this.busy) return;
    this.busy = true;
    this.problem = null;
    try {
      await this.store.signIn(this.querySelector("#login").value, this.password);
    } catch (error) {
      this.#refused(toProblem(error));
    }
    this.busy = false;
  }

  async #refused(problem) {
    this.problem = problem;
    await this.updateComplete;
    this.querySelector("balon-password")?.input.select();
    this.querySelector("balon-password")?.input.focus();
  }

  get #notice() {
    const { ended } = this.store;
    return ended ? (ENDED[ended] ?? ENDED_SOMEHOW) : null;
  }

  render() {
    return entry({
      title: "Sign in",
      figure,
      body: html`
        ${this.#notice ? html`<p class="notice" role="status">${this.#notice}</p>` : nothing}
        <form class="form" @submit=${this.#submit} aria-busy=${this.busy}>
          ${this.problem ? alarm(this.problem) : nothing}
          <div class="field">
            <label class="label" for="login">Login name</label>
            <input
              class="input"
              id="login"
              type="text"
              autocomplete="username"
              autocapitalize="none"
              autocorrect="off"
              spellcheck="false"
              required
              data-autofocus
            />
          </div>
          <balon-password
            class="field"
            field-id="password"
            label="Password"
            autocomplete="current-password"
            .value=${this.password}
            @typed=${({ detail }) => (this.password = detail)}
          ></balon-password>
          <button class="button primary wide" aria-disabled=${this.busy}>${this.#label}</button>
        </form>
      `,
      foot: html`
        <nav class="entry-links" aria-label="Other ways in">
          <a href="#sign-up" data-route>Create an account</a>
          <a href="#recovery" data-route>Use your recovery kit</a>
        </nav>
      `,
    });
  }

  get #label() {
    if (!this.busy) return "Sign in";
    return html`<span class="spinner" aria-hidden="true"></span
      >${this.store.phase === "ready" ? "Signing in…" : "Starting encryption…"}`;
  }
}

define("balon-sign-in", SignIn);
