/** A promise and what settles it; `Promise.withResolvers` is younger than the browsers that the page still serves. */
export function deferred() {
  let resolve;
  const promise = new Promise((accept) => (resolve = accept));
  return { promise, resolve };
}
