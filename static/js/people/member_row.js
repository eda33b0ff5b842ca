import { html, nothing } from "lit";
import { alarm } from "../ui/alarm.js";
import { Element, define } from "../ui/element.js";
import { chevron, person } from "../ui/icons.js";
import { ROLES, aRole, roleName } from "./roles.js";
import { trust } from "./trust.js";

/** One person of a conversation. What is asked for goes up as an event: "verify", "accept", "remove", "leave", or "role" with the role. */
class MemberRow extends Element {
  static properties = {
    member: { attribute: false },
    mayLeave: { attribute: false },
    busy: { attribute: false },
    wanted: { state: true }, // a role that was chosen and not confirmed yet
  };

  willUpdate(changed) {
    if (changed.has("member") && changed.get("member")?.role !== this.member.role) this.wanted = null;
  }

  async focusRole() {
    await this.updateComplete;
    this.querySelector("select")?.focus();
  }

  #ask(type, detail = null) {
    if (!this.busy) this.dispatchEvent(new CustomEvent(type, { detail }));
  }

  #chosen({ target }) {
    this.wanted = target.value === this.member.role ? null : target.value;
  }

  #undo() {
    this.wanted = null;
    this.focusRole();
  }

  get #nameId() {
    return `member-${this.member.user_id}`;
  }

  render() {
    const { name, you: isYou } = this.member;
    return html`
      <span class="avatar">${person}</span>
      <div class="member-who">
        <p class="member-name" id=${this.#nameId}>${name}${isYou ? html` <span class="tag">You</span>` : nothing}</p>
        <div class="member-facts">${this.#role} ${isYou ? nothing : trust(this.member)}</div>
      </div>
      ${this.#newKey} ${this.#change}
      <div class="member-actions">${this.#actions}</div>
    `;
  }

  get #role() {
    const { role, invited_role: invited, may_change_role: mayChange } = this.member;
    if (role === "invited") return html`<span>Invited as ${roleName(invited).toLowerCase()}</span>`;
    if (!mayChange) return html`<span>${roleName(role)}</span>`;
    return html`
      <span class="select">
        <select aria-label="Role" aria-describedby=${this.#nameId} @change=${this.#chosen}>
          ${Object.keys(ROLES).map(
            (each) =>
              html`<option value=${each} .selected=${each === (this.wanted ?? role)}>${roleName(each)}</option>`,
          )}
        </select>
        ${chevron}
      </span>
    `;
  }

  get #newKey() {
    const { name, key_changed: isChanged } = this.member;
    if (!isChanged) return nothing;
    const problem = {
      title: `${name} has a new key.`,
      detail:
        "Nothing is sent here until you accept it. It may be a new device or an account that was set up anew; or somebody " +
        "stands between you. Verify it by phone or in person first.",
      action: null,
    };
    return html`<div class="member-change">${alarm(problem, { more: this.#button("Accept new key", "accept") })}</div>`;
  }

  /** Choosing by keys passes over the roles between, so choosing alone changes nothing. */
  get #change() {
    const { wanted, member } = this;
    return html`<div class="member-change" aria-live="polite">
      ${
        wanted
          ? html`
              <p>
                <strong class="wrap">${member.you ? "You" : member.name}</strong> ${member.you ? "become" : "becomes"}
                ${aRole(wanted)}. ${ROLES[wanted].may} ${member.you ? "You cannot take this back yourself." : nothing}
              </p>
              <div class="button-row">
                <button
                  type="button"
                  class="button small primary"
                  aria-describedby=${this.#nameId}
                  aria-disabled=${Boolean(this.busy)}
                  @click=${() => this.#ask("role", wanted)}
                >
                  Change role
                </button>
                <button type="button" class="button small" @click=${this.#undo}>Keep</button>
              </div>
            `
          : nothing
      }
    </div>`;
  }

  get #actions() {
    const { you: isYou, may_remove: mayRemove } = this.member;
    if (isYou) return this.mayLeave ? this.#button("Leave", "leave") : nothing;
    return html`${this.#button("Verify", "verify")} ${mayRemove ? this.#button("Remove", "remove") : nothing}`;
  }

  #button(label, type) {
    return html`<button
      type="button"
      class="button small"
      aria-describedby=${this.#nameId}
      @click=${() => this.#ask(type)}
    >
      ${label}
    </button>`;
  }
}

define("balon-member", MemberRow);
