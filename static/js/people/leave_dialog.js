import { html } from "lit";
import { Confirm } from "../ui/confirm.js";
import { define } from "../ui/element.js";

const LEAVING =
  "You no longer read it, here or on your other devices, and the others see that you left. What you wrote stays with them; " +
  "they go on under a new key. Only an owner can invite you again.";
const LAST_OWNER =
  "You are its only owner. Make somebody else an owner first, in the list of members, or delete the conversation for everybody.";

/** Says what leaving means, or what the last owner has to do before. */
class Leave extends Confirm {
  static properties = { thread: { attribute: false }, isLastOwner: { attribute: false } };

  constructor() {
    super();
    Object.assign(this, {
      title: "Leave this conversation?",
      label: "Leave",
      action: () => this.store.library.leave(this.thread.id),
    });
  }

  render() {
    this.text = this.isLastOwner ? LAST_OWNER : LEAVING;
    return this.isLastOwner ? this.#refusal : super.render();
  }

  get #refusal() {
    const body = html`
      <p id="confirm-text">${this.text}</p>
      <div class="button-row end">
        <button type="button" class="button" autofocus @click=${() => this.close()}>Close</button>
      </div>
    `;
    return this.frame({ title: "You cannot leave yet", body, role: "alertdialog", describedBy: "confirm-text" });
  }
}

define("balon-leave-dialog", Leave);
