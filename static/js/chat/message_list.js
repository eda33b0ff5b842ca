import { html, nothing } from "lit";
import { repeat } from "lit/directives/repeat.js";
import { markPainted } from "../marks.js";
import "../people/invitation.js";
import "../people/new_key.js";
import { alarm } from "../ui/alarm.js";
import { Element, define } from "../ui/element.js";
import { down } from "../ui/icons.js";
import { ScrollKeeper } from "./scroll_keeper.js";
import "./message.js";
import "./pending.js";

/** The log. It scrolls itself, so that the keyboard can, and keeps its place when older messages come in above. */
class Messages extends Element {
  static topics = ["session", "library"];
  static properties = { thread: { attribute: false }, away: { state: true } };

  #watched = null;
  #shown = null; // the thread whose first page has been shown
  #keeper = null;
  #top = null;
  #readId = null; // the newest message that was told as read
  #look = () => this.#markRead();
  #update = () => this.requestUpdate();
  #flushed = () => this.#keeper?.follow();
  #sent = () => this.updateComplete.then(() => this.#keeper?.toBottom());

  connectedCallback() {
    super.connectedCallback();
    document.addEventListener("visibilitychange", this.#look);
  }

  disconnectedCallback() {
    super.disconnectedCallback();
    document.removeEventListener("visibilitychange", this.#look);
    this.#watch(null);
    this.#keeper?.stop();
    this.#top?.disconnect();
    this.#keeper = this.#top = null;
  }

  willUpdate(changed) {
    if (changed.has("thread")) this.#watch(this.thread);
    this.#keeper?.before();
  }

  #watch(thread) {
    for (const type of ["pages", "state", "outbox"]) this.#watched?.removeEventListener(type, this.#update);
    this.#watched?.removeEventListener("flush", this.#flushed);
    this.#watched?.removeEventListener("sent", this.#sent);
    for (const type of ["pages", "state", "outbox"]) thread?.addEventListener(type, this.#update);
    thread?.addEventListener("flush", this.#flushed);
    thread?.addEventListener("sent", this.#sent);
    this.#watched = thread;
  }

  get #log() {
    return this.querySelector(".log");
  }

  /** Made with the first update and again after a move in the document, which disconnects. */
  #keep() {
    this.#keeper = new ScrollKeeper(this.#log, this.querySelector(".log-content"), (away) => (this.away = away));
    this.#top = new IntersectionObserver((entries) => entries.at(-1).isIntersecting && this.thread?.loadOlder(), {
      root: this.#log,
      rootMargin: "1200px 0px 0px 0px",
    });
  }

  updated() {
    if (!this.isConnected) return; // an update that was under way when the view went
    if (!this.#keeper) this.#keep();
    const { thread } = this;
    if (thread !== this.#shown && (thread?.state === "ready" || thread?.state === "new")) this.#open();
    else this.#keeper.after();
    this.#observeTop();
    this.#markRead();
  }

  /** What is at the end of the log was read once it is on a screen that somebody can see. */
  #markRead() {
    const { thread } = this;
    const id = thread?.newestSaved?.id;
    const isSeen = thread?.state === "ready" && !this.away && document.visibilityState === "visible";
    if (!isSeen || !id || id === this.#readId) return;
    this.#readId = id;
    this.store.library.markRead(thread.id);
  }

  #open() {
    this.#shown = this.thread;
    if (this.thread.state === "new") this.#keeper.toTop();
    else this.#keeper.toBottom();
    if (this.thread.id) markPainted("balon:conversation", this.thread.id);
  }

  /** Observing anew reports where the top is now, so that a page that did not fill the screen is followed by the next. */
  #observeTop() {
    this.#top.disconnect();
    const top = this.querySelector(".log-top");
    if (top && this.thread.more && !this.thread.loadingOlder && !this.thread.olderProblem) this.#top.observe(top);
  }

  render() {
    const { thread } = this;
    const busy = Boolean(thread && (thread.streaming || thread.loadingOlder || thread.state === "loading"));
    return html`
      <div
        class="log"
        role="log"
        aria-label="Messages"
        aria-live="polite"
        aria-relevant="additions"
        aria-busy=${busy}
        tabindex="0"
      >
        <div class=${thread?.isMixed ? "log-content mixed" : "log-content"}>
          ${thread ? [this.#head, this.#pages, this.#pending, this.#alarms] : nothing}
        </div>
      </div>
      ${
        this.away && !thread?.isEmpty
          ? html`<button type="button" class="jump" @click=${() => this.#keeper.toBottom({ smooth: true })}>
              ${down}Jump to newest
            </button>`
          : nothing
      }
    `;
  }

  get #head() {
    const { thread } = this;
    if (thread.state === "failed") return alarm(thread.problem, { actions: { retry: () => thread.load() } });
    if (thread.state === "loading")
      return html`<div class="loading-log" aria-hidden="true"><i></i><i></i><i></i></div>`;
    if (thread.isEmpty) return this.store.outbox.of(thread).length ? nothing : this.#welcome;
    if (thread.olderProblem) return alarm(thread.olderProblem, { actions: { retry: () => thread.loadOlder() } });
    return html`<div class="log-top">
      ${thread.more ? "Loading earlier messages…" : "The beginning of this conversation"}
    </div>`;
  }

  /** Whoever was invited sees it at once, and not only in the list. */
  get #welcome() {
    const { store, thread } = this;
    const invitations = thread.id === null ? store.library.invitations : [];
    return html`
      ${repeat(
        invitations,
        ({ id }) => id,
        (item) => html`<balon-invitation .store=${store} .item=${item}></balon-invitation>`,
      )}
      <div class=${invitations.length > 0 ? "welcome under-invitations" : "welcome"}>
        <h2>What is on your mind?</h2>
        <p>
          What you write is encrypted before it leaves this browser. Only the people in a conversation, and the model
          while it answers, can read it.
        </p>
      </div>
    `;
  }

  get #pages() {
    const { thread, store } = this;
    const newest = thread.newest?.id;
    return repeat(
      thread.pages,
      ({ key }) => `${thread.id}/${key}`,
      ({ messages }) =>
        html`<balon-page .store=${store} .thread=${thread} .messages=${messages} .newest=${newest}></balon-page>`,
    );
  }

  get #pending() {
    const { thread, store } = this;
    return repeat(
      store.outbox.of(thread),
      ({ key }) => key,
      (item) => html`<balon-pending .store=${store} .item=${item} .state=${item.state}></balon-pending>`,
    );
  }

  get #alarms() {
    const { thread, store } = this;
    const actions = { retry: () => store.reopen(), "sign-in": () => store.signOut(), unlock: () => store.lock() };
    return thread.alarms.map((problem) =>
      problem.code === "key-changed"
        ? html`<balon-new-key .store=${store} .conversationId=${thread.id} .problem=${problem}></balon-new-key>`
        : alarm(problem, { actions }),
    );
  }
}

/** Fifty messages. A change of one page does not visit the others, and pages that are far away cost no layout. */
class Page extends Element {
  static properties = { thread: { attribute: false }, messages: { attribute: false }, newest: { attribute: false } };

  shouldUpdate(changed) {
    if (changed.has("messages") || changed.has("thread")) return true;
    const [before, now] = [changed.get("newest"), this.newest];
    return this.messages.some(({ id }) => id === before || id === now);
  }

  render() {
    return repeat(
      this.messages,
      ({ id }) => id,
      (message) =>
        html`<balon-message
          .store=${this.store}
          .thread=${this.thread}
          .message=${message}
          .isNewest=${message.id === this.newest}
        ></balon-message>`,
    );
  }
}

define("balon-page", Page);
define("balon-messages", Messages);
