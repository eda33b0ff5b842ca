import { html, nothing } from "lit";
import { toProblem } from "../problems.js";
import { alarm } from "../ui/alarm.js";
import { Element, define } from "../ui/element.js";
import "../ui/field.js";
import "./kit_dialog.js";
import { entry } from "./entry.js";
import { figure } from "./figure.js";

const LOGIN = /^[a-z0-9._+@-]{3,254}$/;
const ESTIMATE_AFTER_MS = 120;

/** Key generation starts with the form, and the form works while it runs. */
class SignUp extends Element {
  static topics = ["session", "keys", "kit", "phase"];
  static properties = {
    busy: { state: true },
    problem: { state: true },
    faults: { state: true },
    password: { state: true },
    confirmation: { state: true },
    strength: { state: true },
    suggestion: { state: true },
  };

  #estimator = null;
  #timer = 0;

  constructor() {
    super();
    Object.assign(this, {
      busy: false,
      problem: null,
      faults: {},
      password: "",
      confirmation: "",
      strength: null,
      suggestion: null,
    });
  }

  connectedCallback() {
    super.connectedCallback();
    this.store.prepareSignUp().catch((error) => (this.problem = toProblem(error)));
  }

  firstUpdated() {
    this.#load().catch(() => {}); // tried again when it is needed
  }

  disconnectedCallback() {
    super.disconnectedCallback();
    clearTimeout(this.#timer);
    if (!this.store.usable) this.store.cancelSignUp();
  }

  #load() {
    this.#estimator ??= import("../password/strength.js").catch((error) => {
      this.#estimator = null;
      throw error;
    });
    return this.#estimator;
  }

  get #login() {
    return this.querySelector("#login").value.trim().toLowerCase();
  }

  #typed(password) {
    this.password = password;
    this.suggestion = null;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#estimate().catch(toProblem), ESTIMATE_AFTER_MS);
  }

  async #estimate() {
    const { estimate } = await this.#load();
    this.strength = estimate(this.password, this.#login);
    return this.strength;
  }

  async #suggest() {
    const { suggestPassphrase } = await this.#load();
    this.suggestion = this.password = this.confirmation = suggestPassphrase();
    this.faults = {};
    await this.#estimate();
  }

  async #check() {
    const { acceptable } = await this.#estimate();
    const faults = {};
    if (!LOGIN.test(this.#login)) faults.login = "Use 3 to 254 characters: letters a to z, digits, and . _ + @ -";
    if (!acceptable)
      faults.password = "Too easy to guess. It is the only lock on your keys, so Balon does not accept it.";
    if (this.confirmation !== this.password) faults.confirmation = "This is not the same as the password above.";
    this.faults = faults;
    return Object.keys(faults).length === 0;
  }

  async #submit(event) {
    event.preventDefault();
    if (this.busy) return;
    this.busy = true;
    this.problem = null;
    try {
      if (await this.#check()) await this.store.signUp(this.#login, this.password);
      else await this.#focusFault();
    } catch (error) {
      this.problem = toProblem(error);
    }
    this.busy = false;
  }

  async #focusFault() {
    await this.updateComplete;
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
            ${this.#loginField} ${this.#passwordField} ${this.#confirmField} ${this.#keys}
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
    const fault = this.faults.login;
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
        />
        <p class=${fault ? "hint fault" : "hint"} id="login-hint" role=${fault ? "alert" : nothing}>
          ${fault ?? "The server and the people you invite see this name."}
        </p>
      </div>
    `;
  }

  get #passwordField() {
    const fault = this.faults.password;
    return html`
      <div class="field">
        <balon-password
          field-id="password"
          label="Password"
          autocomplete="new-password"
          .value=${this.password}
          .revealed=${this.suggestion !== null}
          ?invalid=${Boolean(fault)}
          @typed=${({ detail }) => this.#typed(detail)}
        ></balon-password>
        ${this.#meter} ${fault ? html`<p class="hint fault" role="alert">${fault}</p>` : nothing}
        <button
          type="button"
          class="link"
          @click=${() => this.#suggest().catch((error) => (this.problem = toProblem(error)))}
        >
          Suggest a passphrase
        </button>
        ${
          this.suggestion
            ? html`<div class="suggestion" aria-live="polite">
                <p class="suggestion-words">${this.suggestion}</p>
                <p>Six random words. Write them down or save them in your password manager before you go on.</p>
              </div>`
            : nothing
        }
      </div>
    `;
  }

  get #meter() {
    const { bits, acceptable, advice } = this.strength ?? { bits: 0, acceptable: false, advice: "" };
    const shown = this.password ? Math.min(100, Math.round(bits)) : 0;
    const level = acceptable ? "good" : bits >= 40 ? "fair" : "poor";
    return html`
      <meter
        class="strength ${level}"
        aria-label="Password strength"
        min="0"
        max="100"
        .value=${shown}
        aria-valuetext=${acceptable ? "strong enough" : "too weak"}
      ></meter>
      <p class="hint" aria-live="polite">
        ${this.password && advice ? advice : "At least as strong as five random words."}
      </p>
    `;
  }

  get #confirmField() {
    const fault = this.faults.confirmation;
    return html`
      <div class="field">
        <balon-password
          field-id="confirmation"
          label="Confirm password"
          autocomplete="new-password"
          .value=${this.confirmation}
          .revealed=${this.suggestion !== null}
          ?invalid=${Boolean(fault)}
          @typed=${({ detail }) => (this.confirmation = detail)}
        ></balon-password>
        ${fault ? html`<p class="hint fault" role="alert">${fault}</p>` : nothing}
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
