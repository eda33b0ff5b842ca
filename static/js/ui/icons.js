import { html, svg } from "lit";

// Drawn for Balon on a 20 px grid, strokes of 1.5. They are decoration: every control has a name of its own.
const icon = (paths) => html`<svg class="icon" viewBox="0 0 20 20" aria-hidden="true" focusable="false">${paths}</svg>`;

export const mark = html`<svg class="mark" viewBox="0 0 32 32" aria-hidden="true" focusable="false">
  <path class="mark-body" d="M16 2.5a12 12 0 0 1 4.2 23.2l-2.9 3.9a1.6 1.6 0 0 1-2.6 0l-2.9-3.9A12 12 0 0 1 16 2.5Z" />
  <path class="mark-hole" d="M16 9.6a3.1 3.1 0 0 1 1.55 5.78l.95 4.12h-5l.95-4.12A3.1 3.1 0 0 1 16 9.6Z" />
</svg>`;

export const plus = icon(svg`<path d="M10 4v12M4 10h12" />`);
export const menu = icon(svg`<path d="M3.5 6h13M3.5 10h13M3.5 14h13" />`);
export const close = icon(svg`<path d="m5 5 10 10M15 5 5 15" />`);
export const people = icon(
  svg`<circle cx="7.5" cy="7" r="2.75" /><path d="M2.25 16c.4-3 2.4-4.5 5.25-4.5s4.85 1.5 5.25 4.5" /><path d="M13 4.6a2.5 2.5 0 0 1 0 4.8M14.6 11.8c1.8.5 2.9 1.9 3.15 4.2" />`,
);
export const dots = icon(
  svg`<g class="fill"><circle cx="4.5" cy="10" r="1.5" /><circle cx="10" cy="10" r="1.5" /><circle cx="15.5" cy="10" r="1.5" /></g>`,
);
export const shield = icon(
  svg`<path d="M10 2.75 4 5v4.6c0 3.6 2.4 6.2 6 7.65 3.6-1.45 6-4.05 6-7.65V5Z" /><path d="m7.4 9.9 1.9 1.9 3.4-3.6" />`,
);
export const send = icon(svg`<path d="M10 16V4.5M5 9.25 10 4.25l5 5" />`);
export const stop = icon(svg`<rect class="fill" x="5.5" y="5.5" width="9" height="9" rx="1.75" />`);
export const down = icon(svg`<path d="M10 4v11.5M5 10.75l5 5 5-5" />`);
export const copy = icon(
  svg`<rect x="7" y="7" width="9.25" height="9.25" rx="2" /><path d="M13 7V5.5a2 2 0 0 0-2-2H5.5a2 2 0 0 0-2 2V11a2 2 0 0 0 2 2H7" />`,
);
export const check = icon(svg`<path d="m4.5 10.5 3.75 3.75L15.5 6.5" />`);
export const retry = icon(svg`<path d="M15.75 10a5.75 5.75 0 1 1-1.7-4.1l1.7 1.7" /><path d="M15.75 3.9v3.7h-3.7" />`);
export const warning = icon(
  svg`<path d="M10 3.25 2.5 16.25h15Z" /><path d="M10 8.25v3.5" /><circle class="fill" cx="10" cy="13.9" r=".55" />`,
);
export const lock = icon(
  svg`<rect x="4.25" y="9" width="11.5" height="7.75" rx="2" /><path d="M6.75 9V6.75a3.25 3.25 0 0 1 6.5 0V9" />`,
);
export const eye = icon(
  svg`<path d="M2.25 10S5 4.75 10 4.75 17.75 10 17.75 10 15 15.25 10 15.25 2.25 10 2.25 10Z" /><circle cx="10" cy="10" r="2.25" />`,
);
export const eyeOff = icon(
  svg`<path d="M4 6.9C2.85 8.3 2.25 10 2.25 10S5 15.25 10 15.25c1.2 0 2.25-.3 3.2-.75M8 5c.6-.17 1.3-.25 2-.25 5 0 7.75 5.25 7.75 5.25s-.6 1.2-1.8 2.5M3.5 3.5l13 13" />`,
);
export const person = icon(svg`<circle cx="10" cy="6.75" r="3" /><path d="M4 16.5c.5-3.4 2.8-5 6-5s5.5 1.6 6 5" />`);
export const chevron = icon(svg`<path d="m6 8 4 4 4-4" />`);
export const info = icon(
  svg`<circle cx="10" cy="10" r="7" /><path d="M10 9.25v4" /><circle class="fill" cx="10" cy="6.6" r=".7" />`,
);
export const key = icon(svg`<circle cx="6.75" cy="13.25" r="3.25" /><path d="m9.1 10.9 6.65-6.65M13 7l2.25 2.25" />`);
