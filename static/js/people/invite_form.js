import { html, nothing } from "lit";
import { LOGIN_RULE, isLogin, normalizeLogin } from "../login_name.js";
import { toProblem } from "../problems.js";
import { alarm } from "../ui/alarm.js";
import { Element, define, rendered } from "../ui/element.js";
import { chevron } from "../ui/icons.js";
import { acceptQuestion } from "./accept_question.js";
import { INVITABLE, ROLES, aRole, roleName } from "./roles.js";
import "./safety_number.js";
import { trust } from "./trust.js";

const AT_THE_NAME = new Set(["unknown-login", "already-member", "room-full", "key-changed", "invalid-login"]);

/** Asks for a login name and invites. Says "invited" with the new Members. */
class InviteForm extends Element {
  static properties = {
    conversationId: { attribute: false },
    login: { state: true },
    role: { state: true },
    sharesHistory: { state: true },
    person: { state: true }, // whose name was typed, as `find_person` gave them
    busy: { state: true },
    fault: { state: true },
    problem: { state: true },
    said: { state: true },
    asking: { state: true }, // "compare" or "accept"
  };

  constructor() {
    super();
    this.#clear();
    this.role = "member";
    this.sharesHistory = this.busy = false;
  }

  #clear(said = null) {
    Object.assign(this, { login: "", person: null, fault: null, problem: null, asking: null, said });
  }

  #typed({ target }) {
    this.login = normalizeLogin(target.value);
    Object.assign(this, { person: null, fault: null, problem: null, said: null });
  }

  /** Whoever leaves the field is shown whom they are about to invite; what failed is said when they do. */
  async #look() {
    const { login } = this;
    if (!isLogin(login) || this.busy) return;
    const person = await this.store.people.find(login).catch(() => null);
    if (login === this.login) this.person = person;
  }

  async #submit(event) {
    event.preventDefault();
    if (this.busy) return;
    this.fault = isLogin(this.login) ? null : LOGIN_RULE;
    if (!this.fault) await this.#invite();
    if (this.fault || this.problem) await this.#focusFault();
  }

  async #invite() {
    const { login, role, sharesHistory } = this;
    Object.assign(this, { busy: true, problem: null, said: null });
    try {
      const detail = await this.store.people.invite(this.conversationId, { login, role, sharesHistory });
      this.#clear(`${login} is invited as ${aRole(role)}.`);
      this.dispatchEvent(new CustomEvent("invited", { detail }));
      this.querySelector("input").focus();
    } catch (error) {
      await this.#refused(toProblem(error));
    }
    this.busy = false;
  }

  async #refused(problem) {
    this.problem = problem;
    if (problem.code === "key-changed") this.person = await this.store.people.find(this.login).catch(() => null);
  }

  async #focusFault() {
    await rendered(this);
    this.querySelector("[aria-invalid=true]")?.focus();
  }

  /** The person may be known better now: compared, or with their new key. */
  #know(person) {
    Object.assign(this, { person, problem: null });
    this.store.changed("members");
  }

  render() {
    const isAtName = this.problem && AT_THE_NAME.has(this.problem.code);
    return html`
      <form class="form invite" novalidate aria-label="Invite" aria-busy=${this.busy} @submit=${this.#submit}>
        <h3>Invite somebody</h3>
        ${this.problem && !isAtName ? alarm(this.problem, { actions: this.#actions }) : nothing} ${this.#name(isAtName)}
        ${this.#roles} ${this.#history}
        <button class="button primary" aria-disabled=${this.busy}>
          ${this.busy ? html`<span class="spinner" aria-hidden="true"></span>` : nothing}Invite
        </button>
      </form>
      ${this.asking ? this.#dialog : nothing}
    `;
  }

  get #actions() {
    return { retry: () => this.querySelector("form").requestSubmit() };
  }

  #name(isAtName) {
    const isFaulty = this.fault || isAtName;
    return html`
      <div class="field">
        <label class="label" for="invite-login">Login name</label>
        <input
          class="input"
          id="invite-login"
          type="text"
          autocomplete="off"
          autocapitalize="none"
          autocorrect="off"
          spellcheck="false"
          maxlength="254"
          aria-invalid=${isFaulty ? "true" : nothing}
          aria-describedby=${isAtName ? "invite-fault" : "invite-hint"}
          .value=${this.login}
          @input=${this.#typed}
          @change=${this.#look}
        />
        <div class="invite-hint" id="invite-hint" aria-live="polite">${this.fault ? nothing : this.#hint}</div>
        ${this.fault ? html`<p class="hint fault" role="alert">${this.fault}</p>` : nothing}
        ${isAtName ? html`<div id="invite-fault">${alarm({ ...this.problem, action: null }, { more: this.#keyButtons })}</div>` : nothing}
      </div>
    `;
  }

  get #hint() {
    if (this.said) return html`<span class="said">${this.said}</span>`;
    if (!this.person || this.problem) return "The name that they sign in with.";
    return html`
      ${trust(this.person)}
      <button type="button" class="link" @click=${() => (this.asking = "compare")}>Compare first</button>
    `;
  }

  get #keyButtons() {
    if (this.problem.code !== "key-changed" || !this.person) return nothing;
    return html`
      <div class="button-row">
        <button type="button" class="button small" @click=${() => (this.asking = "compare")}>Compare</button>
        <button type="button" class="button small" @click=${() => (this.asking = "accept")}>Accept new key</button>
      </div>
    `;
  }

  get #roles() {
    return html`
      <div class="field">
        <label class="label" for="invite-role">Role</label>
        <span class="select boxed">
          <select
            id="invite-role"
            aria-describedby="invite-role-hint"
            @change=${({ target }) => (this.role = target.value)}
          >
            ${INVITABLE.map((each) => html`<option value=${each} ?selected=${each === this.role}>${roleName(each)}</option>`)}
          </select>
          ${chevron}
        </span>
        <p class="hint" id="invite-role-hint" aria-live="polite">${ROLES[this.role].may}</p>
      </div>
    `;
  }

  get #history() {
    return html`
      <div class="field">
        <label class="check">
          <input
            type="checkbox"
            aria-describedby="invite-history"
            .checked=${this.sharesHistory}
            @change=${({ target }) => (this.sharesHistory = target.checked)}
          />
          Share earlier messages
        </label>
        <p class="hint" id="invite-history" aria-live="polite">
          ${
            this.sharesHistory
              ? "They can read what was written here before they came. This cannot be taken back."
              : "They read what is written from now on, and nothing of what came before."
          }
        </p>
      </div>
    `;
  }

  get #dialog() {
    const { store, person } = this;
    const done = () => (this.asking = null);
    if (this.asking === "accept")
      return acceptQuestion(store, person, { confirmed: () => this.#know({ ...person, key_changed: false }), done });
    return html`<balon-safety-number
      .store=${store}
      .person=${person}
      @changed=${({ detail }) => this.#know(detail)}
      @done=${done}
    ></balon-safety-number>`;
  }
}

define("balon-invite-form", InviteForm);
