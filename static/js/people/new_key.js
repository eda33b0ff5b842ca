import { html, nothing } from "lit";
import { toProblem } from "../problems.js";
import { alarm } from "../ui/alarm.js";
import { Element, define } from "../ui/element.js";
import { acceptQuestion } from "./accept_question.js";
import "./safety_number.js";

/** The alarm of a conversation in which somebody's key changed: who it is, what it may mean, and both ways on. */
class NewKey extends Element {
  static properties = {
    conversationId: { attribute: false },
    problem: { attribute: false },
    people: { state: true },
    fault: { state: true },
    asking: { state: true }, // {kind: "compare" or "accept", person}
  };

  #load = async () => {
    this.fault = null;
    try {
      const { members } = await this.store.people.members(this.conversationId);
      this.people = members.filter(({ key_changed: isChanged }) => isChanged);
    } catch (error) {
      this.fault = toProblem(error);
    }
  };

  connectedCallback() {
    super.connectedCallback();
    this.store.addEventListener("members", this.#load);
    this.#load();
  }

  disconnectedCallback() {
    super.disconnectedCallback();
    this.store.removeEventListener("members", this.#load);
  }

  render() {
    return html`${alarm({ ...this.problem, action: null }, { more: this.#more })}
    ${this.asking ? this.#dialog : nothing}`;
  }

  get #more() {
    return html`
      <p>
        They may have set up their account anew, or replaced a key that was exposed. Or somebody stands between you. Ask
        them in another way, by phone or in person, and compare the digits before you accept.
      </p>
      ${this.fault ? alarm(this.fault, { actions: { retry: this.#load } }) : nothing}
      <ul class="new-keys">
        ${(this.people ?? []).map((person) => this.#person(person))}
      </ul>
    `;
  }

  #person(person) {
    const id = `new-key-${person.user_id}`;
    const button = (label, kind) =>
      html`<button
        type="button"
        class="button small"
        aria-describedby=${id}
        @click=${() => (this.asking = { kind, person })}
      >
        ${label}
      </button>`;
    return html`
      <li>
        <span class="new-key-name" id=${id}>${person.name}</span>
        ${button("Compare", "compare")} ${button("Accept new key", "accept")}
      </li>
    `;
  }

  get #dialog() {
    const { kind, person } = this.asking;
    const done = () => (this.asking = null);
    if (kind === "accept") return acceptQuestion(this.store, person, { confirmed: () => {}, done });
    return html`<balon-safety-number .store=${this.store} .person=${person} @done=${done}></balon-safety-number>`;
  }
}

define("balon-new-key", NewKey);
