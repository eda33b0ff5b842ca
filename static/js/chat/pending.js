import { html, nothing } from "lit";
import { alarm } from "../ui/alarm.js";
import { Element, define } from "../ui/element.js";

/** A message that is on its way, or that could not be sent. */
class Pending extends Element {
  static topics = ["phase", "session"];
  static properties = { item: { attribute: false }, state: { attribute: false } };

  get #progress() {
    if (this.state === "sending" || this.state === "sent") return "Encrypting and sending…";
    return this.store.usable ? "Waiting for the message before this one…" : "Waiting for encryption to start…";
  }

  render() {
    const { item, store } = this;
    const failed = item.state === "failed";
    return html`
      <article class="message you ${failed ? "failed" : "sending"}" aria-label="You">
        <header class="message-head"><span class="author">You</span></header>
        <div class="body plain">${item.text}</div>
        ${failed ? nothing : html`<p class="finish">${this.#progress}</p>`}
      </article>
      ${
        failed
          ? html`<div class="pending-failed">
              ${alarm({ ...item.problem, action: null })}
              <div class="button-row end">
                <button type="button" class="button small" @click=${() => store.outbox.edit(item)}>Edit</button>
                <button type="button" class="button small primary" @click=${() => store.outbox.retry(item)}>
                  Try again
                </button>
              </div>
            </div>`
          : nothing
      }
    `;
  }
}

define("balon-pending", Pending);
