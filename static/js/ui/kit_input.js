import { html, nothing } from "lit";
import { alarm } from "./alarm.js";
import { Element, define } from "./element.js";

const FILE_MAX_BYTES = 65_536; // a kit has about ten thousand
const MISSING = {
  code: "kit-missing",
  title: "There is no recovery kit yet.",
  detail: "Paste the whole kit, or choose the file that you saved.",
  action: null,
};
const TOO_LARGE = {
  code: "kit-too-large",
  title: "This file is not a recovery kit.",
  detail: "A kit is a short text file named balon-recovery-kit. Nothing of this file was read or sent.",
  action: null,
};
const UNREADABLE = {
  code: "kit-unreadable",
  title: "This file could not be read.",
  detail: "Choose it again, or open it and paste its text.",
  action: null,
};

/** Whether a refusal is about the kit, and so belongs to this field. */
export function concernsKit({ code }) {
  return code.startsWith("kit-") || code.startsWith("recovery-");
}

/** A recovery kit, pasted or from its file; what a file holds lands in the text box, so that there is one thing to look at. */
class KitInput extends Element {
  static properties = { value: { state: true }, problem: { attribute: false }, own: { state: true } };

  constructor() {
    super();
    this.clear();
  }

  clear() {
    Object.assign(this, { value: "", own: null });
  }

  get input() {
    return this.querySelector("textarea");
  }

  async focus(options) {
    await this.updateComplete;
    this.input.focus(options);
  }

  /** Whether there is something to send. */
  check() {
    this.own = this.value.trim() ? null : MISSING;
    return !this.own;
  }

  #typed({ target }) {
    this.value = target.value;
    this.own = null;
    this.dispatchEvent(new Event("typed"));
  }

  async #chosen({ target }) {
    const [file] = target.files;
    if (!file) return;
    this.dispatchEvent(new Event("typed"));
    this.own = file.size > FILE_MAX_BYTES ? TOO_LARGE : null;
    if (this.own) return;
    try {
      this.value = await file.text();
    } catch {
      this.own = UNREADABLE;
    }
  }

  render() {
    const problem = this.own ?? this.problem;
    return html`
      <div class="field">
        <label class="label" for="kit">Recovery kit</label>
        <textarea
          class="input kit-text"
          id="kit"
          rows="4"
          autocomplete="off"
          autocapitalize="none"
          autocorrect="off"
          spellcheck="false"
          placeholder="Paste the whole kit: code and credential"
          aria-invalid=${problem ? "true" : nothing}
          aria-describedby=${problem ? "kit-fault" : nothing}
          .value=${this.value}
          @input=${this.#typed}
        ></textarea>
      </div>
      <div class="field">
        <label class="label" for="kit-file">Recovery kit file</label>
        <input class="file" id="kit-file" type="file" accept=".txt,text/plain" @change=${this.#chosen} />
      </div>
      ${problem ? html`<div id="kit-fault">${alarm(problem)}</div>` : nothing}
    `;
  }
}

define("balon-kit-input", KitInput);
