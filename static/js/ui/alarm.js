import { html, nothing } from "lit";
import { warning, close } from "./icons.js";

const LABELS = { retry: "Try again", "sign-in": "Sign in", unlock: "Unlock", reload: "Reload" };

/**
 * A refusal: what was refused, why it matters, what the person can do. `actions` maps the action of the problem to what it does here; an
 * action without one shows no button. `more` is what else belongs to it.
 */
export function alarm(problem, { actions = {}, dismiss = null, more = nothing } = {}) {
  const run = problem.action === "reload" ? () => location.reload() : actions[problem.action];
  return html`
    <div class="alarm" role="alert">
      ${warning}
      <div class="alarm-text">
        <p class="alarm-title">${problem.title}</p>
        <p>${problem.detail}</p>
        ${more}
        ${run ? html`<button type="button" class="button small" @click=${run}>${LABELS[problem.action]}</button>` : nothing}
      </div>
      ${
        dismiss
          ? html`<button type="button" class="icon-button" aria-label="Dismiss" title="Dismiss" @click=${dismiss}>
              ${close}
            </button>`
          : nothing
      }
    </div>
  `;
}
