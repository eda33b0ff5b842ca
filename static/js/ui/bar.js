import { html } from "lit";
import { menu } from "./icons.js";

/** The head of a view: the button that opens the list on narrow screens, the title, and what can be done. */
export const bar = (view, title, actions) => html`
  <header class="bar">
    <button
      type="button"
      class="icon-button drawer-open"
      aria-label="Show the list"
      title="Show the list"
      @click=${() => view.dispatchEvent(new Event("open-drawer"))}
    >
      ${menu}
    </button>
    <h1 class="bar-title" tabindex="-1">${title}</h1>
    ${actions}
  </header>
`;
