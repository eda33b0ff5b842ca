import { html, nothing } from "lit";
import { LOGIN_RULE, isLogin, normalizeLogin } from "../login_name.js";
import "../password/new_password.js";
import { toProblem } from "../problems.js";
import { alarm } from "../ui/alarm.js";
import { Element, define, rendered } from "../ui/element.js";
import "./kit_dialog.js";
import { entry } from "./entry.js";
import { figure } from "./figure.js";

/** Key generation starts with the form, and the form works while it runs. */
class SignUp extends Element {
  static topics = ["session", "keys", "kit", "phase"];
  static properties = {
    busy: { state: true },
    problem: { state: true },
    login: { state: true },
    loginFault: { state: true },
  };

  constructor() {
    super();
    Object.assign(this, { busy: false, problem: null, login: "", loginFault: null });
  }

  connectedCallback() {
    super.connectedCallback();
    this.store.prepareSignUp().catch((error) => (this.problem = toProblem(error)));
  }

  disconnectedCallback() {
    super.disconnectedCallback();
    if (!this.store.usable) this.store.cancelSignUp();
  }

  get #password() {
    return this.querySelector("balon-new-password");
  }

  async #check() {
    this.loginFault = isLogin(this.login) ? null : LOGIN_RULE;
    const acceptable = await this.#password.check();
    return acceptable && !this.loginFault;
  }

  async #submit(event) {
    event.preventDefault();
    if (this.busy) return;
    this.busy = true;
    this.problem = null;
    try {
      if (await this.#check()) await this.store.signUp(this.login, this.#password.value);
      else await this.#focusFault();
    } catch (error) {
      this.problem = toProblem(error);
    }
    this.busy = false;
  }

  async #focusFault() {
    await rendered(this);
    this.querySelector("[aria-invalid=true]")?.focus();
  }

  render() {
    return html`
      ${entry({
        title: "Create an account",
        figure,
        lead: "Your keys are made in this browser and locked with your password. The server never learns either.",
        body: html`
          <form class="form" novalidate @submit=${this.#submit} aria-busy=${this.busy}>
            ${this.problem ? alarm(this.problem, { actions: { retry: () => this.querySelector("form").requestSubmit() } }) : nothing}
            ${this.#loginField}
            <balon-new-password
              label="Password"
              confirm-label="Confirm password"
              .login=${this.login}
            ></balon-new-password>
            ${this.#keys}
            <button class="button primary wide" aria-disabled=${this.busy}>${this.#label}</button>
          </form>
        `,
        foot: html`<nav class="entry-links" aria-label="Other ways in">
          <a href="/" data-route>Sign in instead</a>
        </nav>`,
      })}
      ${this.store.kit ? html`<balon-kit .store=${this.store}></balon-kit>` : nothing}
    `;
  }

  get #loginField() {
    const fault = this.loginFault;
    return html`
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
          maxlength="254"
          required
          data-autofocus
          aria-invalid=${fault ? "true" : nothing}
          aria-describedby="login-hint"
          @input=${({ target }) => (this.login = normalizeLogin(target.value))}
        />
        <p class=${fault ? "hint fault" : "hint"} id="login-hint" role=${fault ? "alert" : nothing}>
          ${fault ?? "The server and the people you invite see this name."}
        </p>
      </div>
    `;
  }

  get #keys() {
    const done = this.store.keys === "done";
    return html`
      <div class="keys">
        <div
          class=${done ? "progress done" : "progress"}
          role="progressbar"
          aria-label="Generating your keys"
          aria-valuemin="0"
          aria-valuemax="100"
          aria-valuenow=${done ? "100" : nothing}
        >
          <span></span>
        </div>
        <p class="hint" aria-live="polite">
          ${done ? "Your keys are ready." : "Generating your keys. You can go on typing."}
        </p>
      </div>
    `;
  }

  get #label() {
    if (!this.busy) return "Create account";
    const waiting = this.store.keys === "done" ? "Creating your account…" : "Waiting for your keys…";
    return html`<span class="spinner" aria-hidden="true"></span>${waiting}`;
  }
}

define("balon-sign-up", SignUp);
