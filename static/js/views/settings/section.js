import { html, nothing } from "lit";
import { toProblem } from "../../problems.js";
import { alarm } from "../../ui/alarm.js";
import { Element, rendered } from "../../ui/element.js";

/**
 * The base of a section of the settings: quiet text and a button that opens a form. What an action did is said where
 * it was asked for, and the focus goes back to the button.
 */
export class Section extends Element {
  static topics = ["session"];
  static properties = {
    open: { state: true },
    busy: { state: true },
    problem: { state: true },
    said: { state: true },
  };

  constructor() {
    super();
    Object.assign(this, { open: false, busy: false, problem: null, said: null });
  }

  async show() {
    Object.assign(this, { open: true, problem: null, said: null });
    await rendered(this);
    this.querySelector("form :is(input:not([tabindex='-1']), textarea)")?.focus();
  }

  async hide(said = null) {
    Object.assign(this, { open: false, problem: null, said });
    await this.updateComplete;
    this.querySelector(".opener")?.focus();
  }

  /** Runs one action at a time; `said` is told when it went well. */
  async run(action, said = null) {
    if (this.busy) return;
    Object.assign(this, { busy: true, problem: null, said: null });
    try {
      if (await action()) await this.hide(said);
      else await this.focusFault();
    } catch (error) {
      this.problem = toProblem(error);
      await this.focusFault();
    }
    this.busy = false;
  }

  async focusFault() {
    await rendered(this);
    this.querySelector("[aria-invalid=true]")?.focus();
  }

  /** The alarm of a problem that concerns a field; `concerns` says whether it does. */
  faultAt(concerns) {
    return this.problem && concerns(this.problem) ? alarm(this.problem) : nothing;
  }

  /** The alarm of a problem that concerns no field. */
  faultBeside(concerns = () => false) {
    return this.problem && !concerns(this.problem) ? alarm(this.problem, { actions: this.actions }) : nothing;
  }

  get actions() {
    return {
      retry: () => this.querySelector("form")?.requestSubmit(),
      "sign-in": () => this.store.signOut(),
      unlock: () => this.store.lock(),
    };
  }

  get outcome() {
    return html`<p class="said" aria-live="polite">${this.said ?? nothing}</p>`;
  }

  opener(label) {
    return html`<button type="button" class="button opener" @click=${() => this.show()}>${label}</button>`;
  }

  form(body, { label, action = label, submit }) {
    const send = (event) => {
      event.preventDefault();
      submit();
    };
    return html`
      <form class="form setting-form" novalidate @submit=${send} aria-busy=${this.busy} aria-label=${label}>
        ${body}
        <div class="button-row">
          <button class="button primary" aria-disabled=${this.busy}>
            ${this.busy ? html`<span class="spinner" aria-hidden="true"></span>` : nothing}${action}
          </button>
          <button type="button" class="button" aria-disabled=${this.busy} @click=${() => this.busy || this.hide()}>
            Cancel
          </button>
        </div>
      </form>
    `;
  }
}

/** Whether a refusal is about the password that was asked for. */
export function concernsPassword({ code }) {
  return ["wrong-password", "sign-in-refused", "proof-refused"].includes(code);
}
