import { toProblem } from "../problems.js";

/**
 * What was sent and is not yet a message of the conversation. Sending waits visibly for the worker and for the session; what
 * could not be sent stays with its reason, and what may no longer be sent goes back to the draft.
 */
export class Outbox {
  #items = [];
  #number = 0;

  constructor(store) {
    this.store = store;
  }

  of(thread) {
    return this.#items.filter((item) => item.thread === thread && !thread.has(item.messageId));
  }

  isSending(thread) {
    return this.#items.some((item) => item.thread === thread && item.state === "sending");
  }

  add(thread, text) {
    const item = {
      key: (this.#number += 1),
      thread,
      text,
      state: "queued",
      problem: null,
      messageId: null,
      created_ms: Date.now(),
    };
    this.#items.push(item);
    this.#changed(item);
    thread.changed("sent");
    this.deliver();
  }

  /** Sends what waits, if it can be sent now. */
  deliver() {
    if (!this.store.usable) return;
    for (const item of this.#items) if (item.state === "queued" && !this.isSending(item.thread)) this.#send(item);
  }

  async #send(item) {
    const { thread, text } = item;
    this.#setState(item, "sending");
    try {
      if (thread.asksAssistant(text)) await this.#requireModel();
      const sent = await this.store.call("send", thread.id, text, this.store.model?.id ?? null);
      this.#sent(item, sent);
    } catch (error) {
      this.#failed(item, toProblem(error));
    }
  }

  async #requireModel() {
    if (!this.store.models) await this.store.loadModels();
    if (!this.store.models) throw this.store.modelsProblem;
  }

  #sent(item, { conversation_id, message_id }) {
    const isNew = item.thread.id === null;
    item.thread.adopt(conversation_id);
    item.messageId = message_id;
    this.#setState(item, "sent");
    if (item.thread.has(message_id)) this.#drop(item);
    if (isNew) item.thread.load(); // nothing was said of the new conversation yet
    this.deliver();
  }

  #failed(item, problem) {
    if (!this.#items.includes(item)) return this.store.alarm(problem, item.thread.id); // the message is saved, its reply failed
    item.problem = problem;
    this.#setState(item, "failed");
    if (this.store.thread === item.thread) return;
    this.edit(item);
    this.store.alarm(problem, item.thread.id);
  }

  retry(item) {
    item.problem = null;
    this.#setState(item, "queued");
    this.deliver();
  }

  /** Back into the text box. */
  edit(item) {
    this.#toDraft(item);
    this.#drop(item);
  }

  /** The conversation has it now: by id, or, before the call resolved, the same text by the same person. */
  seen(thread, message) {
    const item = this.#items.find((each) => each.thread === thread && this.#isSame(each, message));
    if (item) this.#drop(item);
  }

  #isSame(item, message) {
    if (item.messageId) return item.messageId === message.id;
    return item.state === "sending" && message.author.kind === "you" && message.text === item.text;
  }

  /** Without a session nothing can be sent: what was typed goes back to where it was typed. */
  giveBack() {
    const items = this.#items;
    this.#items = [];
    for (const item of items) this.#toDraft(item);
    this.store.changed("outbox");
  }

  clear() {
    this.#items = [];
  }

  #toDraft({ thread, text }) {
    const draft = this.store.drafts.get(thread.id ?? "");
    this.store.drafts.set(thread.id ?? "", draft ? `${text}\n\n${draft}` : text);
    this.store.changed("draft");
  }

  #setState(item, state) {
    item.state = state;
    this.#changed(item);
  }

  #drop(item) {
    this.#items = this.#items.filter((each) => each !== item);
    this.#changed(item);
  }

  #changed({ thread }) {
    thread.changed("outbox");
    thread.changed("state");
  }
}
