import { html } from "lit";
import "../../password/new_password.js";
import { define } from "../../ui/element.js";
import { usernameFor } from "../../ui/username.js";
import "./current_password.js";
import { Section, concernsPassword } from "./section.js";

const DONE = "Your password is changed. Your other devices were signed out; your kit stays valid.";

class PasswordSection extends Section {
  async #change() {
    const current = this.querySelector("balon-current-password");
    const next = this.querySelector("balon-new-password");
    const given = current.check();
    if (!(await next.check()) || !given) return false;
    await this.store.account.changePassword(current.value, next.value);
    return true;
  }

  render() {
    return html`
      <section>
        <h2>Password</h2>
        <p>It is the lock on your keys, and nobody can reset it. Changing it signs out your other devices.</p>
        <p class="quiet">
          A new password keeps out whoever knows the old one, but it does not take back keys that somebody has already
          copied; if that may be so, replace them below.
        </p>
        ${this.open ? this.#form : this.opener("Change password")} ${this.outcome}
      </section>
    `;
  }

  get #form() {
    const problem = this.problem && concernsPassword(this.problem) ? this.problem : null;
    const body = html`
      ${this.faultBeside(concernsPassword)} ${usernameFor(this.store.session?.login)}
      <balon-current-password
        class="field"
        field-id="current-password"
        label="Current password"
        .problem=${problem}
      ></balon-current-password>
      <balon-new-password
        id-prefix="new-"
        label="New password"
        confirm-label="Confirm new password"
        .login=${this.store.session?.login ?? ""}
      ></balon-new-password>
    `;
    return this.form(body, { label: "Change password", submit: () => this.run(() => this.#change(), DONE) });
  }
}

define("balon-password-section", PasswordSection);
