import DOMPurify from "dompurify";

// The second fence: whatever parse.js or the highlighter wrote, only this reaches the document. No image, form, style, id or name; no
// address but web and mail.

const TAGS = [
  ...["p", "br", "hr", "h3", "h4", "h5", "h6", "strong", "em", "del", "code", "pre", "blockquote", "ul", "ol", "li"],
  ...["table", "thead", "tbody", "tr", "th", "td", "a", "span"],
];
const CLASS = /^(?:hljs(?:-[\w-]+)?|language-[\w+#.-]+|align-(?:left|center|right)|raw|[a-z]+_)$/;

const CONFIG = {
  ALLOWED_TAGS: TAGS,
  ALLOWED_ATTR: ["href", "title", "class", "start"],
  ALLOWED_URI_REGEXP: /^(?:https?:|mailto:)/i,
  ADD_URI_SAFE_ATTR: ["start"], // the expression is for every attribute that is not named so
  ALLOW_DATA_ATTR: false,
  ALLOW_ARIA_ATTR: false,
  RETURN_DOM_FRAGMENT: true,
};

const purifier = DOMPurify(window);

purifier.addHook("uponSanitizeAttribute", (node, data) => {
  if (data.attrName === "class")
    data.attrValue = data.attrValue
      .split(/\s+/)
      .filter((name) => CLASS.test(name))
      .join(" ");
});

purifier.addHook("afterSanitizeAttributes", (node) => {
  if (node.localName !== "a") return;
  if (!node.hasAttribute("href")) return;
  node.setAttribute("rel", "noopener noreferrer");
  node.setAttribute("target", "_blank");
});

/** A document fragment that is safe to show. */
export function sanitize(html) {
  return purifier.sanitize(html, CONFIG);
}
