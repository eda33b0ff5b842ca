import { html, nothing } from "lit";
import { alarm } from "../ui/alarm.js";
import "../ui/confirm.js";
import { Element, define } from "../ui/element.js";
import { duration } from "../ui/format.js";
import { chevron } from "../ui/icons.js";
import { plural } from "./imported.js";

const QUESTIONS = {
  finish: {
    title: "Delete the plaintext?",
    text:
      "Every message is encrypted, and was read back and opened here. The server now deletes what it holds in " +
      "plaintext, and there is no way back: from then on this account refuses plaintext, on every device.",
    label: "Finish",
  },
  refuse: {
    title: "Refuse plaintext?",
    text:
      "From then on this account refuses plaintext, on every device, and there is no way back. If you do have older " +
      "conversations, ask whoever runs this server to bring them in first: afterwards they cannot be.",
    label: "Finish",
  },
  rollback: {
    title: "Roll back?",
    text:
      "What was encrypted is deleted. Your older conversations stay on the server in plaintext, exactly as they were, " +
      "and you can encrypt them later.",
    label: "Roll back",
  },
};
const BATCHES = [1, 10, 50, 100, 200, 500];

/** The way of older conversations from plaintext to ciphertext: over the chat, and in the settings with its settings. */
class MigrationRegion extends Element {
  static topics = ["migration"];
  static properties = { inSettings: { attribute: false }, asking: { state: true } };

  get #migration() {
    return this.store.migration;
  }

  render() {
    const { concerns, postponed, isEmpty, ended } = this.#migration;
    if (!concerns || (postponed && !this.inSettings)) return nothing;
    return html`
      <section class="migration" aria-labelledby="migration-title">
        <h2 id="migration-title">
          ${isEmpty && !ended ? "No older conversations" : "Encrypt your older conversations"}
        </h2>
        ${this.#text} ${this.#progress} ${this.#problem} ${this.#failed}
        <p class="said" aria-live="polite">${this.#said}</p>
        <div class="button-row">${this.#buttons}</div>
        ${this.inSettings ? this.#pace : nothing}
      </section>
      ${this.asking ? this.#question : nothing}
    `;
  }

  // --- What is said ---

  get #text() {
    const { known, state, busy, ended, isEmpty } = this.#migration;
    if (ended === "finished")
      return html`<p>
        All of your conversations are encrypted, and no plaintext is left. Balon refuses plaintext in this account from
        now on.
      </p>`;
    if (!known || busy) return nothing;
    if (isEmpty)
      return html`<p>There is nothing from before encryption. Finish, and plaintext is refused for ever.</p>`;
    const all = plural(known.messages, "message");
    const texts = {
      ready: html`${all} in ${plural(known.conversations, "conversation")} were written before Balon encrypted. Whoever
      runs this server can read and change them. They are encrypted here, in this browser, and nothing is deleted before
      you finish.`,
      paused: html`${known.done} of ${all} are encrypted. The others are still readable to whoever runs this server.`,
      elsewhere: html`Another tab or device is encrypting them, or was until a moment ago: ${known.done} of ${all} so
      far.`,
      verified: html`${known.messages === 1 ? "The message is" : `All ${all} are`} encrypted, and each was read back and
      opened. Finish deletes the plaintext; until then you can roll back.`,
      finishing: html`All of your conversations are encrypted. Deleting the plaintext broke off: finish it now.`,
    };
    return texts[state] ? html`<p>${texts[state]}</p>` : nothing;
  }

  get #progress() {
    const { busy, running, isEmpty } = this.#migration;
    if (!busy || isEmpty) return nothing;
    const { done = 0, total = 0 } = running ?? {};
    return html`
      <progress
        class="bar-of-progress"
        max="100"
        .value=${total > 0 ? Math.round((100 * done) / total) : 0}
        aria-label=${{ start: "Encrypting your older conversations", finish: "Deleting the plaintext", rollback: "Rolling back" }[busy]}
      ></progress>
      <p class="quiet">${this.#counts}</p>
    `;
  }

  get #counts() {
    const { busy, running } = this.#migration;
    const { done = 0, total = 0, conversations, conversations_done: settled, rate, seconds_left: left } = running ?? {};
    if (busy !== "start") return total > 0 ? `${done} of ${total}` : "Starting…";
    const parts = [`${done} of ${plural(total, "message")}`];
    if (conversations) parts.push(`${settled} of ${plural(conversations, "conversation")}`);
    if (rate) parts.push(`${rate} a second`);
    if (left) parts.push(`about ${duration(left)} left`);
    if (running.wait_s > 0) parts.push(`waiting, it goes on in ${duration(running.wait_s)}`);
    return parts.join(" · ");
  }

  get #problem() {
    const { problem } = this.#migration;
    return problem ? alarm(problem, { actions: { retry: () => this.#again() } }) : nothing;
  }

  #again() {
    if (this.#migration.known?.state === "paused") this.#migration.start();
    else this.#migration.load();
  }

  get #failed() {
    const failed = this.#migration.busy ? [] : (this.#migration.known?.failed ?? []);
    if (failed.length === 0) return nothing;
    return html`
      <div role="alert">
        <p>${plural(failed.length, "conversation")} could not be encrypted:</p>
        <ul class="refused" aria-label="Not encrypted">
          ${failed.map(({ title, problem }) => html`<li><strong>${title ?? "Untitled"}</strong> ${problem.title} ${problem.detail}</li>`)}
        </ul>
      </div>
    `;
  }

  /** The numbers are in the progress bar for whoever asks; a reader is told of the beginning and of the end. */
  get #said() {
    const { busy, pausing, ended, known, isEmpty } = this.#migration;
    if (pausing) return "Pausing…";
    if (busy === "start") return "Encrypting. You can go on chatting; closing the tab loses nothing.";
    if (busy === "finish") return isEmpty ? "Finishing." : "Deleting the plaintext.";
    if (busy === "rollback") return "Rolling back.";
    if (ended === "rolled back") return "Rolled back. Your older conversations are in plaintext, as they were.";
    return known?.paused ? "Paused." : nothing;
  }

  // --- What can be done ---

  /** What begins something becomes what ends it, in its place, so that the keyboard stays there. */
  get #buttons() {
    const { state, busy, pausing, ended, known, isEmpty } = this.#migration;
    const button = (label, run, { primary = false, disabled = false } = {}) => html`
      <button
        type="button"
        class=${primary ? "button small primary" : "button small"}
        aria-disabled=${disabled}
        @click=${() => disabled || run()}
      >
        ${label}
      </button>
    `;
    const later = this.inSettings ? [] : [button("Later", () => this.#postpone())];
    const back = button("Roll back", () => (this.asking = "rollback"), { disabled: Boolean(busy) });
    const finish = (run) => button("Finish", run, { primary: true, disabled: Boolean(busy) });
    const start = (label) => button(label, () => this.#migration.start(), { primary: true });
    if (ended === "finished") return [button("Understood", () => this.#postpone())];
    if (busy === "start") return [button("Pause", () => this.#migration.pause(), { disabled: pausing })];
    if (busy === "rollback") return [back];
    if (isEmpty) return [finish(() => (this.asking = "refuse")), ...later];
    const rows = {
      ready: () => [start("Start"), ...later],
      paused: () => [start("Resume"), back, ...later],
      elsewhere: () => [start("Resume"), ...later],
      verified: () => [finish(() => (this.asking = "finish")), back, ...later],
      finishing: () => [finish(() => this.#migration.finish())],
    };
    return known || busy ? (rows[state]?.() ?? []) : [];
  }

  #postpone() {
    this.#migration.postpone();
    document.querySelector("balon-composer textarea")?.focus();
  }

  get #question() {
    const { title, text, label } = QUESTIONS[this.asking];
    const run = this.asking === "rollback" ? () => this.#migration.rollBack() : () => this.#migration.finish();
    return html`<balon-confirm
      .title=${title}
      .text=${text}
      .label=${label}
      .action=${() => void run()}
      @done=${() => (this.asking = null)}
    ></balon-confirm>`;
  }

  get #pace() {
    const { batch, busy } = this.#migration;
    return html`
      <div class="setting">
        <label for="migration-batch">Messages at once</label>
        <span class="select boxed">
          <select
            id="migration-batch"
            ?disabled=${Boolean(busy)}
            @change=${({ target }) => (this.#migration.batch = Number(target.value) || null)}
          >
            <option value="" ?selected=${batch === null}>Automatic</option>
            ${BATCHES.map((size) => html`<option value=${size} ?selected=${batch === size}>${size}</option>`)}</select
          >${chevron}</span
        >
      </div>
    `;
  }
}

define("balon-migration", MigrationRegion);
