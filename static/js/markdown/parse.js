import { Marked } from "marked";

// Markdown to HTML text. This is the first of two fences: raw HTML becomes text here, and only tags that sanitize.js knows are
// written. Nothing here is trusted to be the last.

const WEB = /^(?:https?:|mailto:)/i;

export function escapeHtml(text) {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}

const renderer = {
  html({ text, block }) {
    const escaped = escapeHtml(block ? text.replace(/\n+$/, "") : text);
    return block ? `<p class="raw">${escaped}</p>` : escaped;
  },

  /** Remote images would tell their server who reads what: an image is shown as what it says it is. */
  image({ href, text }) {
    const label = escapeHtml(text ? `Image: ${text}` : "Image");
    return WEB.test(href)
      ? `<a href="${escapeHtml(href)}" title="${escapeHtml(href)}">${label}</a>`
      : `<span>${label}</span>`;
  },

  link({ href, tokens }) {
    const label = this.parser.parseInline(tokens);
    return WEB.test(href) ? `<a href="${escapeHtml(href)}" title="${escapeHtml(href)}">${label}</a>` : label;
  },

  /** A conversation is below the headings of the page. */
  heading({ tokens, depth }) {
    const level = Math.min(6, depth + 2);
    return `<h${level}>${this.parser.parseInline(tokens)}</h${level}>`;
  },

  checkbox({ checked }) {
    return checked ? "☑ " : "☐ ";
  },

  code({ text, lang }) {
    const language = /^[\w+#.-]{1,30}/.exec(lang ?? "")?.[0].toLowerCase();
    return `<pre><code${language ? ` class="language-${language}"` : ""}>${escapeHtml(text)}</code></pre>`;
  },

  tablecell({ tokens, header, align }) {
    const tag = header ? "th" : "td";
    return `<${tag}${align ? ` class="align-${align}"` : ""}>${this.parser.parseInline(tokens)}</${tag}>`;
  },
};

const marked = new Marked({ gfm: true, breaks: true, renderer });

/** The blocks of a text, each with its `raw` source; together they are the text. */
export function lex(text) {
  return marked.lexer(text);
}

/** One block as HTML. `links` are the reference definitions of the text it came from. */
export function blockHtml(token, links) {
  const tokens = [token];
  tokens.links = links;
  return marked.parser(tokens);
}
