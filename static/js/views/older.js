import { html, nothing } from "lit";
import "../chat/message.js";
import { toProblem } from "../problems.js";
import { bar } from "../ui/bar.js";
import { alarm } from "../ui/alarm.js";
import { Element, define } from "../ui/element.js";

// What a message asks of the conversation around it: nothing changes here, and nothing is written.
const THREAD = { writable: false, watch: () => () => {} };

/** A conversation that is still in plaintext: to read, and nothing else. */
class Older extends Element {
  static topics = ["migration"];
  static properties = {
    conversationId: { attribute: false },
    page: { state: true },
    busy: { state: true },
    problem: { state: true },
  };

  willUpdate(changed) {
    if (this.store.migration.refusesPlaintext) this.page = null;
    if (!changed.has("conversationId")) return;
    this.page = null;
    this.#load();
  }

  firstUpdated() {
    this.querySelector("h1").focus({ preventScroll: true });
  }

  async #load() {
    const id = this.conversationId;
    const before = this.page;
    Object.assign(this, { busy: true, problem: null });
    try {
      const page = await this.store.migration.read(id, before?.last ?? 0);
      if (id === this.conversationId)
        this.page = { ...page, messages: [...(before?.messages ?? []), ...page.messages] };
    } catch (error) {
      if (id === this.conversationId) this.#refused(toProblem(error));
    }
    this.busy = false;
  }

  #refused(problem) {
    this.problem = problem;
    if (problem.code !== "migration-over") return;
    this.page = null; // another tab or device finished: nothing in plaintext is shown any more
    this.store.migration.load();
  }

  render() {
    const title = this.page?.title ?? this.store.migration.item(this.conversationId)?.title ?? "Untitled conversation";
    return html`
      ${bar(this, title, html`<a class="button small" href="/" data-route>Done</a>`)}
      <div class="log older" tabindex="0" role="region" aria-label="Older conversation" aria-busy=${Boolean(this.busy)}>
        <div class="log-content">
          <p class="note">${this.#note}</p>
          ${this.page ? this.#messages : nothing}
          ${this.problem ? alarm(this.problem, { actions: { retry: () => this.#load() } }) : nothing} ${this.#more}
        </div>
      </div>
    `;
  }

  get #note() {
    return this.store.migration.refusesPlaintext
      ? "It is encrypted by now: you find it among your conversations."
      : "Not encrypted: the server could have changed this. You can only read it.";
  }

  get #messages() {
    const { messages } = this.page;
    if (messages.length === 0) return html`<p class="quiet">There are no messages in it.</p>`;
    return messages.map(
      (message) => html`<balon-message .store=${this.store} .thread=${THREAD} .message=${message}></balon-message>`,
    );
  }

  get #more() {
    if (!this.page?.more) return nothing;
    return html`<button
      type="button"
      class="button"
      aria-disabled=${Boolean(this.busy)}
      @click=${() => this.busy || this.#load()}
    >
      Show more
    </button>`;
  }
}

define("balon-older", Older);
