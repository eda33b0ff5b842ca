import { html, nothing } from "lit";
import { Element, define } from "./element.js";
import { check } from "./icons.js";

const STEPS = { ArrowDown: 1, ArrowUp: -1 };

/**
 * A button that opens a menu, with the keyboard of the ARIA menu button pattern. An item is {label, run, danger}, or a choice of
 * several: {label, choices: [{label, run, checked}]}.
 */
class Menu extends Element {
  static properties = {
    label: {},
    items: { attribute: false },
    face: { attribute: false },
    buttonClass: { attribute: false },
    open: { state: true },
  };

  #outside = (event) => this.contains(event.target) || this.#close(false);

  constructor() {
    super();
    this.open = false;
    this.items = [];
    this.buttonClass = "icon-button";
  }

  disconnectedCallback() {
    super.disconnectedCallback();
    removeEventListener("pointerdown", this.#outside, true);
  }

  get #rows() {
    return [...this.querySelectorAll("[role^=menuitem]")];
  }

  async #show(index = 0) {
    this.open = true;
    addEventListener("pointerdown", this.#outside, true);
    await this.updateComplete;
    this.#rows.at(index)?.focus();
  }

  #close(refocus = true) {
    if (!this.open) return;
    this.open = false;
    removeEventListener("pointerdown", this.#outside, true);
    if (refocus) this.querySelector("[aria-haspopup]").focus();
  }

  #buttonKey(event) {
    if (!(event.key in STEPS)) return;
    event.preventDefault();
    this.#show(event.key === "ArrowUp" ? -1 : 0);
  }

  #menuKey(event) {
    const rows = this.#rows;
    const at = rows.indexOf(document.activeElement);
    const moves = {
      Home: 0,
      End: rows.length - 1,
      ArrowDown: (at + 1) % rows.length,
      ArrowUp: (at - 1 + rows.length) % rows.length,
    };
    if (event.key in moves) rows[moves[event.key]].focus();
    else if (event.key === "Escape") this.#close();
    else if (event.key === "Tab") return this.#close(false);
    else if (event.key.length === 1)
      rows.find((row) => row.textContent.trim().toLowerCase().startsWith(event.key.toLowerCase()))?.focus();
    else return;
    if (event.key !== " ") event.preventDefault();
    event.stopPropagation();
  }

  /** Focus returns to the button first, so that a dialog that opens gives it back there. */
  #choose(item) {
    this.#close();
    item.run();
  }

  render() {
    return html`
      <button
        type="button"
        class=${this.buttonClass}
        aria-label=${this.label}
        title=${this.label}
        aria-haspopup="menu"
        aria-expanded=${this.open}
        @click=${() => (this.open ? this.#close() : this.#show())}
        @keydown=${this.#buttonKey}
      >
        ${this.face}
      </button>
      <div class="menu" role="menu" aria-label=${this.label} ?hidden=${!this.open} @keydown=${this.#menuKey}>
        ${this.items.map((item) => (item.choices ? this.#group(item) : this.#item(item)))}
      </div>
    `;
  }

  #group({ label, choices }) {
    return html`
      <div class="menu-group" role="group" aria-label=${label}>
        <p class="menu-heading" aria-hidden="true">${label}</p>
        ${choices.map((choice) => this.#item(choice))}
      </div>
    `;
  }

  #item(item) {
    const isChoice = item.checked !== undefined;
    return html`<button
      type="button"
      role=${isChoice ? "menuitemradio" : "menuitem"}
      aria-checked=${isChoice ? item.checked : nothing}
      tabindex="-1"
      class=${item.danger ? "menu-item danger" : "menu-item"}
      @click=${() => this.#choose(item)}
    >
      ${item.label}${item.checked ? check : nothing}
    </button>`;
  }
}

define("balon-menu", Menu);
