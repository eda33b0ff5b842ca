import { html, nothing } from "lit";
import { toProblem } from "../problems.js";
import { conversationPath } from "../router.js";
import { bar } from "../ui/bar.js";
import { alarm } from "../ui/alarm.js";
import { Element, define } from "../ui/element.js";
import { fullTime } from "../ui/format.js";
import { titleOf } from "./table_titles.js";

/** What the operator could hand over about the account, word for word: nothing here is decrypted. */
class Disclosure extends Element {
  static properties = { tables: { state: true }, problem: { state: true }, opened: { state: true } };

  constructor() {
    super();
    this.tables = this.problem = null;
    this.opened = new Set();
  }

  connectedCallback() {
    super.connectedCallback();
    this.#load();
  }

  firstUpdated() {
    this.querySelector("h1").focus({ preventScroll: true });
  }

  async #load() {
    this.problem = null;
    try {
      this.tables = (await this.store.account.disclosure()).tables;
    } catch (error) {
      this.problem = toProblem(error);
    }
  }

  /** Rows are made when they are looked at: there may be thousands. */
  #toggled(name, open) {
    if (open) this.opened = new Set([...this.opened, name]);
  }

  render() {
    const settings = `${conversationPath(this.store.thread?.id)}#settings`;
    const back = html`<a class="button small" href=${settings} data-route>Back</a>`;
    return html`
      ${bar(this, "What the server sees", back)}
      <div class="settings" tabindex="0" role="region" aria-label="What the server sees">
        <div class="settings-column disclosure" aria-busy=${!this.tables && !this.problem}>
          <p>
            This is everything the server holds about you, and so all that whoever runs it could hand over if they were
            compelled. What you wrote is in it as ciphertext only: without your keys nobody can read it.
          </p>
          ${this.problem ? alarm(this.problem, { actions: { retry: () => this.#load() } }) : nothing} ${this.#content}
        </div>
      </div>
    `;
  }

  get #content() {
    if (!this.tables) return this.problem ? nothing : html`<p class="quiet" role="status">Asking the server…</p>`;
    if (this.tables.length === 0) return html`<p class="quiet">The server gave nothing.</p>`;
    return this.tables.map((table) => this.#table(table));
  }

  #table({ name, explanation, rows, total }) {
    return html`
      <section>
        <h2>${titleOf(name)}</h2>
        <p>${explanation}</p>
        ${
          rows.length === 0
            ? html`<p class="quiet">There is nothing of this kind.</p>`
            : html`<details class="rows" @toggle=${({ target }) => this.#toggled(name, target.open)}>
                <summary>${countOf(rows.length, total)}<span class="code table-name">${name}</span></summary>
                ${this.opened.has(name) ? rows.map((row) => this.#row(row)) : nothing}
              </details>`
        }
      </section>
    `;
  }

  #row(row) {
    return html`<dl class="row">
      ${Object.entries(row).map(
        ([column, value]) => html`
          <dt>${column}</dt>
          <dd class="code">${written(value)} ${this.#time(column, value)}</dd>
        `,
      )}
    </dl>`;
  }

  #time(column, value) {
    if (!column.endsWith("_ms") || typeof value !== "number" || value <= 0) return nothing;
    return html`<span class="row-time">${fullTime(value)}</span>`;
  }
}

function countOf(shown, total) {
  const rows = total === 1 ? "1 row" : `${total} rows`;
  return shown < total ? `${shown} of ${rows}` : rows;
}

function written(value) {
  if (value === null || value === undefined || value === "") return "(empty)";
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}

define("balon-disclosure", Disclosure);
