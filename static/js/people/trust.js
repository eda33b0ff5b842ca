import { html } from "lit";
import { check, warning } from "../ui/icons.js";

/** Whether a person's key was compared, calm unless it changed. */
export function trust({ verified, key_changed: isChanged }) {
  if (isChanged) return html`<span class="trust changed">${warning}New key</span>`;
  if (verified) return html`<span class="trust good">${check}Verified</span>`;
  return html`<span class="trust">Not verified</span>`;
}
