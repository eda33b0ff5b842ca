import { html, nothing } from "lit";
import { alarm } from "../../ui/alarm.js";
import { Element, define } from "../../ui/element.js";
import "../../ui/field.js";

const MISSING = "Type the password that you sign in with.";

/** Asks for the password of who is signed in; a refusal that is about it shows under it. */
class CurrentPassword extends Element {
  static properties = {
    label: {},
    fieldId: { attribute: "field-id" },
    value: { state: true },
    problem: { attribute: false },
    missing: { state: true },
  };

  constructor() {
    super();
    Object.assign(this, { value: "", problem: null, missing: false });
  }

  check() {
    this.missing = this.value === "";
    return !this.missing;
  }

  render() {
    return html`
      <balon-password
        field-id=${this.fieldId}
        label=${this.label}
        autocomplete="current-password"
        ?invalid=${this.missing || Boolean(this.problem)}
        .value=${this.value}
        @typed=${({ detail }) => ((this.value = detail), (this.missing = false))}
      ></balon-password>
      ${this.missing ? html`<p class="hint fault" role="alert">${MISSING}</p>` : nothing}
      ${this.problem ? alarm(this.problem) : nothing}
    `;
  }
}

define("balon-current-password", CurrentPassword);
