import { html, nothing } from "lit";
import { repeat } from "lit/directives/repeat.js";
import { toProblem } from "../problems.js";
import { alarm } from "../ui/alarm.js";
import "../ui/confirm.js";
import { Dialog } from "../ui/dialog.js";
import { define } from "../ui/element.js";
import { acceptQuestion } from "./accept_question.js";
import "./invite_form.js";
import "./leave_dialog.js";
import "./member_row.js";
import { aRole } from "./roles.js";
import "./safety_number.js";

/** Who holds the key of a conversation, and all that may be done about it. */
class Members extends Dialog {
  static properties = {
    thread: { attribute: false },
    known: { state: true }, // Members, as the worker gave them last
    busy: { state: true },
    problem: { state: true },
    said: { state: true },
    asking: { state: true }, // {kind: "verify", "accept", "remove" or "leave", member}
  };

  #load = () => this.#run(() => this.store.people.members(this.thread.id));

  connectedCallback() {
    super.connectedCallback();
    this.store.addEventListener("members", this.#load);
    this.#load();
  }

  disconnectedCallback() {
    super.disconnectedCallback();
    this.store.removeEventListener("members", this.#load);
  }

  /** Takes what a call gives as the newest list; gives whether it went well. */
  async #run(call, said = null) {
    this.problem = null;
    try {
      this.known = await call();
      this.said = said ?? this.said;
      return true;
    } catch (error) {
      this.problem = toProblem(error);
      return false;
    }
  }

  async #changeRole({ user_id: userId, name, you: isYou }, role) {
    if (this.busy) return;
    this.busy = true;
    const said = `${isYou ? "You are" : `${name} is`} ${aRole(role)} now.`;
    await this.#run(() => this.store.people.changeRole(this.thread.id, userId, role), said);
    this.busy = false;
    this.querySelector(`[data-user="${userId}"]`)?.focusRole();
  }

  async #accepted({ name }) {
    this.said = `The new key of ${name} is accepted.`;
    await this.updateComplete;
    this.querySelector("h2").focus();
  }

  /** The button that asked is gone with its row: the focus goes to what is said about it. */
  async #removed({ name, role }) {
    this.said = role === "invited" ? `The invitation of ${name} is taken back.` : `${name} is removed.`;
    await this.updateComplete;
    this.querySelector("h2").focus();
  }

  render() {
    return html`${this.frame({ title: "Members", body: this.#body, wide: true })}
    ${this.asking ? this.#question : nothing}`;
  }

  get #body() {
    return html`
      ${this.problem ? alarm(this.problem, { actions: { retry: this.#load } }) : nothing}
      <p class="said" aria-live="polite">${this.said ?? nothing}</p>
      ${this.known ? this.#list : nothing}
      ${this.known || this.problem ? nothing : html`<p class="quiet">Checking the signed list…</p>`}
    `;
  }

  get #list() {
    const { members, you } = this.known;
    return html`
      <p>These people hold the key of this conversation. The list is signed, and this browser has checked it.</p>
      <ul class="members" aria-label="Members">
        ${repeat(
          members,
          ({ user_id: userId }) => userId,
          (member) => this.#row(member),
        )}
      </ul>
      ${members.length === 1 ? html`<p class="quiet">Only you are here.</p>` : nothing}
      ${you === "owner" ? this.#invite : this.#notOwner}
    `;
  }

  #row(member) {
    const ask = (kind) => () => (this.asking = { kind, member });
    return html`
      <li>
        <balon-member
          class="member"
          data-user=${member.user_id}
          .store=${this.store}
          .member=${member}
          .busy=${this.busy}
          .mayLeave=${this.known.members.length > 1 && member.role !== "invited"}
          @verify=${ask("verify")}
          @accept=${ask("accept")}
          @remove=${ask("remove")}
          @leave=${ask("leave")}
          @role=${({ detail }) => this.#changeRole(member, detail)}
        ></balon-member>
      </li>
    `;
  }

  get #invite() {
    return html`<balon-invite-form
      .store=${this.store}
      .conversationId=${this.thread.id}
      @invited=${({ detail }) => this.#run(async () => detail)}
    ></balon-invite-form>`;
  }

  get #notOwner() {
    return html`<p class="quiet">Owners invite and remove people, and say who may write.</p>`;
  }

  get #question() {
    const { kind, member } = this.asking;
    const done = () => (this.asking = null);
    const questions = {
      verify: () =>
        html`<balon-safety-number .store=${this.store} .person=${member} @done=${done}></balon-safety-number>`,
      accept: () => acceptQuestion(this.store, member, { confirmed: () => this.#accepted(member), done }),
      leave: () =>
        html`<balon-leave-dialog
          .store=${this.store}
          .thread=${this.thread}
          .isLastOwner=${this.#isLastOwner}
          @done=${done}
        ></balon-leave-dialog>`,
      remove: () => this.#removal(member, done),
    };
    return questions[kind]();
  }

  get #isLastOwner() {
    const { you, members } = this.known;
    return you === "owner" && members.filter(({ role }) => role === "owner").length === 1;
  }

  #removal(member, done) {
    const { title, text } = removalOf(member);
    return html`<balon-confirm
      .store=${this.store}
      .title=${title}
      .text=${text}
      .label=${"Remove"}
      .action=${async () => (this.known = await this.store.people.remove(this.thread.id, member.user_id))}
      @confirmed=${() => this.#removed(member)}
      @done=${done}
    ></balon-confirm>`;
  }
}

function removalOf({ name, role }) {
  if (role === "invited")
    return {
      title: "Take back the invitation?",
      text: `${name} can no longer accept it. The conversation goes on under a new key that ${name} never had.`,
    };
  return {
    title: "Remove from this conversation?",
    text:
      `${name} reads nothing of what is written from now on: the conversation gets a new key. ` +
      `What ${name} has read or copied already stays with ${name}.`,
  };
}

define("balon-members-dialog", Members);
