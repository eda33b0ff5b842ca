import { html } from "lit";
import { mark } from "../ui/icons.js";

/** The frame of every view outside the chat: one column, the mark, a heading, and what it is for. */
export function entry({ title, lead, body, foot = "", figure = "" }) {
  return html`
    <main class=${figure ? "entry with-figure" : "entry"}>
      <div class="entry-column">
        <div class="brand">${mark}<span class="brand-name">Balon</span></div>
        <h1 tabindex="-1">${title}</h1>
        ${lead ? html`<p class="lead">${lead}</p>` : ""} ${body} ${foot}
      </div>
      ${figure}
    </main>
  `;
}
