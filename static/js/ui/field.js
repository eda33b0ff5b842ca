import { html, nothing } from "lit";
import { eye, eyeOff } from "./icons.js";
import { Element, define } from "./element.js";

/**
 * A password field that can show what is typed. It has no name attribute and its form never submits, so the browser
 * has nothing to put into an address or a request.
 */
class PasswordField extends Element {
  static properties = {
    label: {},
    hint: {},
    fieldId: { attribute: "field-id" },
    autocomplete: {},
    value: { attribute: false },
    revealed: { state: true },
    invalid: { type: Boolean },
  };

  constructor() {
    super();
    this.value = "";
    this.revealed = false;
  }

  get input() {
    return this.querySelector("input");
  }

  /** May be asked before the first rendering. */
  async focus(options) {
    await this.updateComplete;
    this.input.focus(options);
  }

  #typed({ target }) {
    this.value = target.value;
    this.dispatchEvent(new CustomEvent("typed", { detail: target.value }));
  }

  render() {
    const hintId = `${this.fieldId}-hint`;
    return html`
      <label class="label" for=${this.fieldId}>${this.label}</label>
      <div class="field-with-button">
        <input
          class="input"
          id=${this.fieldId}
          type=${this.revealed ? "text" : "password"}
          autocomplete=${this.autocomplete}
          autocapitalize="none"
          autocorrect="off"
          spellcheck="false"
          required
          aria-invalid=${this.invalid ? "true" : nothing}
          aria-describedby=${this.hint ? hintId : nothing}
          .value=${this.value}
          @input=${this.#typed}
        />
        <button
          type="button"
          class="icon-button field-button"
          aria-label="Show what is typed"
          title="Show what is typed"
          aria-pressed=${this.revealed}
          aria-controls=${this.fieldId}
          @click=${() => (this.revealed = !this.revealed)}
        >
          ${this.revealed ? eyeOff : eye}
        </button>
      </div>
      ${this.hint ? html`<p class="hint" id=${hintId}>${this.hint}</p>` : nothing}
    `;
  }
}

define("balon-password", PasswordField);
