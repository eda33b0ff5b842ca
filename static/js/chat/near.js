const callbacks = new WeakMap();

const observer = new IntersectionObserver(
  (entries) => {
    for (const { target, isIntersecting } of entries) {
      if (!isIntersecting) continue;
      observer.unobserve(target);
      callbacks.get(target)?.();
    }
  },
  { rootMargin: "1000px 0px" },
);

/** Calls once, when the element is on screen or close to it. Returns how to call it off. */
export function whenNear(element, run) {
  callbacks.set(element, run);
  observer.observe(element);
  return () => observer.unobserve(element);
}
