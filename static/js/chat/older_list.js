import { html, nothing } from "lit";
import { repeat } from "lit/directives/repeat.js";
import { olderPath } from "../router.js";
import { Element, define } from "../ui/element.js";

const SHOWN = 8; // until all are asked for

/** Below the list: conversations that are still in plaintext. */
class OlderList extends Element {
  static topics = ["migration", "route"];
  static properties = { all: { state: true } };

  render() {
    const { items } = this.store.migration;
    if (items.length === 0) return nothing;
    const shown = this.all ? items : items.slice(0, SHOWN);
    return html`
      <h2 class="list-heading" id="older-heading">Not yet encrypted</h2>
      <ul class="list" aria-labelledby="older-heading">
        ${repeat(
          shown,
          ({ id }) => id,
          (item) => html`<li>${this.#item(item)}</li>`,
        )}
      </ul>
      ${
        shown.length < items.length
          ? html`<button type="button" class="link list-more" @click=${() => (this.all = true)}>
              Show all ${items.length}
            </button>`
          : nothing
      }
    `;
  }

  #item({ id, title, encrypted }) {
    const isCurrent = this.store.router.route.older === id;
    return html`
      <a
        class="list-link"
        href=${olderPath(id)}
        data-route
        aria-current=${isCurrent ? "page" : nothing}
        @click=${() => this.dispatchEvent(new Event("settled"))}
      >
        <span class="list-title">${title || "Untitled conversation"}</span>
        ${encrypted ? html`<span class="list-from">waits for Finish</span>` : nothing}
      </a>
    `;
  }
}

define("balon-older-list", OlderList);
