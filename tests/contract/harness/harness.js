// The page of the contract tests: passes one request at a time to the worker and gives its answer as text.
const worker = new Worker("worker.mjs", { type: "module" });
let answer;

worker.onmessage = ({ data }) => answer(data);
worker.onerror = (event) => answer(JSON.stringify({ error: `worker: ${event.message}` }));

/** Runs "module:function" in the worker's Python; resolves with JSON text { value } or { error }. */
window.runInWorker = (name) =>
  new Promise((resolve) => {
    answer = resolve;
    worker.postMessage(name);
  });
