import { html, nothing } from "lit";
import { alarm } from "../../ui/alarm.js";
import { Element, define } from "../../ui/element.js";

/** Everything in one archive, decrypted here; and what the server could show. */
class YourData extends Element {
  static topics = ["account"];

  #export = () => this.store.account.export();

  render() {
    return html`
      <section>
        <h2>Your data</h2>
        <p>
          Everything you can read here as one archive: Markdown to read, JSON for programs. It is decrypted in this
          browser and is <strong>not encrypted</strong> any more once it is saved.
        </p>
        <button type="button" class="button" aria-disabled=${this.#running} @click=${this.#export}>
          Export everything
        </button>
        ${this.#running ? this.#progress : nothing} ${this.#problem}
        <p class="said" aria-live="polite">${this.#said}</p>
        <p><a class="text-link" href="#server" data-route>What the server sees</a></p>
      </section>
    `;
  }

  get #running() {
    return Boolean(this.store.account.exported?.running);
  }

  get #progress() {
    const { done, total } = this.store.account.exported;
    const share = total > 0 ? Math.round((100 * done) / total) : 0;
    return html`
      <div class="exporting">
        <progress class="bar-of-progress" max="100" .value=${share} aria-label="Exporting everything"></progress>
        <p class="quiet">${total > 0 ? `${done} of ${total}` : "Starting…"}</p>
      </div>
    `;
  }

  get #problem() {
    const problem = this.store.account.exported?.problem;
    return problem ? alarm(problem, { actions: { retry: this.#export } }) : nothing;
  }

  /** The numbers are in the progress bar for whoever asks; a reader is told of the beginning and of the end. */
  get #said() {
    const { exported } = this.store.account;
    if (exported?.running) return "Exporting. You can go on meanwhile; locking or signing out ends it.";
    return exported?.filename ? `Saved to your downloads as ${exported.filename}.` : nothing;
  }
}

define("balon-your-data", YourData);
