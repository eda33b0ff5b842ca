// What is said of conversations and messages that come from other products.

export const PRODUCTS = { chatgpt: "ChatGPT", "open-webui": "Open WebUI", librechat: "LibreChat" };

// Marks that a message carries in its head, since every message of such a conversation has them.
const ORIGINS = {
  plaintext: "Not encrypted: the server could have changed this.",
  "from-plaintext": "From before encryption: the server could have changed this before it was encrypted.",
};

/** Where a message comes from, other than from its author's keyboard; null where that is all there is to say. */
export function originOf({ imported, mark }) {
  if (ORIGINS[mark?.code]) return ORIGINS[mark.code];
  return imported ? `Imported from ${productName(imported.source)}` : null;
}

/** Whether a mark is said in the head already. */
export function isOrigin(mark) {
  return Object.hasOwn(ORIGINS, mark?.code ?? "");
}

/** The product as people call it. Whoever sealed the message names it, so no other text is taken from there. */
function productName(source) {
  return Object.hasOwn(PRODUCTS, source) ? PRODUCTS[source] : "another product";
}

export function plural(count, one, many = `${one}s`) {
  return `${count} ${count === 1 ? one : many}`;
}
