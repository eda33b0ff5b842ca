import { mentionsAssistant } from "../chat/mention.js";
import { mark, markPainted } from "../marks.js";
import { toProblem } from "../problems.js";

const PAGE = 50;

/**
 * One open conversation: its messages in pages, so that thousands can stay on screen and a change touches one page. "pages"
 * says that messages came or went, "state" that something around them did, "sent" that the person sent something; a changed message goes to those who
 * watch it.
 */
export class Thread extends EventTarget {
  state; // "new", "invited", "loading", "ready" or "failed"
  problem = null;
  title = null;
  epoch = null;
  pages = [];
  alarms = [];
  more = false;
  writable = true;
  role = null; // one's own; null until it is known
  people = 1;
  assistant = "always";
  loadingOlder = false;
  olderProblem = null;

  #index = new Map(); // message id -> page
  #watchers = new Map();
  #dirty = new Set();
  #frame = 0;
  #pageNumber = 0;

  constructor(id, store) {
    super();
    this.id = id;
    this.store = store;
    this.state = id ? "loading" : "new";
  }

  get newest() {
    return this.pages.at(-1)?.messages.at(-1) ?? null;
  }

  /** The newest that the server has, and so can count. */
  get newestSaved() {
    return this.pages.at(-1)?.messages.findLast(({ state }) => state === "saved") ?? null;
  }

  get isEmpty() {
    return this.pages.length === 0;
  }

  get streaming() {
    const messages = this.pages.at(-1)?.messages ?? [];
    return messages.findLast(({ state }) => state === "streaming") ?? null;
  }

  /** Whether a message is for the model too, and not for people alone. */
  asksAssistant(text) {
    return this.assistant === "always" || mentionsAssistant(text);
  }

  /** Whether it has to be said which messages go to the assistant: with oneself alone all of them do. */
  get isMixed() {
    return this.people > 1 || this.assistant === "mention";
  }

  has(messageId) {
    return this.#index.has(messageId);
  }

  changed(type) {
    this.dispatchEvent(new Event(type));
  }

  /** Of an invitation nothing is asked for before it is accepted. */
  get invitation() {
    return this.store.library.item(this.id)?.invitation ?? null;
  }

  /** The list is there or came anew: what was an invitation is opened once it was accepted, here or elsewhere. */
  listed() {
    const isInvitation = Boolean(this.invitation);
    if (isInvitation === (this.state === "invited")) return;
    if (isInvitation) this.#setState("invited", null);
    else this.load();
  }

  async load() {
    if (this.invitation) return this.#setState("invited", null);
    this.#setState("loading", null);
    try {
      this.#show(await this.store.call("open_conversation", this.id));
    } catch (error) {
      this.#refuse(toProblem(error));
    }
  }

  /** What the server gave cannot be true: nothing is written behind it. Without a network one may go on typing. */
  #refuse(problem) {
    if (this.invitation) return this.#setState("invited", null);
    this.writable = problem.action === "retry";
    this.#setState("failed", problem);
  }

  #show({ messages, more, ...known }) {
    this.more = more;
    this.#know(known);
    this.#index.clear();
    this.pages = [];
    if (messages.length > 0) this.#addPage(messages, "push");
    this.#setState("ready", null);
    this.changed("pages");
  }

  /** Fields that the worker does not give stay as they are. */
  #know({ title, epoch, alarms, writable, role, people, assistant }) {
    const known = Object.entries({ title, epoch, alarms, writable, role, people, assistant });
    Object.assign(this, Object.fromEntries(known.filter(([, value]) => value !== undefined)));
  }

  take(known) {
    this.#know(known);
    this.#setState(this.state, this.problem);
  }

  #setState(state, problem) {
    this.state = state;
    this.problem = problem;
    this.changed("state");
    if (this.store.thread === this) this.store.changed("conversation");
  }

  #addPage(messages, where) {
    const page = { key: (this.#pageNumber += 1), messages };
    this.pages[where](page);
    this.pages = [...this.pages];
    for (const { id } of messages) this.#index.set(id, page);
  }

  async loadOlder() {
    if (this.loadingOlder || !this.more || this.state !== "ready") return;
    this.loadingOlder = true;
    this.olderProblem = null;
    this.changed("state");
    try {
      const { messages, more } = await this.store.call("older_messages", this.id);
      this.more = more;
      if (messages.length > 0) this.#addPage(messages, "unshift");
    } catch (error) {
      this.olderProblem = toProblem(error);
    }
    this.loadingOlder = false;
    this.changed("pages");
    this.changed("state");
  }

  // --- What the worker says ---

  takeConversation({ conversation_id, ...known }) {
    if (this.id !== conversation_id || this.state !== "ready") return;
    this.take(known);
    this.store.changed("members");
  }

  takeMessage({ conversation_id, message }) {
    if (!this.#concerns(conversation_id)) return;
    const before = this.message(message.id);
    if (before) this.#replace(message);
    else this.#append(message);
    this.store.outbox.seen(this, message);
    this.#markProgress(before, message);
    if (before?.state !== message.state) this.changed("state");
  }

  takeReply({ conversation_id, message_id, text }) {
    if (this.id !== conversation_id) return;
    const message = this.message(message_id);
    if (!message) return;
    if (!message.text) markPainted("balon:first-token", message_id);
    message.text = (message.text ?? "") + text;
    this.#touch(message_id);
  }

  takeAlarm(problem) {
    if (this.alarms.some(({ code, detail }) => code === problem.code && detail === problem.detail)) return;
    this.alarms = [...this.alarms, problem];
    this.changed("state");
  }

  /** A new conversation learns its id from the first message that the worker says for it. */
  #concerns(conversationId) {
    if (this.id === null && this.store.outbox.isSending(this)) this.adopt(conversationId);
    return this.id === conversationId && this.state === "ready";
  }

  adopt(conversationId) {
    if (this.id !== null) return;
    this.id = conversationId;
    this.#setState("ready", null);
    this.store.adopted(this);
  }

  message(id) {
    return this.#index.get(id)?.messages.find((message) => message.id === id) ?? null;
  }

  #replace(message) {
    const { messages } = this.#index.get(message.id);
    messages[messages.findIndex(({ id }) => id === message.id)] = message;
    this.#touch(message.id);
  }

  #append(message) {
    const last = this.pages.at(-1);
    if (!last || last.messages.length >= PAGE) this.#addPage([message], "push");
    else {
      last.messages = [...last.messages, message];
      this.#index.set(message.id, last);
    }
    this.changed("pages");
  }

  #markProgress(before, message) {
    if (message.author.kind !== "assistant") return;
    if (message.text && !before?.text) markPainted("balon:first-token", message.id);
    if (before?.state === "streaming" && message.state === "saved") mark("balon:reply-saved", message.id);
  }

  // --- Who shows a message ---

  watch(id, take) {
    this.#watchers.set(id, take);
    return () => this.#watchers.get(id) === take && this.#watchers.delete(id);
  }

  /** However many tokens came: one update a frame. */
  #touch(id) {
    this.#dirty.add(id);
    this.#frame ||= requestAnimationFrame(() => this.#flush());
  }

  #flush() {
    this.#frame = 0;
    const ids = [...this.#dirty];
    this.#dirty.clear();
    for (const id of ids) this.#watchers.get(id)?.(this.message(id));
    this.changed("flush");
  }
}
