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
  static topics = ["session", "phase", "kit"];
  static properties = {
    busy: { state: true },
    problem: { state: true },
    password: { state: true },
    first: { state: true },
  };

  constructor() {
    super();
    this.busy = false;
    this.problem = null;
    this.password = "";
    this.first = null; // the login name whose first sign-in since encryption waits to be confirmed
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
    if (problem.code === "first-sign-in") return this.#ask();
    this.problem = problem;
    await this.updateComplete;
    this.querySelector("balon-password")?.input.select();
    this.querySelector("balon-password")?.input.focus();
  }

  async #ask() {
    this.first = this.querySelector("#login").value;
    await this.updateComplete;
    this.querySelector("h1").focus();
  }

  /** Only the person's own word makes keys: a server could call any account an old one. */
  async #confirm(event) {
    event.preventDefault();
    if (this.busy) return;
    this.busy = true;
    this.problem = null;
    try {
      await import("./kit_dialog.js");
      await this.store.firstSignIn(this.first, this.password);
    } catch (error) {
      this.#back();
      this.#refused(toProblem(error));
    }
    this.busy = false;
  }

  #back() {
    this.first = null;
    this.problem = null;
  }

  get #question() {
    return html`
      <form class="form" id="first-sign-in" @submit=${this.#confirm} aria-busy=${this.busy}>
        <p>
          This server says that <strong>${this.first}</strong> is from before encryption. If that is so, your keys are
          made in this browser now, and you get a recovery kit to keep.
        </p>
        <p>
          <strong>Do not go on if you ever saved a recovery kit for this account</strong>, or signed in to it since:
          then the server is not telling the truth, and your conversations would not be in what it shows you.
        </p>
        <div class="button-row">
          <button class="button primary" aria-disabled=${this.busy}>
            ${this.busy ? "Making your keys…" : "Make my keys"}
          </button>
          <button type="button" class="button" @click=${this.#back} ?disabled=${this.busy}>Cancel</button>
        </div>
      </form>
    `;
  }

  get #notice() {
    const { ended } = this.store;
    return ended ? (ENDED[ended] ?? ENDED_SOMEHOW) : null;
  }

  render() {
    return [this.#entry, this.store.kit ? html`<balon-kit .store=${this.store}></balon-kit>` : nothing];
  }

  get #entry() {
    return entry({
      title: this.first === null ? "Sign in" : "Your first sign-in since Balon encrypts",
      figure,
      body: html`
        ${this.#notice ? html`<p class="notice" role="status">${this.#notice}</p>` : nothing}
        ${this.first === null ? nothing : this.#question}
        <form class="form" ?hidden=${this.first !== null} @submit=${this.#submit} aria-busy=${this.busy}>
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
