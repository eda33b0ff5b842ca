const MARGIN = "1000px 0px";

const callbacks = new WeakMap();
const observers = new WeakMap(); // one for each scrolling log: a margin counts from the root only

function observerOf(root) {
  if (!observers.has(root)) observers.set(root, new IntersectionObserver(report, { root, rootMargin: MARGIN }));
  return observers.get(root);
}

function report(entries, observer) {
  for (const { target, isIntersecting } of entries) {
    if (!isIntersecting) continue;
    observer.unobserve(target);
    callbacks.get(target)?.();
  }
}

/** Calls once, when the element is in the visible part of the log or close to it. Returns how to call it off. */
export function whenNear(element, run) {
  const observer = observerOf(element.closest(".log"));
  callbacks.set(element, run);
  observer.observe(element);
  return () => observer.unobserve(element);
}
