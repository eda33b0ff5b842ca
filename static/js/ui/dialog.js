import { html } from "lit";
import { close } from "./icons.js";
import { Element } from "./element.js";

let number = 0;

/**
 * The base of a dialog. It opens when it is put into the document, gives focus back to where it was, and says "done" when it closes.
 * One may open over another: it stands beside the other's frame, not inside.
 */
export class Dialog extends Element {
  #opener = null;
  #titleId = `dialog-${(number += 1)}`;

  connectedCallback() {
    super.connectedCallback();
    this.#opener = document.activeElement;
  }

  firstUpdated() {
    this.querySelector("dialog").showModal();
  }

  close() {
    this.querySelector("dialog").close();
  }

  #closed() {
    if (this.#opener?.isConnected) this.#opener.focus();
    this.dispatchEvent(new Event("done"));
  }

  frame({ title, body, role = "dialog", describedBy = "", wide = false }) {
    return html`
      <dialog
        class=${wide ? "dialog wide" : "dialog"}
        role=${role}
        aria-labelledby=${this.#titleId}
        aria-describedby=${describedBy}
        @close=${this.#closed}
        @click=${(event) => event.target === event.currentTarget && role === "dialog" && this.close()}
      >
        <div class="dialog-body">
          <div class="dialog-head">
            <h2 id=${this.#titleId} tabindex="-1">${title}</h2>
            ${
              role === "dialog"
                ? html`<button
                    type="button"
                    class="icon-button"
                    aria-label="Close"
                    title="Close"
                    @click=${() => this.close()}
                  >
                    ${close}
                  </button>`
                : ""
            }
          </div>
          ${body}
        </div>
      </dialog>
    `;
  }
}
