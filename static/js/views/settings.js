import { html, nothing } from "lit";
import { toProblem } from "../problems.js";
import { conversationPath } from "../router.js";
import { bar } from "../ui/bar.js";
import { alarm } from "../ui/alarm.js";
import { Element, define } from "../ui/element.js";
import { groups, mediumDate } from "../ui/format.js";
import { chevron } from "../ui/icons.js";
import "./migration.js";
import "./settings/deletion.js";
import "./settings/devices.js";
import "./settings/exposed.js";
import "./settings/imports.js";
import "./settings/kit.js";
import "./settings/login_name.js";
import "./settings/password.js";
import "./settings/your_data.js";

const IDLE_MINUTES = [1, 5, 15, 30, 60];

class Settings extends Element {
  static topics = ["preferences", "session"];
  static properties = { problem: { state: true }, saved: { state: true } };

  /** Settings open inside the chat, so it is they who take the focus. */
  firstUpdated() {
    if (!this.store.account.wantsKitCheck) this.querySelector("h1").focus({ preventScroll: true });
  }

  async #idle({ target }) {
    this.problem = this.saved = null;
    try {
      await this.store.updateSettings({ idle_minutes: Number(target.value) });
      this.saved = true;
    } catch (error) {
      this.problem = toProblem(error);
    }
  }

  get #choices() {
    const current = this.store.settings?.idle_minutes ?? this.store.session?.idle_minutes ?? 15;
    const all = [...new Set([...IDLE_MINUTES, current])].sort((a, b) => a - b);
    return all.map(
      (minutes) =>
        html`<option value=${minutes} ?selected=${minutes === current}>
          ${minutes === 1 ? "1 minute" : `${minutes} minutes`}
        </option>`,
    );
  }

  render() {
    const { store } = this;
    const done = html`<a class="button small" href=${conversationPath(store.thread?.id)} data-route>Done</a>`;
    return html`
      ${bar(this, "Settings", done)}
      <div class="settings" tabindex="0" role="region" aria-label="Settings">
        <div class="settings-column">
          <balon-migration .store=${store} .inSettings=${true}></balon-migration>
          <balon-login-name-section .store=${store}></balon-login-name-section>
          <balon-password-section .store=${store}></balon-password-section>
          <balon-exposed-section .store=${store}></balon-exposed-section>
          <balon-kit-section .store=${store}></balon-kit-section>
          <balon-devices-section .store=${store}></balon-devices-section>
          ${this.#lock} ${this.#appearance} ${this.#gateway}
          <balon-import-section .store=${store}></balon-import-section>
          <balon-your-data .store=${store}></balon-your-data>
          <balon-deletion-section .store=${store}></balon-deletion-section>
        </div>
      </div>
    `;
  }

  get #lock() {
    return html`
      <section>
        <h2>Lock</h2>
        ${this.problem ? alarm(this.problem) : nothing}
        <div class="setting">
          <label for="idle">Lock when nothing happens for</label>
          <span class="select boxed"
            ><select id="idle" @change=${this.#idle}>
              ${this.#choices}</select
            >${chevron}</span
          >
        </div>
        <p class="quiet" aria-live="polite">
          ${this.saved ? "Saved." : "Locking removes your keys from memory, in all tabs. Your password brings them back."}
        </p>
        <p class="quiet">${this.#whereKeysRest}</p>
      </section>
    `;
  }

  get #whereKeysRest() {
    return this.store.session?.persistent === false
      ? "This browser could not store your keys: a reload asks for your password."
      : "Until then they rest in this browser in a form that cannot be exported.";
  }

  get #appearance() {
    return html`
      <section>
        <h2>Appearance</h2>
        <p>Light or dark, and motion, follow your system.</p>
      </section>
    `;
  }

  get #gateway() {
    const { gateway } = this.store;
    if (!gateway) return nothing;
    return html`
      <section>
        <h2>Inference gateway</h2>
        <p>
          Prompts are sealed to the one gateway with this fingerprint. Whoever runs it can tell you whether it is right.
        </p>
        <p class="code fingerprint">${groups(gateway.fingerprint)}</p>
        <p class="quiet">
          ${gateway.first_use ? "Trusted on first use, just now." : `Known to this account since ${mediumDate(gateway.pinned_ms)}.`}
        </p>
      </section>
    `;
  }
}

define("balon-settings", Settings);
