import { html, nothing } from "lit";
import "../people/leave_dialog.js";
import "../people/members_dialog.js";
import { toProblem } from "../problems.js";
import { bar } from "../ui/bar.js";
import { Element, define } from "../ui/element.js";
import { dots, people, shield } from "../ui/icons.js";
import "../ui/menu.js";
import "./dialogs.js";

class Bar extends Element {
  static topics = ["library", "thread", "conversation"];
  static properties = { thread: { attribute: false }, dialog: { state: true } };

  /** Readers change nothing; only owners delete, and everybody else can leave. */
  get #items() {
    const { role } = this.thread;
    const show = (dialog) => () => (this.dialog = dialog);
    const isReader = role === "reader";
    const leaves = isReader || role === "member";
    return [
      ...(isReader ? [] : [{ label: "Rename", run: show("rename") }, this.#assistant]),
      leaves
        ? { label: "Leave", danger: true, run: show("leave") }
        : { label: "Delete", danger: true, run: show("delete") },
    ];
  }

  get #assistant() {
    const { assistant } = this.thread;
    const choice = (label, mode) => ({ label, checked: assistant === mode, run: () => this.#setAssistant(mode) });
    return {
      label: "Assistant answers",
      choices: [choice("Every message", "always"), choice("When mentioned", "mention")],
    };
  }

  async #setAssistant(mode) {
    const { thread, store } = this;
    if (mode === thread.assistant) return;
    await store.people.setAssistant(thread, mode).catch((error) => thread.takeAlarm(toProblem(error)));
  }

  /** A dialog belongs to the conversation that it was opened for. */
  willUpdate(changed) {
    if (changed.has("thread")) this.dialog = null;
  }

  get #title() {
    const { store, thread } = this;
    if (!thread?.id) return "New conversation";
    return store.library.item(thread.id)?.title ?? thread.title ?? "Untitled conversation";
  }

  render() {
    return html`
      ${bar(this, this.#title, this.thread?.id ? [this.#plaintext, this.#members, this.#menu] : nothing)} ${this.#open}
    `;
  }

  /** Of an invitation only its members can be asked for. */
  get #plaintext() {
    if (this.thread.state === "invited") return nothing;
    return html`
      <button
        type="button"
        class="tool"
        title="Where is plaintext"
        aria-haspopup="dialog"
        @click=${() => (this.dialog = "plaintext")}
      >
        ${shield}<span class="tool-label">Where is plaintext</span>
      </button>
    `;
  }

  get #members() {
    const count = this.store.library.item(this.thread.id)?.people ?? this.thread.people;
    return html`
      <button
        type="button"
        class="tool"
        title="Members"
        aria-haspopup="dialog"
        @click=${() => (this.dialog = "members")}
      >
        ${people}<span class="tool-label">Members</span>
        ${count > 1 ? html`<span class="tool-count" aria-hidden="true">${count}</span>` : nothing}
      </button>
    `;
  }

  get #menu() {
    if (this.thread.state === "invited") return nothing;
    return html`<balon-menu label="Conversation" .items=${this.#items} .face=${dots}></balon-menu>`;
  }

  get #open() {
    const done = () => (this.dialog = null);
    const { store, thread } = this;
    const views = {
      plaintext: () =>
        html`<balon-plaintext-dialog .store=${store} .thread=${thread} @done=${done}></balon-plaintext-dialog>`,
      members: () =>
        html`<balon-members-dialog .store=${store} .thread=${thread} @done=${done}></balon-members-dialog>`,
      leave: () => html`<balon-leave-dialog .store=${store} .thread=${thread} @done=${done}></balon-leave-dialog>`,
      rename: () =>
        html`<balon-rename-dialog
          .store=${store}
          .thread=${thread}
          .title=${this.#title}
          @done=${done}
        ></balon-rename-dialog>`,
      delete: () =>
        html`<balon-delete-dialog
          .store=${store}
          .thread=${thread}
          .title=${this.#title}
          @done=${done}
        ></balon-delete-dialog>`,
    };
    return views[this.dialog]?.() ?? nothing;
  }
}

define("balon-bar", Bar);
