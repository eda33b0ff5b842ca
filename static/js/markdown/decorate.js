import { copyText } from "../ui/clipboard.js";
import { highlight } from "./highlight.js";

const LIVE_LIMIT = 2_000; // an open block of more than this is coloured when it is finished

/** Adds what only the page may add to a block: colours, the copy button, the frame of a table. Safe to call again. */
export function decorate(block, { open }) {
  for (const code of block.querySelectorAll("pre > code")) {
    frame(code);
    if (!open || code.textContent.length < LIVE_LIMIT) highlight(code);
  }
  for (const table of block.querySelectorAll(":scope > table")) scrollable(table);
}

function frame(code) {
  const pre = code.parentElement;
  if (pre.parentElement.classList.contains("code-block")) return;
  const block = make("div", "code-block");
  const head = make("div", "code-head");
  const language = /language-(\S+)/.exec(code.className)?.[1] ?? "text";
  head.append(make("span", "code-language", language), copyButton(code));
  pre.tabIndex = 0;
  pre.setAttribute("role", "region");
  pre.setAttribute("aria-label", `Code, ${language}`);
  pre.replaceWith(block);
  block.append(head, pre);
}

function copyButton(code) {
  const button = make("button", "code-copy", "Copy code");
  button.type = "button";
  button.addEventListener("click", async () => {
    const copied = await copyText(code.textContent);
    button.textContent = copied ? "Copied" : "Not allowed";
    setTimeout(() => (button.textContent = "Copy code"), 2_000);
  });
  return button;
}

function scrollable(table) {
  const frame = make("div", "table-scroll");
  Object.assign(frame, { tabIndex: 0 });
  frame.setAttribute("role", "region");
  frame.setAttribute("aria-label", "Table");
  table.replaceWith(frame);
  frame.append(table);
}

function make(tag, className, text = "") {
  const element = document.createElement(tag);
  element.className = className;
  element.textContent = text;
  return element;
}
