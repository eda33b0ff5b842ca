const AT_BOTTOM_PX = 48;
const AWAY_PX = 240;

/**
 * Keeps the place of a scrolling element. At the bottom it follows what comes; anywhere else it stays. When content
 * comes in above, the browser's scroll anchoring holds the place; where there is none, or where it is suspended (at the very
 * top), the first visible message is held.
 */
export class ScrollKeeper {
  #anchors = CSS.supports("overflow-anchor", "auto");
  #sticks = true;
  #last = 0;
  #held = null;
  #observer;

  constructor(scroller, content, onAway) {
    this.scroller = scroller;
    this.content = content;
    this.onAway = onAway;
    this.#observer = new ResizeObserver(() => this.#resized());
    this.#observer.observe(content);
    this.#observer.observe(scroller);
    scroller.addEventListener("scroll", this.#scrolled, { passive: true });
  }

  stop() {
    this.#observer.disconnect();
    this.scroller.removeEventListener("scroll", this.#scrolled);
  }

  get #distance() {
    const { scrollHeight, scrollTop, clientHeight } = this.scroller;
    return scrollHeight - scrollTop - clientHeight;
  }

  #scrolled = () => {
    const up = this.scroller.scrollTop < this.#last - 1;
    this.#last = this.scroller.scrollTop;
    const distance = this.#distance;
    if (distance < AT_BOTTOM_PX) this.#sticks = true;
    else if (up) this.#sticks = false;
    this.#tell(distance);
    if (!this.#anchors) this.#hold();
  };

  #tell(distance) {
    this.onAway(!this.#sticks && distance > AWAY_PX);
  }

  toBottom({ smooth = false } = {}) {
    this.#sticks = true;
    const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
    this.scroller.scrollTo({ top: this.scroller.scrollHeight, behavior: smooth && !calm ? "smooth" : "instant" });
    this.#tell(0);
  }

  /** Where there is nothing to follow yet. */
  toTop() {
    this.#sticks = false;
    this.scroller.scrollTop = 0;
    this.#tell(0);
  }

  follow() {
    if (this.#sticks) this.scroller.scrollTop = this.scroller.scrollHeight;
  }

  /** Before content changes. */
  before() {
    if (this.#sticks) return;
    if (this.scroller.scrollTop === 0) this.scroller.scrollTop = 1; // anchoring is suspended at 0
    if (!this.#anchors) this.#hold();
  }

  after() {
    if (this.#sticks) this.follow();
    else if (!this.#anchors) this.#restore();
  }

  #resized() {
    if (this.#sticks) this.follow();
    else if (!this.#anchors) this.#restore();
  }

  #hold() {
    const top = this.scroller.getBoundingClientRect().top;
    const pages = [...this.content.querySelectorAll("balon-page")];
    const page = pages.find((each) => each.getBoundingClientRect().bottom > top);
    const element = [...(page?.children ?? [])].find((each) => each.getBoundingClientRect().bottom > top);
    this.#held = element ? { element, offset: element.getBoundingClientRect().top - top } : null;
  }

  #restore() {
    if (!this.#held?.element.isConnected) return;
    const { element, offset } = this.#held;
    const moved = element.getBoundingClientRect().top - this.scroller.getBoundingClientRect().top - offset;
    if (Math.abs(moved) >= 1) this.scroller.scrollTop += moved;
  }
}
