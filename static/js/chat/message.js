import { html, nothing } from "lit";
import { toProblem } from "../problems.js";
import { copyText } from "../ui/clipboard.js";
import { Element, define } from "../ui/element.js";
import { clockTime, fullTime, isoTime, mediumDate } from "../ui/format.js";
import { check, copy, retry, warning } from "../ui/icons.js";
import { isOrigin, originOf } from "../views/imported.js";
import { whenNear } from "./near.js";

const FINISHES = {
  stopped: "Stopped.",
  length: "The reply ended because it reached the length limit.",
  interrupted: "Interrupted: this reply was cut before its end.",
  error: "The model failed before the reply was complete.",
};
const CAN_ASK_AGAIN = new Set(["interrupted", "error"]);

const NAMES = { you: "You", assistant: "Assistant" };

/** Nobody passes for the assistant, or for the reader, by their login name: one cannot hear the case of a letter. */
export function authorName({ kind, name }) {
  const sounds = Object.values(NAMES).some((each) => each.toLowerCase() === name?.toLowerCase());
  return NAMES[kind] ?? (sounds ? `${name} (a person)` : name);
}

/** One message. Its text is plain at first and formatted when it comes near the screen, so that long logs open fast. */
class Message extends Element {
  static properties = {
    thread: { attribute: false },
    message: { attribute: false },
    isNewest: { attribute: false },
    copied: { state: true },
    asking: { state: true },
  };

  #unwatch = null;
  #unobserve = null;
  #formatter = null;
  #framedText = false; // whether the frame knows that there is text

  connectedCallback() {
    super.connectedCallback();
    this.#unwatch = this.thread.watch(this.message.id, (message) => this.#changed(message));
    this.#unobserve = whenNear(this, () => this.#format());
  }

  disconnectedCallback() {
    super.disconnectedCallback();
    this.#unwatch();
    this.#unobserve();
  }

  /** Tokens only touch the text; anything else renders the frame again. */
  #changed(message) {
    const sameFrame = message === this.message && this.#framedText;
    this.message = message;
    if (sameFrame) this.#showText();
    else this.requestUpdate();
  }

  get #isMarkdown() {
    return this.message.author.kind === "assistant";
  }

  async #format() {
    if (!this.#isMarkdown) return;
    const { Blocks } = await import("../markdown/blocks.js");
    if (!this.isConnected) return;
    const body = this.querySelector(".body");
    body.replaceChildren();
    body.classList.remove("plain");
    this.#formatter = new Blocks(body);
    this.#showText();
  }

  updated() {
    this.#framedText = Boolean(this.message.text);
    this.#showText();
  }

  #showText() {
    const { text, state } = this.message;
    const body = this.querySelector(".body");
    if (!body) return;
    if (this.#formatter) this.#formatter.update(text ?? "", { streaming: state === "streaming" });
    else if (body.textContent !== (text ?? "")) body.textContent = text ?? "";
  }

  async #copy() {
    this.copied = await copyText(this.message.text);
    setTimeout(() => (this.copied = false), 2_000);
  }

  async #askAgain() {
    this.asking = true;
    try {
      await this.store.call("ask_again", this.thread.id, this.store.model?.id ?? null);
    } catch (error) {
      this.thread.takeAlarm(toProblem(error));
    }
    this.asking = false;
  }

  render() {
    const { author, state, text, imported } = this.message;
    const created = imported?.created_ms ?? this.message.created_ms;
    const name = authorName(author);
    const origin = originOf(this.message);
    return html`
      <article
        class="message ${author.kind} ${state}"
        aria-label=${name}
        aria-busy=${state === "streaming" ? "true" : nothing}
      >
        <header class="message-head">
          <span class="author">${name}</span>
          ${this.#isForModel ? html`<span class="for-model">Sent to the assistant</span>` : nothing}
          ${origin ? html`<span class="imported">${origin}</span>` : nothing}
          <time datetime=${isoTime(created)} title=${fullTime(created)}
            >${origin ? mediumDate(created) : clockTime(created)}</time
          >
        </header>
        <div class="body plain" ?hidden=${text === null}></div>
        ${state === "streaming" && !text ? html`<p class="thinking"><span class="sr-only">Waiting for the reply</span><i></i><i></i><i></i></p>` : nothing}
        ${this.#notes} ${this.#tools}
      </article>
    `;
  }

  /** Shown only where messages between people stand beside those for the assistant (message.css). */
  get #isForModel() {
    const { author, sealed_for_model: isSealed, text } = this.message;
    return isSealed && text !== null && author.kind !== "assistant";
  }

  /** Text that is shown though nobody vouches for it. What is withheld is an alarm of the conversation already. */
  get #isDoubtful() {
    const { finish, imported, state, text } = this.message;
    return text !== null && state === "saved" && !FINISHES[finish] && !imported;
  }

  get #notes() {
    const { finish, mark, state, author } = this.message;
    const note = state === "failed" ? (author.kind === "assistant" ? FINISHES.error : "Not sent.") : FINISHES[finish];
    return html`
      ${note ? html`<p class="finish">${note}</p>` : nothing}
      ${
        mark && !isOrigin(mark)
          ? html`<div class="message-mark" role=${this.#isDoubtful ? "alert" : "note"}>
              ${warning}
              <p><strong>${mark.title}</strong> ${mark.detail}</p>
            </div>`
          : nothing
      }
    `;
  }

  get #tools() {
    const { text, state } = this.message;
    const saved = state === "saved" || state === "failed";
    if (!saved) return nothing;
    return html`
      <div class="message-tools">
        ${
          text
            ? html`<button
                type="button"
                class="icon-button small"
                aria-label="Copy message"
                title="Copy message"
                @click=${this.#copy}
              >
                ${this.copied ? check : copy}
              </button>`
            : nothing
        }
        ${
          this.#askable
            ? html`<button
                type="button"
                class="button small"
                aria-disabled=${Boolean(this.asking)}
                @click=${this.#askAgain}
              >
                ${retry}Try again
              </button>`
            : nothing
        }
      </div>
    `;
  }

  /** The newest message asks for a reply again when its reply broke, or when it is a person's and none came. */
  get #askable() {
    const { author, finish, state, sealed_for_model: isSealed } = this.message;
    if (!this.isNewest || !this.thread.writable) return false;
    if (author.kind === "assistant") return CAN_ASK_AGAIN.has(finish) || state === "failed";
    if (author.kind !== "you" || !isSealed) return false;
    return state === "saved" && !this.store.outbox.isSending(this.thread);
  }
}

define("balon-message", Message);
