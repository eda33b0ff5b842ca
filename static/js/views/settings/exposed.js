import { html, nothing } from "lit";
import "../../password/new_password.js";
import { define } from "../../ui/element.js";
import { usernameFor } from "../../ui/username.js";
import "../kit_dialog.js";
import "./current_password.js";
import { Section, concernsPassword } from "./section.js";

const DONE =
  "Your keys are replaced. Your other devices were signed out, the old kit is void, and every conversation gets a new key " +
  "before its next message.";

/** "My password was exposed": not the lock alone, but everything behind it is made anew. */
class ExposedSection extends Section {
  static topics = ["session", "account"];

  async #replace() {
    const current = this.querySelector("balon-current-password");
    const next = this.querySelector("balon-new-password");
    const isNew = this.querySelector("#new-identity").checked;
    const given = current.check();
    if (!(await next.check()) || !given) return false;
    await this.store.account.rotateKeys(current.value, next.value, isNew);
    return true;
  }

  render() {
    return html`
      <section>
        <h2>If somebody knows your password</h2>
        <p>
          Whoever had it may have copied the keys behind it. Replacing them gives you a new password, new keys and a new
          recovery kit, and every conversation gets a new key before its next message.
        </p>
        <p class="quiet">What was written before can still be read by whoever copied it: nothing takes that back.</p>
        ${this.open ? this.#form : this.opener("My password was exposed")} ${this.outcome}
      </section>
    `;
  }

  get #form() {
    const problem = this.problem && concernsPassword(this.problem) ? this.problem : null;
    const { login } = this.store.session ?? {};
    const body = html`
      ${this.faultBeside(concernsPassword)} ${usernameFor(login)}
      <balon-current-password
        class="field"
        field-id="exposed-password"
        label="Current password"
        .problem=${problem}
      ></balon-current-password>
      <balon-new-password
        id-prefix="exposed-new-"
        label="New password"
        confirm-label="Confirm new password"
        .login=${login ?? ""}
      ></balon-new-password>
      ${this.#identity} ${this.#progress}
    `;
    return this.form(body, {
      label: "My password was exposed",
      action: "Replace my keys",
      submit: () => this.run(() => this.#replace(), DONE),
    });
  }

  get #identity() {
    return html`
      <div class="field">
        <label class="check">
          <input type="checkbox" id="new-identity" aria-describedby="new-identity-hint" ?disabled=${this.busy} /> Also
          replace my identity key
        </label>
        <p class="hint" id="new-identity-hint">
          Whoever signed in as you may have copied this key too and can write in your name: replace it if that may have
          happened. Everybody you share a conversation with is then told that your key changed, cannot write there until
          they accept the new one, and has to verify you again.
        </p>
      </div>
    `;
  }

  get #progress() {
    const { rotation } = this.store.account;
    if (!rotation) return nothing;
    const { done, total } = rotation;
    const share = total > 0 ? Math.round((100 * done) / total) : 0;
    return html`
      <div class="exporting">
        <progress class="bar-of-progress" max="100" .value=${share} aria-label="Replacing your keys"></progress>
        <p class="quiet">
          ${total > 0 ? `${done} of ${total} conversations.` : "Making new keys."} Leave this page open. All of it is
          done, or nothing.
        </p>
      </div>
    `;
  }
}

define("balon-exposed-section", ExposedSection);
