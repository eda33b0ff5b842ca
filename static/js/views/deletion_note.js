import { html, nothing } from "lit";
import { toProblem } from "../problems.js";
import { alarm } from "../ui/alarm.js";
import { Element, define } from "../ui/element.js";
import { mediumDate } from "../ui/format.js";

/** Over the chat while the account waits to be deleted. */
class DeletionNote extends Element {
  static topics = ["account"];
  static properties = { busy: { state: true }, problem: { state: true } };

  async #keep() {
    if (this.busy) return;
    this.busy = true;
    this.problem = null;
    try {
      await this.store.account.cancelDeletion();
      document.querySelector("balon-composer textarea")?.focus();
    } catch (error) {
      this.problem = toProblem(error);
    }
    this.busy = false;
  }

  render() {
    const { deleteAfter } = this.store.account;
    if (!deleteAfter) return nothing;
    return html`
      ${this.problem ? alarm(this.problem) : nothing}
      <div class="note">
        <p>Your account is deleted for good on <strong>${mediumDate(deleteAfter)}</strong>.</p>
        <button type="button" class="button small" aria-disabled=${Boolean(this.busy)} @click=${this.#keep}>
          Keep my account
        </button>
      </div>
    `;
  }
}

define("balon-deletion-note", DeletionNote);
