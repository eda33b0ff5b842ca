import { html, nothing } from "lit";
import "../people/presence_line.js";
import { toProblem } from "../problems.js";
import { Element, define } from "../ui/element.js";
import { send, stop } from "../ui/icons.js";
import { mentionsAssistant } from "./mention.js";
import "./model_picker.js";

/** Typing waits for nothing: what is sent before the worker is ready is queued where it can be seen. */
class Composer extends Element {
  static topics = ["draft", "session", "connection", "preferences", "phase"];
  static properties = { thread: { attribute: false }, text: { state: true } };

  #watched = null;
  #changed = () => this.requestUpdate();

  constructor() {
    super();
    this.text = "";
  }

  connectedCallback() {
    super.connectedCallback();
    this.store.addEventListener("draft", this.#restore);
  }

  disconnectedCallback() {
    super.disconnectedCallback();
    this.store.removeEventListener("draft", this.#restore);
    this.#watch(null);
  }

  get #draftKey() {
    return this.#watched?.id ?? "";
  }

  #restore = () => (this.text = this.store.drafts.get(this.#draftKey) ?? "");

  /** The draft of each conversation is kept in memory, and nowhere else. */
  willUpdate(changed) {
    if (changed.has("thread")) this.#watch(this.thread);
  }

  #watch(thread) {
    this.#watched?.removeEventListener("state", this.#changed);
    this.#watched = thread;
    thread?.addEventListener("state", this.#changed);
    if (thread) this.#restore();
  }

  updated(changed) {
    if (changed.has("thread") && !document.querySelector("dialog[open]") && !matchMedia("(pointer: coarse)").matches)
      this.#focus();
  }

  #focus() {
    this.querySelector("textarea").focus({ preventScroll: true });
  }

  #typed({ target }) {
    this.text = target.value;
    if (this.text) this.store.drafts.set(this.#draftKey, this.text);
    else this.store.drafts.delete(this.#draftKey);
    if (this.text.trim()) this.store.presence.typing();
    else this.store.presence.stoppedTyping();
  }

  #key(event) {
    const composing = event.isComposing || event.keyCode === 229;
    if (event.key !== "Enter" || event.shiftKey || composing) return;
    event.preventDefault();
    this.#send();
  }

  get #sendable() {
    const { thread } = this;
    return Boolean(this.text.trim()) && thread && thread.writable && !this.#waitsForReply && !this.#pending;
  }

  /** People go on talking to each other while a reply to one of them comes. */
  get #waitsForReply() {
    return Boolean(this.thread.streaming) && this.thread.people < 2;
  }

  get #pending() {
    return this.store.outbox.of(this.thread).some(({ state }) => state !== "failed");
  }

  #submit(event) {
    event.preventDefault();
    this.#send();
    this.#focus();
  }

  #send() {
    if (!this.#sendable) return;
    const text = this.text.trim();
    this.text = "";
    this.store.drafts.delete(this.#draftKey);
    this.store.presence.stoppedTyping();
    this.store.outbox.add(this.thread, text);
  }

  #stop() {
    const { thread, store } = this;
    store.call("stop", thread.id, thread.streaming.id).catch((error) => thread.takeAlarm(toProblem(error)));
    this.#focus();
  }

  render() {
    const { thread } = this;
    return html`
      <form class="composer-form" @submit=${this.#submit}>
        <balon-presence .store=${this.store}></balon-presence>
        <div class="composer-box">
          <div class="grow" data-text=${`${this.text} `}>
            <textarea
              id="message"
              aria-label="Message"
              rows="1"
              placeholder=${this.#placeholder}
              aria-describedby="message-hint"
              autocomplete="off"
              enterkeyhint="send"
              ?disabled=${thread ? !thread.writable : false}
              .value=${this.text}
              @input=${this.#typed}
              @keydown=${this.#key}
            ></textarea>
          </div>
          <div class="composer-row">
            <balon-model .store=${this.store}></balon-model>
            <span class="composer-buttons">
              ${thread?.streaming ? this.#stopButton : nothing}
              ${thread && this.#waitsForReply ? nothing : this.#sendButton}
            </span>
          </div>
        </div>
        <div class="composer-foot">
          <p class="composer-hint" id="message-hint">${this.#hint}</p>
          <p class="status" role="status">${this.#status}</p>
        </div>
      </form>
    `;
  }

  get #stopButton() {
    return html`<button type="button" class="round-button" aria-label="Stop" title="Stop" @click=${this.#stop}>
      ${stop}
    </button>`;
  }

  get #sendButton() {
    return html`<button class="round-button primary" aria-label="Send" title="Send" ?disabled=${!this.#sendable}>
      ${send}
    </button>`;
  }

  get #placeholder() {
    const { thread } = this;
    if (thread?.writable !== false) return "Write a message";
    return thread.role === "reader" ? "You can only read here" : "Nothing can be sent here";
  }

  /** Where what is typed will go, said before it goes. */
  get #hint() {
    const { thread } = this;
    if (thread?.role === "reader") return "You are a reader here. An owner can let you write.";
    if (!thread?.isMixed || !thread.writable) return nothing;
    if (thread.assistant === "always") return "Every message goes to the assistant too.";
    return mentionsAssistant(this.text) ? "This goes to the assistant too." : "Write @assistant to ask";
  }

  get #status() {
    const { phase, session, connection, saving } = this.store;
    if (phase === "starting" || !session) return html`<span class="dot waiting"></span>Starting encryption…`;
    if (connection === "offline") return html`<span class="dot bad"></span>Offline. Balon reconnects by itself.`;
    if (connection === "connecting") return html`<span class="dot waiting"></span>Connecting…`;
    if (saving === "saving") return html`<span class="dot waiting"></span>Saving…`;
    if (saving === "failed") return html`<span class="dot bad"></span>Not saved`;
    return html`<span class="dot good"></span>${saving === "saved" ? "Saved, encrypted" : "Connected, encrypted"}`;
  }
}

define("balon-composer", Composer);
