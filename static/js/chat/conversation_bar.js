import { html, nothing } from "lit";
import { Element, define } from "../ui/element.js";
import { dots, menu, people, shield } from "../ui/icons.js";
import "../ui/menu.js";
import "./dialogs.js";

class Bar extends Element {
  static topics = ["library", "thread"];
  static properties = { thread: { attribute: false }, dialog: { state: true } };

  #items = [
    { label: "Rename", run: () => (this.dialog = "rename") },
    { label: "Delete", danger: true, run: () => (this.dialog = "delete") },
  ];

  /** A dialog belongs to the conversation that it was opened for. */
  willUpdate(changed) {
    if (changed.has("thread")) this.dialog = null;
  }

  get #title() {
    const { store, thread } = this;
    if (!thread?.id) return "New conversation";
    return store.conversationItem(thread.id)?.title ?? thread.title ?? "Untitled conversation";
  }

  render() {
    return html`
      <header class="bar">
        <button
          type="button"
          class="icon-button drawer-open"
          aria-label="Show the list"
          title="Show the list"
          @click=${() => this.dispatchEvent(new Event("open-drawer"))}
        >
          ${menu}
        </button>
        <h1 class="bar-title" tabindex="-1">${this.#title}</h1>
        ${this.thread?.id ? this.#tools : nothing}
      </header>
      ${this.#open}
    `;
  }

  get #tools() {
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
      <button
        type="button"
        class="tool"
        title="Members"
        aria-haspopup="dialog"
        @click=${() => (this.dialog = "members")}
      >
        ${people}<span class="tool-label">Members</span>
      </button>
      <balon-menu label="Conversation" .items=${this.#items} .face=${dots}></balon-menu>
    `;
  }

  get #open() {
    const done = () => (this.dialog = null);
    const { store, thread } = this;
    const views = {
      plaintext: () =>
        html`<balon-plaintext-dialog .store=${store} .thread=${thread} @done=${done}></balon-plaintext-dialog>`,
      members: () =>
        html`<balon-members-dialog .store=${store} .thread=${thread} @done=${done}></balon-members-dialog>`,
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
