import { LitElement } from "lit";

/**
 * The base of every component. It renders into the light DOM, since text that people read must be found by readers, by
 * find-in-page and by tests; and it renders again when the store says that one of its topics changed.
 */
export class Element extends LitElement {
  static topics = [];
  static properties = { store: { attribute: false } };

  #changed = () => this.requestUpdate();

  createRenderRoot() {
    return this;
  }

  connectedCallback() {
    super.connectedCallback();
    for (const topic of this.constructor.topics) this.store.addEventListener(topic, this.#changed);
  }

  disconnectedCallback() {
    super.disconnectedCallback();
    for (const topic of this.constructor.topics) this.store.removeEventListener(topic, this.#changed);
  }
}

export function define(name, constructor) {
  if (!customElements.get(name)) customElements.define(name, constructor);
}

/** Resolves when an element and all that it holds are rendered, however deep. */
export async function rendered(root) {
  await root.updateComplete;
  for (let before = -1, all = inside(root); all.length !== before; all = inside(root)) {
    before = all.length;
    await Promise.all(all.map((each) => each.updateComplete));
  }
}

function inside(root) {
  return [...root.querySelectorAll("*")];
}
