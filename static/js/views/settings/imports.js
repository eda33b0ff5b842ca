import { html, nothing } from "lit";
import { conversationPath } from "../../router.js";
import { alarm } from "../../ui/alarm.js";
import { Element, define } from "../../ui/element.js";
import { duration, mediumDate } from "../../ui/format.js";
import { PRODUCTS, plural } from "../imported.js";

const LONG = 12; // from this many conversations on there is a search
const SHOWN = 200; // of a long list; the search finds the others
const LEFT_OUT = {
  image: ["image", "images"],
  file: ["file", "files"],
  audio: ["recording", "recordings"],
  video: ["video", "videos"],
  tool: ["use of a tool", "uses of tools"],
  branch: ["message of another branch", "messages of other branches"],
  gap: ["gap", "gaps"],
  reasoning: ["train of thought", "trains of thought"],
  hidden: ["hidden message", "hidden messages"],
  citation: ["mark of a source", "marks of sources"],
  other: ["thing of an unknown kind", "things of unknown kinds"],
};
const STATES = { partly: "Partly imported: the rest is added", imported: "Imported already" };

/** Conversations from other products: a file is looked at here, chosen from, and sealed here. */
class ImportSection extends Element {
  static topics = ["imports"];
  static properties = { query: { state: true }, dragging: { state: true } };

  constructor() {
    super();
    Object.assign(this, { query: "", dragging: false });
  }

  get #imports() {
    return this.store.imports;
  }

  #take(file) {
    this.query = "";
    if (file) this.#imports.look(file);
  }

  #picked({ target }) {
    this.#take(target.files[0]);
    target.value = ""; // the same file may be chosen again
  }

  #over(event, dragging) {
    event.preventDefault();
    this.dragging = dragging;
  }

  #dropped(event) {
    this.#over(event, false);
    this.#take(event.dataTransfer?.files[0]);
  }

  render() {
    const { preview, running, problem, result } = this.#imports;
    return html`
      <section>
        <h2>Import conversations</h2>
        <p>
          From ChatGPT (the ZIP archive of your export, or conversations.json), Open WebUI or LibreChat. The file is
          read and encrypted in this browser; the server gets ciphertext alone.
        </p>
        ${running ? this.#progress : this.#fileChoice} ${problem ? alarm(problem) : nothing}
        <p class="said" aria-live="polite">${this.#said}</p>
        ${result ? this.#result : nothing} ${preview && !running ? this.#preview : nothing}
      </section>
    `;
  }

  // --- The file ---

  get #fileChoice() {
    const { reading } = this.#imports;
    return html`
      <div
        class="drop ${this.dragging ? "over" : ""}"
        @dragover=${(event) => this.#over(event, true)}
        @dragleave=${(event) => this.#over(event, false)}
        @drop=${this.#dropped}
      >
        <button
          type="button"
          class="button"
          aria-disabled=${Boolean(reading)}
          @click=${() => reading || this.querySelector("#import-file").click()}
        >
          ${reading ? html`<span class="spinner" aria-hidden="true"></span>` : nothing}Choose a file
        </button>
        <p class="quiet">${reading?.done ? `${plural(reading.done, "conversation")} read…` : "or drop it here"}</p>
        <input
          type="file"
          id="import-file"
          class="sr-only"
          tabindex="-1"
          aria-label="Export file"
          accept=".zip,.json,application/zip,application/json"
          @change=${this.#picked}
        />
      </div>
    `;
  }

  // --- What is in it ---

  get #preview() {
    const { preview, choosable, chosen } = this.#imports;
    return html`
      ${preview.problem ? alarm(preview.problem) : nothing}
      <h3 tabindex="-1">${plural(preview.conversations.length, "conversation")} from ${PRODUCTS[preview.source]}</h3>
      ${preview.conversations.length >= LONG ? this.#search : nothing} ${this.#selectAll} ${this.#list}
      ${preview.refused.length > 0 ? this.#refused : nothing}
      ${
        choosable.length > 0
          ? html`<button
              type="button"
              class="button primary"
              aria-disabled=${chosen.size === 0}
              @click=${() => this.#imports.begin()}
            >
              Import ${plural(chosen.size, "conversation")}
            </button>`
          : html`<p class="quiet">All of them are imported.</p>`
      }
    `;
  }

  get #search() {
    return html`
      <label class="label" for="import-search">Search titles</label>
      <input
        class="input"
        id="import-search"
        type="search"
        autocomplete="off"
        .value=${this.query}
        @input=${({ target }) => (this.query = target.value)}
      />
    `;
  }

  get #found() {
    const query = this.query.trim().toLowerCase();
    const { conversations } = this.#imports.preview;
    return query ? conversations.filter(({ title }) => title?.toLowerCase().includes(query)) : conversations;
  }

  get #selectAll() {
    const ids = this.#found.filter(({ state }) => state !== "imported").map(({ id }) => id);
    if (ids.length < 2) return nothing;
    const count = ids.filter((id) => this.#imports.chosen.has(id)).length;
    return html`
      <label class="check all">
        <input
          type="checkbox"
          .checked=${count === ids.length}
          .indeterminate=${count > 0 && count < ids.length}
          @change=${({ target }) => this.#imports.choose(ids, target.checked)}
        />
        ${this.query.trim() ? "Select all that were found" : "Select all"}
      </label>
    `;
  }

  get #list() {
    const found = this.#found;
    return html`
      <ul class="importable" aria-label="Conversations in the file">
        ${found.slice(0, SHOWN).map((each) => html`<li>${this.#item(each)}</li>`)}
      </ul>
      ${found.length > SHOWN ? html`<p class="quiet">And ${plural(found.length - SHOWN, "more", "more")}: search to see them.</p>` : nothing}
      ${found.length === 0 ? html`<p class="quiet">No title matches.</p>` : nothing}
    `;
  }

  #item({ id, title, updated_ms: updated, messages, left_out: leftOut, state }) {
    const without = Object.entries(leftOut).map(([kind, count]) =>
      plural(count, ...(LEFT_OUT[kind] ?? LEFT_OUT.other)),
    );
    return html`
      <label class="check">
        <input
          type="checkbox"
          ?disabled=${state === "imported"}
          .checked=${state !== "imported" && this.#imports.chosen.has(id)}
          @change=${({ target }) => this.#imports.choose([id], target.checked)}
        />
        <span class="import-item">
          <span class="import-title">${title ?? "Untitled"}</span>
          <span class="quiet">${mediumDate(updated)} · ${plural(messages, "message")}</span>
          ${without.length > 0 ? html`<span class="quiet">Left out: ${without.join(", ")}</span>` : nothing}
          ${STATES[state] ? html`<span class="quiet">${STATES[state]}</span>` : nothing}
        </span>
      </label>
    `;
  }

  get #refused() {
    const { refused } = this.#imports.preview;
    return html`
      <details class="refused">
        <summary>${plural(refused.length, "conversation")} cannot be imported</summary>
        <ul>
          ${refused.map(
            ({ number, title, problem }) =>
              html`<li><strong>${title ?? `Number ${number}`}</strong> ${problem.title} ${problem.detail}</li>`,
          )}
        </ul>
      </details>
    `;
  }

  // --- Importing ---

  get #progress() {
    const { running, stopping, secondsLeft } = this.#imports;
    const { done, total, conversations_done: settled, conversations, wait_s: wait } = running;
    const left = secondsLeft === null ? "" : `, about ${duration(secondsLeft)} left`;
    return html`
      <div class="exporting">
        <progress
          class="bar-of-progress"
          max="100"
          .value=${total > 0 ? Math.round((100 * done) / total) : 0}
          aria-label="Importing conversations"
        ></progress>
        <p class="quiet">
          ${wait > 0 ? `The server takes no more right now: it goes on in ${duration(wait)}. ` : ""}${settled} of
          ${plural(conversations, "conversation")}, ${done} of ${plural(total, "message")}${left}
        </p>
      </div>
      <button type="button" class="button" aria-disabled=${stopping} @click=${() => stopping || this.#imports.stop()}>
        Stop
      </button>
    `;
  }

  /** The numbers are in the progress bar for whoever asks; a reader is told of the beginning and of the end. */
  get #said() {
    const { running, stopping, reading, result } = this.#imports;
    if (stopping) return "Stopping…";
    if (running) return "Importing. You can go on meanwhile; locking or signing out ends it, and nothing is lost.";
    if (reading) return "Reading the file.";
    if (!result) return nothing;
    const imported = `${plural(result.imported.length, "conversation")} imported`;
    const failed = result.failed.length > 0 ? `, ${result.failed.length} not` : "";
    return `${imported}${failed}.${result.stopped ? " Stopped: what is left is still selected." : ""}`;
  }

  get #result() {
    const { imported, failed, problem } = this.#imports.result;
    return html`
      ${problem ? alarm(problem, { actions: { retry: () => this.#imports.begin() } }) : nothing}
      ${
        failed.length > 0
          ? html`<ul class="refused" aria-label="Not imported">
              ${failed.map(
                ({ title, problem: reason }) =>
                  html`<li><strong>${title ?? "Untitled"}</strong> ${reason.title} ${reason.detail}</li>`,
              )}
            </ul>`
          : nothing
      }
      ${
        imported.length > 0
          ? html`<details class="refused" ?open=${imported.length <= LONG}>
              <summary>What was imported</summary>
              <ul aria-label="Imported">
                ${imported.slice(0, SHOWN).map(
                  ({ id, title }) =>
                    html`<li>
                      <a class="text-link" href=${conversationPath(id)} data-route>${title ?? "Untitled"}</a>
                    </li>`,
                )}
              </ul>
            </details>`
          : nothing
      }
    `;
  }
}

define("balon-import-section", ImportSection);
