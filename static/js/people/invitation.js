import { html, nothing } from "lit";
import { toProblem } from "../problems.js";
import { conversationPath } from "../router.js";
import { alarm } from "../ui/alarm.js";
import { Element, define } from "../ui/element.js";
import { person } from "../ui/icons.js";
import "./new_key.js";
import { ROLES, roleName } from "./roles.js";
import "./safety_number.js";
import { trust } from "./trust.js";

/** An invitation: from whom, to what, as what. Nothing of the conversation is opened before it is accepted. */
class Invitation extends Element {
  static properties = {
    item: { attribute: false }, // the ConversationItem
    takesFocus: { attribute: false }, // it is what was opened, and not one of several on the first page
    known: { state: true },
    busy: { state: true }, // "accept" or "decline"
    asked: { state: true }, // which of them was asked for last
    problem: { state: true },
    comparing: { state: true },
  };

  #load = async () => {
    const { id } = this.item;
    const known = await this.store.people.members(id).catch(() => null); // the list already says what matters most
    if (id !== this.item.id) return;
    this.known = known;
    const isAccepted = known?.members.every(({ key_changed: isChanged }) => !isChanged);
    if (isAccepted && this.problem?.code === "key-changed") this.problem = null;
  };

  connectedCallback() {
    super.connectedCallback();
    this.store.addEventListener("members", this.#load);
  }

  disconnectedCallback() {
    super.disconnectedCallback();
    this.store.removeEventListener("members", this.#load);
  }

  #isAnother(changed) {
    return changed.has("item") && changed.get("item")?.id !== this.item.id;
  }

  updated(changed) {
    if (this.takesFocus && this.#isAnother(changed)) this.querySelector("h2").focus({ preventScroll: true });
  }

  willUpdate(changed) {
    if (!this.#isAnother(changed)) return;
    Object.assign(this, { known: null, problem: null, busy: null, comparing: false });
    this.#load();
  }

  async #answer(kind) {
    if (this.busy) return;
    Object.assign(this, { busy: kind, asked: kind, problem: null });
    try {
      if (kind === "accept") await this.#accept();
      else await this.store.library.decline(this.item.id);
    } catch (error) {
      this.problem = toProblem(error);
    }
    this.busy = null;
  }

  /** Whoever accepts wants to read: the conversation opens, and its text box takes the focus. */
  async #accept() {
    const { item, store } = this;
    const { route } = store.router;
    await store.library.accept(item.id);
    if (store.router.route === route) store.router.go(conversationPath(item.id));
  }

  /** Whoever invites, as the signed list shows them; as the conversation list does until that is there. */
  get #inviter() {
    const { by } = this.item.invitation;
    return this.known?.members.find(({ user_id: id }) => id === by.user_id) ?? { key_changed: false, ...by };
  }

  render() {
    const { title } = this.item;
    const inviter = this.#inviter;
    return html`
      <section class="invitation" aria-labelledby=${this.#headingId}>
        <p class="invitation-kind">Invitation</p>
        <h2 id=${this.#headingId} class="wrap" tabindex="-1">${title ?? "A conversation without a title"}</h2>
        <div class="invitation-by">
          <span class="avatar">${person}</span>
          <p class="wrap"><strong>${inviter.name}</strong> invites you</p>
          ${trust(inviter)}
        </div>
        ${this.#facts} ${this.#doubt(inviter)} ${this.#alarm} ${this.#buttons}
      </section>
      ${
        this.comparing
          ? html`<balon-safety-number
              .store=${this.store}
              .person=${inviter}
              @done=${() => (this.comparing = false)}
            ></balon-safety-number>`
          : nothing
      }
    `;
  }

  get #headingId() {
    return `invitation-${this.item.id}`;
  }

  get #facts() {
    const { role, share_history: isShared } = this.item.invitation;
    return html`
      <dl class="invitation-facts">
        <dt>Your role</dt>
        <dd>${roleName(role)}. ${ROLES[role]?.may}</dd>
        <dt>Earlier messages</dt>
        <dd>${isShared ? "You can read what was written before." : "You read what is written from now on."}</dd>
        ${this.#others}
      </dl>
    `;
  }

  get #others() {
    const { by } = this.item.invitation;
    const names = this.known?.members
      .filter(({ you: isYou, user_id: id, role }) => !isYou && id !== by.user_id && role !== "invited")
      .map(({ name }) => name);
    return names?.length
      ? html`<dt>Also in it</dt>
          <dd class="wrap">${names.join(", ")}</dd>`
      : nothing;
  }

  #doubt(inviter) {
    if (inviter.verified && !inviter.key_changed) return nothing;
    return html`<p class="quiet">
      So far only the server says that this is ${inviter.name}. Verify before you trust what you read here, or write.
    </p>`;
  }

  get #alarm() {
    const { problem, item } = this;
    if (!problem) return nothing;
    if (problem.code === "key-changed")
      return html`<balon-new-key .store=${this.store} .conversationId=${item.id} .problem=${problem}></balon-new-key>`;
    return alarm(problem, { actions: { retry: () => this.#answer(this.asked) } });
  }

  get #buttons() {
    const button = (kind, label, primary) =>
      html`<button
        type="button"
        class=${primary ? "button primary" : "button"}
        aria-describedby=${this.#headingId}
        aria-disabled=${Boolean(this.busy)}
        @click=${() => this.#answer(kind)}
      >
        ${this.busy === kind ? html`<span class="spinner" aria-hidden="true"></span>` : nothing}${label}
      </button>`;
    return html`
      <div class="button-row">
        ${button("accept", "Accept", true)} ${button("decline", "Decline", false)}
        ${
          this.#inviter.safety_number
            ? html`<button type="button" class="link" @click=${() => (this.comparing = true)}>Verify</button>`
            : nothing
        }
      </div>
    `;
  }
}

define("balon-invitation", Invitation);
