import { html } from "lit";

/** Tells password managers whose password a form is about; nobody else sees it. */
export function usernameFor(login) {
  return html`<input
    class="for-password-managers"
    type="text"
    autocomplete="username"
    .value=${login ?? ""}
    readonly
    tabindex="-1"
    aria-hidden="true"
  />`;
}
