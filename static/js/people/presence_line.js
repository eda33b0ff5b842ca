import { html, nothing } from "lit";
import { Element, define } from "../ui/element.js";

const SAID_AGAIN_AFTER_MS = 60_000;
const SAID_FOR_MS = 5_000;
const NAMES_MAX = 3;

/** Who else looks at the conversation, and who types. A reader is told of somebody's typing once a minute at most. */
class PresenceLine extends Element {
  static topics = ["presence", "conversation", "thread"];
  static properties = { said: { state: true } };

  #saidMs = new Map(); // user id -> when it was said last
  #timer = 0;

  disconnectedCallback() {
    super.disconnectedCallback();
    clearTimeout(this.#timer);
  }

  get #typing() {
    return this.store.presence.others.filter(({ state }) => state === "typing");
  }

  willUpdate() {
    const now = Date.now();
    const news = this.#typing.filter(({ user_id: id }) => !(now - this.#saidMs.get(id) < SAID_AGAIN_AFTER_MS));
    if (news.length === 0) return;
    for (const { user_id: id } of news) this.#saidMs.set(id, now);
    this.#say(sentence(news, "typing"));
  }

  #say(text) {
    this.said = text;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => (this.said = null), SAID_FOR_MS);
  }

  render() {
    const { thread } = this.store;
    const isShared = thread?.state === "ready" && thread.people > 1;
    return html`
      ${isShared ? html`<p class="presence">${this.#shown}</p>` : nothing}
      <p class="sr-only" aria-live="polite">${isShared ? (this.said ?? nothing) : nothing}</p>
    `;
  }

  get #shown() {
    const { others } = this.store.presence;
    if (this.#typing.length > 0)
      return html`<span class="typing-dots" aria-hidden="true"><i></i><i></i><i></i></span
        >${sentence(this.#typing, "typing")}`;
    return others.length > 0 ? html`<span class="dot good"></span>${sentence(others, "here")}` : nothing;
  }
}

/** "bob is typing", "bob and carol are here", "bob, carol, dave and 2 others are here". */
function sentence(people, what) {
  const names = people.slice(0, NAMES_MAX).map(({ name }) => name);
  const others = people.length - names.length;
  if (others > 0) names.push(others === 1 ? "1 other" : `${others} others`);
  const last = names.pop();
  const who = names.length > 0 ? `${names.join(", ")} and ${last}` : last;
  return `${who} ${people.length === 1 ? "is" : "are"} ${what}`;
}

define("balon-presence", PresenceLine);
