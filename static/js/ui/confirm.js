import { html, nothing } from "lit";
import { toProblem } from "../problems.js";
import { alarm } from "./alarm.js";
import { Dialog } from "./dialog.js";
import { define } from "./element.js";

/** Asks once more, runs the action, and says "confirmed" when it went well; a refusal stays in sight. */
export class Confirm extends Dialog {
  static properties = {
    title: { attribute: false },
    text: { attribute: false },
    label: { attribute: false },
    action: { attribute: false },
    busy: { state: true },
    problem: { state: true },
  };

  constructor() {
    super();
    this.busy = false;
    this.problem = null;
  }

  async run(action) {
    if (this.busy) return;
    this.busy = true;
    this.problem = null;
    try {
      await action();
      this.#confirmed();
    } catch (error) {
      this.problem = toProblem(error);
    }
    this.busy = false;
  }

  #confirmed() {
    if (!this.isConnected) return;
    this.close();
    this.dispatchEvent(new Event("confirmed"));
  }

  get alarm() {
    return this.problem ? alarm(this.problem) : nothing;
  }

  render() {
    const body = html`
      ${this.alarm}
      <p id="confirm-text" class="wrap">${this.text}</p>
      <div class="button-row end">
        <button type="button" class="button" autofocus @click=${() => this.close()}>Cancel</button>
        <button type="button" class="button danger" aria-disabled=${this.busy} @click=${() => this.run(this.action)}>
          ${this.label}
        </button>
      </div>
    `;
    return this.frame({ title: this.title, body, role: "alertdialog", describedBy: "confirm-text" });
  }
}

define("balon-confirm", Confirm);
