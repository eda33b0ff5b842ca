import { decorate } from "./decorate.js";
import { blockHtml, lex } from "./parse.js";
import { sanitize } from "./sanitize.js";

/**
 * Shows a text that may still grow. Blocks that are finished stay as they are in the document; each update parses only what
 * came after them. When the text is complete it is parsed once as a whole, and only blocks that come out otherwise (a reference that
 * was defined later) are replaced.
 */
export class Blocks {
  #root;
  #text = "";
  #closed = 0; // characters in finished blocks
  #shown = []; // {html, element}, the last one may be open
  #finishedCount = 0;
  #complete = false;

  constructor(root) {
    this.#root = root;
  }

  /** `streaming`: more will come, so the last block is open and has a caret. */
  update(text, { streaming }) {
    const normal = text.replace(/\r\n?/g, "\n");
    if (normal === this.#text && this.#complete === !streaming) return;
    if (!normal.startsWith(this.#text) || this.#complete) this.#reset();
    this.#text = normal;
    this.#complete = !streaming;
    if (streaming) this.#grow();
    else this.#settle();
  }

  #reset() {
    this.#closed = this.#finishedCount = 0;
  }

  #grow() {
    const tokens = lex(this.#text.slice(this.#closed));
    const open = tokens.findLastIndex(({ type }) => type !== "space" && type !== "def");
    const links = tokens.links;
    let count = this.#finishedCount;
    tokens.forEach((token, index) => {
      if (token.type === "space" || token.type === "def") return;
      this.#put(count, blockHtml(token, links), { open: index === open });
      count += 1;
    });
    this.#trim(count);
    for (const token of tokens.slice(0, Math.max(0, open))) this.#closed += token.raw.length;
    this.#finishedCount = Math.max(0, count - 1);
    this.#caret();
  }

  #settle() {
    const tokens = lex(this.#text);
    const blocks = tokens.filter(({ type }) => type !== "space" && type !== "def");
    blocks.forEach((token, index) => this.#put(index, blockHtml(token, tokens.links), { open: false }));
    this.#trim(blocks.length);
    this.#root.querySelector(".caret")?.remove();
  }

  /** Leaves a block alone that is on screen as it should be. */
  #put(index, html, { open }) {
    const shown = this.#shown[index];
    if (shown?.html === html && shown.open === open) return;
    const element = shown?.element ?? this.#add();
    if (shown?.html !== html) element.replaceChildren(sanitize(html));
    if (shown?.html !== html || shown.open) decorate(element, { open });
    this.#shown[index] = { html, open, element };
  }

  #add() {
    const element = document.createElement("div");
    element.className = "block";
    this.#root.append(element);
    return element;
  }

  #trim(count) {
    for (const { element } of this.#shown.splice(count)) element.remove();
  }

  #caret() {
    const caret =
      this.#root.querySelector(".caret") ?? Object.assign(document.createElement("span"), { className: "caret" });
    let place = this.#shown.at(-1)?.element ?? this.#root;
    while (place.lastElementChild && !INLINE.has(place.lastElementChild.localName)) place = place.lastElementChild;
    place.append(caret);
  }
}

const INLINE = new Set(["a", "br", "button", "del", "em", "hr", "span", "strong"]);
