import { toProblem } from "../problems.js";

const PATIENT_MS = 3_000; // before this, a rate says nothing

/** Conversations from another product's file: looked at, chosen, imported. Forgotten with the session. */
export class Imports {
  #era = 0;

  constructor(store) {
    this.store = store;
    this.#clear();
  }

  #clear() {
    this.preview = null; // what the worker says of the file
    this.chosen = new Set(); // ids
    this.reading = null; // {done} while a file is read
    this.running = null; // {done, total, conversations_done, conversations, wait_s, since} while it is imported
    this.stopping = false;
    this.result = null;
    this.problem = null;
  }

  forget() {
    this.#era += 1;
    this.#set(() => this.#clear());
  }

  #set(change) {
    if (typeof change === "function") change();
    else Object.assign(this, change);
    this.store.changed("imports");
  }

  get busy() {
    return Boolean(this.reading || this.running);
  }

  /** What can still be imported: new conversations, and those that are there in part. */
  get choosable() {
    return (this.preview?.conversations ?? []).filter(({ state }) => state !== "imported");
  }

  // --- The file ---

  async look(file) {
    if (this.busy) return;
    this.#set({ reading: { done: 0 }, preview: null, result: null, problem: null });
    await this.#during(async () => {
      const preview = await this.store.call("preview_import", file);
      return () => this.#show(preview);
    });
  }

  #show(preview) {
    this.preview = preview;
    this.chosen = new Set(this.choosable.map(({ id }) => id));
  }

  choose(ids, chosen) {
    const next = new Set(this.chosen);
    for (const id of ids) {
      if (chosen) next.add(id);
      else next.delete(id);
    }
    this.#set({ chosen: next });
  }

  // --- Importing ---

  async begin() {
    if (this.busy || this.chosen.size === 0) return;
    const ids = [...this.chosen];
    const running = {
      done: 0,
      total: 0,
      conversations_done: 0,
      conversations: ids.length,
      wait_s: 0,
      since: Date.now(),
    };
    this.#set({ running, stopping: false, result: null, problem: null });
    await this.#during(async () => {
      const result = await this.store.call("begin_import", ids);
      return () => this.#finish(result);
    });
  }

  #finish(result) {
    const there = new Set(result.imported.map(({ id }) => id));
    const conversations = this.preview.conversations.map((each) =>
      there.has(each.id) ? { ...each, state: "imported" } : each,
    );
    this.preview = { ...this.preview, conversations };
    this.chosen = new Set([...this.chosen].filter((id) => !there.has(id)));
    this.result = result;
  }

  async stop() {
    this.#set({ stopping: true });
    await this.store.call("stop_import").catch(toProblem);
  }

  /** Runs a call; what comes after the session is over is dropped. */
  async #during(call) {
    const era = this.#era;
    let take;
    try {
      take = await call();
    } catch (error) {
      const problem = toProblem(error);
      take = () => (this.problem = problem);
    }
    if (era !== this.#era) return;
    this.#set(() => {
      Object.assign(this, { reading: null, running: null, stopping: false });
      take();
    });
  }

  takeProgress({ task, ...progress }) {
    if (task === "import-preview" && this.reading) this.#set({ reading: progress });
    if (task === "import" && this.running) this.#set({ running: { ...this.running, ...progress } });
  }

  /** Seconds that are left at the pace so far, or null while nobody can tell. */
  get secondsLeft() {
    const { done, total, since } = this.running;
    const passed = Date.now() - since;
    return done > 0 && passed > PATIENT_MS ? Math.ceil(((total - done) * passed) / done / 1000) : null;
  }
}
