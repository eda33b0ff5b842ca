// Addresses: "/" (new conversation), "/c/<id>", and a fragment for the views that the server need not know of.

const CONVERSATION = /^\/c\/([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})$/;
const FRAGMENTS = {
  "#sign-up": "sign-up",
  "#recovery": "recovery",
  "#settings": "settings",
  "#server": "disclosure",
};

const OLDER = /^#older-([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})$/;

export function parseLocation({ pathname, hash }) {
  const older = OLDER.exec(hash)?.[1] ?? null;
  const view = older ? "older" : (FRAGMENTS[hash] ?? null);
  return { id: CONVERSATION.exec(pathname)?.[1] ?? null, view, older };
}

/** Of a conversation that is still in plaintext. */
export function olderPath(id) {
  return `#older-${id}`;
}

export function conversationPath(id) {
  return id ? `/c/${id}` : "/";
}

/** The History API behind an event: "change" whenever the address names something else. */
export class Router extends EventTarget {
  constructor() {
    super();
    this.route = parseLocation(location);
    addEventListener("popstate", () => this.#update());
    addEventListener("click", (event) => this.#follow(event));
  }

  go(path, { replace = false } = {}) {
    const method = replace ? "replaceState" : "pushState";
    if (path !== location.pathname + location.hash) history[method](null, "", path);
    this.#update();
  }

  #update() {
    const next = parseLocation(location);
    const same = Object.keys(next).every((name) => next[name] === this.route[name]);
    this.route = next;
    if (!same) this.dispatchEvent(new Event("change"));
  }

  #follow(event) {
    const plain = event.button === 0 && !(event.metaKey || event.ctrlKey || event.shiftKey || event.altKey);
    const link = plain && !event.defaultPrevented && event.target.closest?.("a[data-route]");
    if (!link) return;
    event.preventDefault();
    const { pathname, hash } = new URL(link.href);
    this.go(pathname + hash);
  }
}
