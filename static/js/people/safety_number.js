import { html, nothing } from "lit";
import { toProblem } from "../problems.js";
import { alarm } from "../ui/alarm.js";
import { copyText } from "../ui/clipboard.js";
import { Dialog } from "../ui/dialog.js";
import { define } from "../ui/element.js";
import { acceptQuestion } from "./accept_question.js";
import { qrCode } from "./qr_code.js";
import { trust } from "./trust.js";

/** Sixty digits that two people compare. Says "changed" once it was told that they are the same, or that this is not known. */
class SafetyNumber extends Dialog {
  static properties = {
    person: { attribute: false }, // {user_id, name, verified, key_changed, safety_number}
    changes: { state: true }, // what of the person this dialog changed: whoever opened it hands over the old ones
    busy: { state: true },
    problem: { state: true },
    said: { state: true },
    asking: { state: true },
  };

  constructor() {
    super();
    this.changes = {};
  }

  get #person() {
    return { ...this.person, ...this.changes };
  }

  async #verify(isVerified) {
    if (this.busy) return;
    Object.assign(this, { busy: true, problem: null, said: null });
    try {
      await this.store.people.verify(this.person, isVerified);
      this.#changed({ verified: isVerified });
      this.said = isVerified ? "Marked as verified, on all your devices." : "Not verified any more.";
    } catch (error) {
      this.problem = toProblem(error);
    }
    this.busy = false;
  }

  #changed(changes) {
    this.changes = { ...this.changes, ...changes };
    this.dispatchEvent(new CustomEvent("changed", { detail: this.#person }));
  }

  async #accepted() {
    this.#changed({ key_changed: false, verified: false });
    this.said = "The new key is accepted. Compare these digits before you mark it as verified.";
    await this.updateComplete;
    this.querySelector("h2").focus();
  }

  async #copy() {
    const copied = await copyText(this.#groups.join(" "));
    this.said = copied ? "Copied." : "This browser did not allow copying.";
  }

  render() {
    return html`${this.frame({ title: "Safety number", body: this.#body })} ${this.asking ? this.#question : nothing}`;
  }

  get #body() {
    const person = this.#person;
    const { problem } = this;
    return html`
      ${problem ? alarm(problem) : nothing}
      <p>
        You and <strong class="wrap">${person.name}</strong> see the same digits, unless somebody stands between you and
        reads along.${person.key_changed ? " They are of the new key." : nothing}
      </p>
      ${this.#digits}
      <p class="quiet">
        Compare them side by side, or read them to each other on a call where you know the voice. Do not compare them in
        this conversation: whoever stands between you could change them here.
      </p>
      <p class="said" aria-live="polite">${this.said ?? nothing}</p>
      <div class="safety-foot">${trust(person)} ${this.#buttons}</div>
    `;
  }

  get #groups() {
    return this.person.safety_number?.match(/\d{5}/g) ?? [];
  }

  get #digits() {
    const groups = this.#groups;
    return html`
      <div class="safety">
        <ol class="safety-number">
          ${groups.map(
            (digits) => html`<li><span role="img" aria-label=${[...digits].join(" ")}>${digits}</span></li>`,
          )}
        </ol>
        ${qrCode(groups.join(" "), "The same digits as a QR code")}
      </div>
    `;
  }

  get #buttons() {
    const { verified, key_changed: isChanged } = this.#person;
    const mark = () => this.#verify(!verified);
    return html`
      <div class="button-row">
        <button type="button" class="button" @click=${this.#copy}>Copy</button>
        ${
          isChanged
            ? html`<button type="button" class="button danger-outline" @click=${() => (this.asking = true)}>
                Accept new key
              </button>`
            : html`<button
                type="button"
                class=${verified ? "button" : "button primary"}
                aria-disabled=${Boolean(this.busy)}
                @click=${mark}
              >
                ${verified ? "Take it back" : "Mark as verified"}
              </button>`
        }
      </div>
    `;
  }

  get #question() {
    return acceptQuestion(this.store, this.#person, {
      confirmed: () => this.#accepted(),
      done: () => (this.asking = false),
    });
  }
}

define("balon-safety-number", SafetyNumber);
