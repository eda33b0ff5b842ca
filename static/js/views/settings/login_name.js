import { html, nothing } from "lit";
import { LOGIN_RULE, isLogin, normalizeLogin } from "../../login_name.js";
import { define } from "../../ui/element.js";
import "./current_password.js";
import { Section, concernsPassword } from "./section.js";

const concernsLogin = ({ code }) => code === "login-taken" || code === "invalid-login";
const concernsAField = (problem) => concernsLogin(problem) || concernsPassword(problem);

class LoginNameSection extends Section {
  static properties = { ...Section.properties, login: { state: true }, fault: { state: true } };

  show() {
    this.login = "";
    this.fault = null;
    return super.show();
  }

  async #change() {
    const password = this.querySelector("balon-current-password");
    this.fault = this.#judge();
    const given = password.check();
    if (this.fault || !given) return false;
    await this.store.account.changeLogin(this.login, password.value);
    return true;
  }

  #judge() {
    if (!isLogin(this.login)) return LOGIN_RULE;
    return this.login === this.store.session?.login ? "This is your login name already." : null;
  }

  render() {
    return html`
      <section>
        <h2>Login name</h2>
        <p>You sign in as <strong class="wrap">${this.store.session?.login}</strong>.</p>
        ${this.open ? this.#form : this.opener("Change login name")} ${this.outcome}
      </section>
    `;
  }

  get #form() {
    const wrong = this.problem && concernsPassword(this.problem) ? this.problem : null;
    const body = html`
      ${this.faultBeside(concernsAField)} ${this.#field}
      <balon-current-password class="field" field-id="login-password" label="Password" .problem=${wrong}>
      </balon-current-password>
      <p class="quiet">
        Your other devices are signed out. Your recovery kit stays valid, though the old name is written on it.
      </p>
    `;
    const done = "Your login name is changed. Use the new one from now on.";
    return this.form(body, { label: "Change login name", submit: () => this.run(() => this.#change(), done) });
  }

  get #field() {
    const isFaulty = this.fault || (this.problem && concernsLogin(this.problem));
    return html`
      <div class="field">
        <label class="label" for="new-login">New login name</label>
        <input
          class="input"
          id="new-login"
          type="text"
          autocomplete="off"
          autocapitalize="none"
          autocorrect="off"
          spellcheck="false"
          maxlength="254"
          aria-invalid=${isFaulty ? "true" : nothing}
          aria-describedby="new-login-hint"
          @input=${({ target }) => (this.login = normalizeLogin(target.value))}
        />
        <p class=${this.fault ? "hint fault" : "hint"} id="new-login-hint" role=${this.fault ? "alert" : nothing}>
          ${this.fault ?? "The server and the people you invite see this name."}
        </p>
        ${this.faultAt(concernsLogin)}
      </div>
    `;
  }
}

define("balon-login-name-section", LoginNameSection);
