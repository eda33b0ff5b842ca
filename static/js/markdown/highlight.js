import { sanitize } from "./sanitize.js";

const MAX_LENGTH = 50_000; // beyond this colours cost more than they give

let library = null;

/** Colours a code element, as soon as the highlighter is there. Its output passes the sanitiser like any other. */
export async function highlight(code) {
  const language = /language-([\w+#.-]+)/.exec(code.className)?.[1];
  if (!language || code.textContent.length > MAX_LENGTH) return;
  const hljs = (library ??= await load());
  if (!hljs?.getLanguage(language)) return;
  const { value } = hljs.highlight(code.textContent, { language, ignoreIllegals: true });
  code.replaceChildren(sanitize(value));
}

async function load() {
  try {
    return (await import("highlight.js/lib/common")).default;
  } catch (error) {
    console.error(error);
    return null;
  }
}
