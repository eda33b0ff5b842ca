// What is said of conversations and messages that come from other products.

export const PRODUCTS = { chatgpt: "ChatGPT", "open-webui": "Open WebUI", librechat: "LibreChat" };

/** The product as people call it. Whoever sealed the message names it, so no other text is taken from there. */
export function productName(source) {
  return Object.hasOwn(PRODUCTS, source) ? PRODUCTS[source] : "another product";
}

export function plural(count, one, many = `${one}s`) {
  return `${count} ${count === 1 ? one : many}`;
}
