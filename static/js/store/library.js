import { toProblem } from "../problems.js";

const PAGE = 50;

/** The conversations of this account as the worker lists them, invitations among them. */
export class Library {
  items = null; // ConversationItems, newest first; null until the worker gave them
  more = false;
  gone = null; // title of the conversation that was open when it went, without this person having asked for it

  #ending = null; // the one that this person is leaving

  constructor(store) {
    this.store = store;
  }

  forget() {
    this.#set({ items: null, more: false, gone: null });
  }

  #set(changes) {
    Object.assign(this, changes);
    this.store.changed("library");
  }

  async load() {
    try {
      const conversations = await this.store.call("list_conversations");
      if (!this.items) this.take({ conversations, more: conversations.length >= PAGE });
    } catch (error) {
      this.store.alarm(toProblem(error), null);
    }
  }

  async older() {
    const { more } = await this.store.call("older_conversations");
    this.#set({ more });
  }

  take({ conversations, more = this.more }) {
    this.#set({ items: conversations, more });
    this.store.thread?.listed();
  }

  item(id) {
    return this.items?.find((item) => item.id === id) ?? null;
  }

  get invitations() {
    return (this.items ?? []).filter(({ invitation }) => invitation);
  }

  rename(id, title) {
    return this.store.call("rename", id, title);
  }

  async markRead(id) {
    await this.store.call("mark_read", id).catch(() => {}); // tried again with the next message
  }

  // --- Coming and going ---

  async accept(id) {
    await this.store.call("accept_invitation", id);
    const accepted = (item) => (item.id === id ? { ...item, invitation: null } : item);
    this.take({ conversations: (this.items ?? []).map(accepted) });
  }

  decline(id) {
    return this.#end("decline_invitation", id);
  }

  leave(id) {
    return this.#end("leave", id);
  }

  delete(id) {
    return this.#end("delete_conversation", id);
  }

  /** The worker's own word that it is gone may come before its answer. */
  async #end(name, id) {
    this.#ending = id;
    try {
      await this.store.call(name, id);
      this.removed(id);
    } finally {
      this.#ending = null;
    }
  }

  removed(id) {
    const { store } = this;
    const isOpen = store.thread?.id === id;
    if (isOpen && this.#ending !== id) this.gone = this.item(id)?.title ?? "A conversation without a title";
    store.drafts.delete(id);
    this.#set({ items: (this.items ?? []).filter((item) => item.id !== id) });
    if (isOpen) store.router.go("/", { replace: true });
  }

  understood() {
    this.#set({ gone: null });
  }
}
