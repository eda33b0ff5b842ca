import { html, nothing } from "lit";
import { toProblem } from "../problems.js";
import { alarm } from "../ui/alarm.js";
import { Element, define } from "../ui/element.js";
import "../ui/field.js";

const ESTIMATE_AFTER_MS = 120;
const TOO_WEAK = "Too easy to guess. It is the only lock on your keys, so Balon does not accept it.";
const UNLIKE = "This is not the same as the password above.";

/** A new password, typed twice, with its strength and an offer to invent one. `check` says whether it may be used. */
class NewPassword extends Element {
  static properties = {
    label: {},
    confirmLabel: { attribute: "confirm-label" },
    idPrefix: { attribute: "id-prefix" },
    login: { attribute: false },
    value: { state: true },
    confirmation: { state: true },
    strength: { state: true },
    suggestion: { state: true },
    faults: { state: true },
    problem: { state: true },
  };

  #estimator = null;
  #timer = 0;

  constructor() {
    super();
    this.idPrefix = this.login = "";
    this.clear();
  }

  clear() {
    Object.assign(this, { value: "", confirmation: "", strength: null, suggestion: null, faults: {}, problem: null });
  }

  firstUpdated() {
    this.#load().catch(() => {}); // tried again when it is needed
  }

  disconnectedCallback() {
    super.disconnectedCallback();
    clearTimeout(this.#timer);
  }

  #load() {
    this.#estimator ??= import("./strength.js").catch((error) => {
      this.#estimator = null;
      throw error;
    });
    return this.#estimator;
  }

  #typed(value) {
    this.value = value;
    this.suggestion = null;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#estimate().catch(toProblem), ESTIMATE_AFTER_MS);
  }

  async #estimate() {
    const { estimate } = await this.#load();
    this.strength = estimate(this.value, this.login);
    return this.strength;
  }

  async #suggest() {
    this.problem = null;
    try {
      const { suggestPassphrase } = await this.#load();
      this.suggestion = this.value = this.confirmation = suggestPassphrase();
      this.faults = {};
      await this.#estimate();
    } catch (error) {
      this.problem = toProblem(error);
    }
  }

  /** Whether this password may be used; what is wrong with it is said at its field. */
  async check() {
    const { acceptable } = await this.#estimate();
    const faults = {};
    if (!acceptable) faults.password = TOO_WEAK;
    if (this.confirmation !== this.value) faults.confirmation = UNLIKE;
    this.faults = faults;
    return Object.keys(faults).length === 0;
  }

  render() {
    return html`${this.#passwordField} ${this.#confirmField}`;
  }

  get #passwordField() {
    const fault = this.faults.password;
    return html`
      <div class="field">
        <balon-password
          field-id="${this.idPrefix}password"
          label=${this.label}
          autocomplete="new-password"
          .value=${this.value}
          .revealed=${this.suggestion !== null}
          ?invalid=${Boolean(fault)}
          @typed=${({ detail }) => this.#typed(detail)}
        ></balon-password>
        ${this.#meter} ${fault ? html`<p class="hint fault" role="alert">${fault}</p>` : nothing}
        <button type="button" class="link" @click=${this.#suggest}>Suggest a passphrase</button>
        ${this.problem ? alarm(this.problem) : nothing} ${this.#suggested}
      </div>
    `;
  }

  get #suggested() {
    if (!this.suggestion) return nothing;
    return html`<div class="suggestion" aria-live="polite">
      <p class="suggestion-words">${this.suggestion}</p>
      <p>Six random words. Write them down or save them in your password manager before you go on.</p>
    </div>`;
  }

  get #meter() {
    const { bits, acceptable, advice } = this.strength ?? { bits: 0, acceptable: false, advice: "" };
    const shown = this.value ? Math.min(100, Math.round(bits)) : 0;
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
        ${this.value && advice ? advice : "At least as strong as five random words."}
      </p>
    `;
  }

  get #confirmField() {
    const fault = this.faults.confirmation;
    return html`
      <div class="field">
        <balon-password
          field-id="${this.idPrefix}confirmation"
          label=${this.confirmLabel}
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
}

define("balon-new-password", NewPassword);
