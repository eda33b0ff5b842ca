import { html, nothing } from "lit";
import { Element, define } from "../ui/element.js";

/** The conversation that was on screen went without this person having asked for it. */
class GoneNote extends Element {
  static topics = ["library"];

  #understood() {
    this.store.library.understood();
    document.querySelector("balon-composer textarea")?.focus();
  }

  render() {
    return html`<div aria-live="polite">${this.store.library.gone ? this.#note : nothing}</div>`;
  }

  get #note() {
    return html`
      <div class="note calm">
        <p>
          <strong class="wrap">${this.store.library.gone}</strong> is no longer here: it was deleted, or you were
          removed from it or left it on another device.
        </p>
        <button type="button" class="button small" @click=${() => this.#understood()}>Understood</button>
      </div>
    `;
  }
}

define("balon-gone-note", GoneNote);
