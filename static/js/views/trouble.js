import { html } from "lit";
import { Element, define } from "../ui/element.js";
import { entry } from "./entry.js";

const PAGES = {
  insecure: {
    title: "Balon needs HTTPS",
    lead: "Browsers only let a page use encryption over a secure connection, and this page came over an insecure one.",
    help: "Open it with https:// in front of its address. On the machine that runs Balon, http://localhost works too. If you did not set this page up, tell the person who did.",
  },
  "too-old": {
    title: "This browser is too old",
    lead: "Balon encrypts in your browser, and this one lacks something it needs for that: WebAssembly, or the Ed25519 and X25519 keys of WebCrypto.",
    help: "Update your browser, or use a current Chrome, Edge, Firefox or Safari. Nothing weaker is used in their place, and nothing was sent.",
  },
  failed: {
    title: "Balon could not start",
    lead: "The part that holds your keys and encrypts your messages did not start in this browser, so nothing can be opened or sent.",
    help: "Most often the connection broke while it was loading. Reload the page; if that does not help, try again later or in another browser.",
  },
};

class Trouble extends Element {
  static topics = ["phase"];

  get #page() {
    return PAGES[this.store.phase === "failed" ? "failed" : this.store.unsupported];
  }

  render() {
    const { title, lead, help } = this.#page;
    return entry({
      title,
      lead,
      body: html`
        <p>${help}</p>
        <button type="button" class="button primary" @click=${() => location.reload()}>Reload</button>
      `,
    });
  }
}

define("balon-trouble", Trouble);
