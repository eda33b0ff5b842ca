import { html, nothing } from "lit";
import { toProblem } from "../problems.js";
import { alarm } from "../ui/alarm.js";
import { Element, define } from "../ui/element.js";

/** Over the chat, once a month: whether the way back is still there. */
class KitNote extends Element {
  static topics = ["account"];
  static properties = { busy: { state: true }, problem: { state: true } };

  async #later() {
    if (this.busy) return;
    this.busy = true;
    this.problem = null;
    try {
      await this.store.account.putOffReminder();
      document.querySelector("balon-composer textarea")?.focus();
    } catch (error) {
      this.problem = toProblem(error);
    }
    this.busy = false;
  }

  render() {
    if (!this.store.account.isKitDue) return nothing;
    return html`
      ${this.problem ? alarm(this.problem) : nothing}
      <div class="note calm" role="region" aria-labelledby="kit-note">
        <p>
          <strong id="kit-note">Can you still recover your account?</strong> Your recovery kit is the only way back if
          you lose your password. See whether you still have it.
        </p>
        <div class="button-row">
          <button type="button" class="button small" @click=${() => this.store.account.goToKitCheck()}>
            Check your kit
          </button>
          <button type="button" class="button small" aria-disabled=${Boolean(this.busy)} @click=${this.#later}>
            Later
          </button>
        </div>
      </div>
    `;
  }
}

define("balon-kit-note", KitNote);
