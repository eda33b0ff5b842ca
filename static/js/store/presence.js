const HERE_EVERY_MS = 20_000;
const TYPING_EVERY_MS = 3_000;
const TYPING_LASTS_MS = 6_000; // docs/worker.md: then the others see it no more

/**
 * Tells the others of the open conversation that somebody looks at it or types, and knows who of them does. The server learns of
 * it too, so nothing is told where nobody else is.
 */
export class Presence {
  others = []; // [{user_id, name, state}] of the open conversation

  #thread = null; // whose others they are
  #told = null; // the conversation that was last told "here"
  #timer = 0;
  #typedMs = 0;

  constructor(store) {
    this.store = store;
    const settle = () => this.#settle();
    for (const topic of ["session", "thread", "conversation"]) store.addEventListener(topic, settle);
    document.addEventListener("visibilitychange", settle);
  }

  get #audience() {
    const { thread, usable } = this.store;
    if (!usable || document.visibilityState !== "visible") return null;
    return thread?.state === "ready" && thread.people > 1 ? thread.id : null;
  }

  /** Looks again whether there is somebody to tell. */
  #settle() {
    if (this.store.thread !== this.#thread) this.#show([]);
    this.#thread = this.store.thread;
    const id = this.#audience;
    if (id === this.#told) return;
    clearInterval(this.#timer);
    if (this.#told) this.#tell(this.#told, "away");
    this.#told = id;
    this.#typedMs = 0;
    if (id) this.#begin(id);
  }

  #begin(id) {
    this.#tell(id, "here");
    this.#timer = setInterval(() => this.#isTyping || this.#tell(id, "here"), HERE_EVERY_MS);
  }

  get #isTyping() {
    return Date.now() - this.#typedMs < TYPING_LASTS_MS;
  }

  /** Who is told nothing shows nothing wrong: presence is a courtesy. */
  #tell(id, state) {
    if (this.store.usable) this.store.call("presence", id, state).catch(() => {});
  }

  typing() {
    const now = Date.now();
    if (!this.#told || now - this.#typedMs < TYPING_EVERY_MS) return;
    this.#typedMs = now;
    this.#tell(this.#told, "typing");
  }

  stoppedTyping() {
    if (!this.#told || !this.#typedMs) return;
    this.#typedMs = 0;
    this.#tell(this.#told, "here");
  }

  take({ conversation_id, people }) {
    if (conversation_id === this.#thread?.id) this.#show(people);
  }

  #show(others) {
    if (others.length === 0 && this.others.length === 0) return;
    this.others = others;
    this.store.changed("presence");
  }
}
