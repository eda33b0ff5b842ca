// The page's side of the worker: starts PyScript, sends calls, hands out events (docs/worker.md). No keys here, no protocol.
import { interpreter, main } from "balon:worker";

const START_LIMIT_MS = 120_000;

const absolute = (path) => new URL(path, import.meta.url).href;

/** A refusal, in words for people: what was refused, why it matters, what the person can do. */
export class Problem extends Error {
  constructor({ code, title, detail, action = null }) {
    super(title);
    this.name = "Problem";
    Object.assign(this, { code, title, detail, action });
  }
}

const notStarted = (cause) =>
  Object.assign(
    new Problem({
      code: "core-failed",
      title: "The part of this page that holds your keys did not start.",
      detail: "Without it nothing can be read or sent. Check the connection and reload the page.",
      action: "reload",
    }),
    { cause },
  );

/** Turn a call's answer into its value, or throw the problem it holds. */
function unwrap(answer) {
  if (typeof answer !== "string") return answer;
  const { ok, problem } = JSON.parse(answer);
  if (problem) throw new Problem(problem);
  return ok;
}

const isBytes = (value) => value instanceof Uint8Array;
const outgoing = (value) => (isBytes(value) || value instanceof File ? value : JSON.stringify(value ?? null));

function showState(state) {
  document.documentElement.dataset.core = state;
}

/** PyScript's hooks for workers are composed with Function(), which the page's policy forbids; none is needed. */
function clearHooks({ worker }) {
  for (const name of ["onReady", "onBeforeRun", "onBeforeRunAsync", "onAfterRun", "onAfterRunAsync"])
    worker[name].clear();
}

async function startWorker() {
  const { hooks, PyWorker } = await import("@pyscript/core");
  clearHooks(hooks);
  return PyWorker(absolute(main), { version: absolute(interpreter), config: {} });
}

/** Reject when the policy blocks the worker, or when it takes unreasonably long: neither makes PyScript reject. */
function startFailure() {
  return new Promise((_, reject) => {
    setTimeout(() => reject(new Error("time-out")), START_LIMIT_MS);
    document.addEventListener("securitypolicyviolation", ({ effectiveDirective, blockedURI }) => {
      if (blockedURI.startsWith("blob")) reject(new Error(effectiveDirective));
    });
  });
}

/**
 * The worker as the page sees it. Events of the worker arrive as CustomEvents of their type, with the event as detail;
 * besides these there are "core-ready" and "core-failed" (detail: a Problem).
 */
class Core extends EventTarget {
  #sync = null;
  #ready;

  constructor() {
    super();
    showState("loading");
    this.#ready = Promise.race([this.#start(), startFailure()]).then(
      () => this.#succeed(),
      (error) => this.#fail(error),
    );
    this.#ready.catch(() => {});
  }

  /** Resolves when Python answers; rejects with a Problem when it cannot be started. */
  get ready() {
    return this.#ready;
  }

  /**
   * Call an exported function of the client. Byte arrays among the arguments are handed over: they are zeroed here as
   * soon as the worker has its copy. Rejects with a Problem.
   */
  async call(name, ...args) {
    await this.#ready;
    const answer = this.#sync[name](...args.map(outgoing));
    for (const bytes of args.filter(isBytes)) bytes.fill(0);
    return unwrap(await answer);
  }

  /** Start anew after a failure. A module that failed to load stays failed in its page, so this loads the page. */
  retry() {
    location.reload();
  }

  async #start() {
    const { sync } = await startWorker();
    this.#sync = sync;
    unwrap(await sync.hello());
  }

  #succeed() {
    showState("ready");
    performance.mark("balon:core");
    this.#emit("core-ready", null);
    this.#listen().catch((error) => this.#fail(error).catch(() => {}));
  }

  async #fail(cause) {
    const problem = notStarted(cause);
    showState("failed");
    this.#emit("core-failed", problem);
    this.#ready = Promise.reject(problem);
    this.#ready.catch(() => {});
    throw problem;
  }

  async #listen() {
    for (;;) {
      for (const event of unwrap(await this.#sync.next_events())) this.#emit(event.type, event);
    }
  }

  #emit(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}

let core = null;

/** Start the worker, once; returns the Core at once. */
export function startCore() {
  core ??= new Core();
  return core;
}
