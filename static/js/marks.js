// The marks that docs and benchmarks name. A mark that happens again (a second conversation) is set again: read the newest.

/** Sets a mark once what is on screen includes the change. */
export function markPainted(name, detail) {
  requestAnimationFrame(() => mark(name, detail));
}

export function mark(name, detail) {
  performance.mark(name, { detail });
}
