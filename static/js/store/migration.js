import { toProblem } from "../problems.js";

const OVER = new Set(["none", "finished"]);
const REFUSES_PLAINTEXT = new Set(["finishing", "finished"]);
const LOOK_AGAIN_MS = 15_000; // while another tab or device is at work

/** Conversations from before encryption: encrypted here, finished or rolled back, and read meanwhile. */
export class Migration {
  #era = 0; // rises when the session ends
  #turn = 0; // rises whenever something begins or ends here: what was asked before says nothing of it
  #timer = 0;
  #loading = false;

  constructor(store) {
    this.store = store;
    this.#clear();
  }

  #clear() {
    this.known = null; // what the worker says of it; null until it did
    this.items = []; // what is still in plaintext, newest first
    this.batch = null; // messages at once; null: by what is measured
    this.running = null; // progress of the run in this tab
    this.busy = null; // "start", "finish" or "rollback"
    this.pausing = false;
    this.ended = null; // how the last thing that was asked for ended: "finished" or "rolled back"
    this.postponed = false;
    this.problem = null;
  }

  forget() {
    this.#era += 1;
    this.#loading = false;
    clearTimeout(this.#timer);
    this.#set(() => this.#clear());
  }

  #set(change) {
    if (typeof change === "function") change();
    else Object.assign(this, change);
    this.store.changed("migration");
  }

  /** Where it is: the worker's word, but for what is going on here. */
  get state() {
    if (this.busy === "start") return "running";
    if (this.busy === "finish") return "finishing";
    return this.known?.state ?? "none";
  }

  /** Whether there is anything to show of it. */
  get concerns() {
    return !OVER.has(this.state) || this.ended === "finished" || Boolean(this.problem);
  }

  /** Whether there is nothing to encrypt, and the account might refuse plaintext at once. */
  get isEmpty() {
    return this.known?.state === "verified" && this.known.conversations === 0;
  }

  /** Whether nothing in plaintext is shown any more. */
  get refusesPlaintext() {
    return REFUSES_PLAINTEXT.has(this.known?.state);
  }

  item(id) {
    return this.items.find((item) => item.id === id) ?? null;
  }

  // --- Looking ---

  async load() {
    if (this.#loading || this.busy) return;
    const [era, turn] = [this.#era, this.#turn];
    this.#loading = true;
    const changes = await this.#look();
    if (era !== this.#era) return;
    this.#loading = false;
    if (turn === this.#turn) this.#show(changes);
  }

  async #look() {
    try {
      const known = await this.store.call("migration_status");
      const items = OVER.has(known.state) ? [] : await this.store.call("legacy_conversations");
      return { known, items, problem: null };
    } catch (error) {
      const problem = toProblem(error);
      return problem.code === "network" ? {} : { problem };
    }
  }

  #show(changes) {
    this.#set(changes);
    clearTimeout(this.#timer);
    if (this.known?.state === "elsewhere") this.#timer = setTimeout(() => this.load(), LOOK_AGAIN_MS);
  }

  /** A page of a conversation in plaintext. */
  read(id, after) {
    return this.store.call("read_legacy_conversation", id, after);
  }

  postpone() {
    this.#set({ postponed: true, ended: null });
  }

  // --- Doing ---

  start() {
    const { messages = 0, done = 0 } = this.known ?? {};
    this.running = { done, total: messages, rate: null, seconds_left: null, wait_s: 0 };
    return this.#do("start", () => this.store.call("start_migration", this.batch));
  }

  async pause() {
    this.#set({ pausing: true });
    await this.store.call("pause_migration").catch(toProblem);
  }

  finish() {
    return this.#do("finish", () => this.store.call("finish_migration"), "finished");
  }

  rollBack() {
    return this.#do("rollback", () => this.store.call("roll_back_migration"), "rolled back");
  }

  async #do(busy, call, ended = null) {
    if (this.busy) return;
    const era = this.#era;
    this.#turn += 1;
    clearTimeout(this.#timer);
    this.#set({ busy, problem: null, ended: null });
    let changes;
    try {
      const known = await call();
      changes = { known, problem: known.problem, ended };
    } catch (error) {
      changes = { problem: toProblem(error) };
    }
    if (era !== this.#era) return;
    this.#turn += 1;
    this.#show({ ...changes, busy: null, running: null, pausing: false });
    if (this.problem?.code === "migration-over") return this.#finishedElsewhere();
    const items = OVER.has(this.state) ? [] : await this.store.call("legacy_conversations").catch(() => this.items);
    if (era === this.#era) this.#set({ items });
  }

  /** Another tab or device finished meanwhile: what is known here is from before. */
  async #finishedElsewhere() {
    await this.load();
    if (this.known?.state === "finished") this.#set({ ended: "finished" });
  }

  takeProgress({ task, ...progress }) {
    const isOurs = { start: "migration", finish: "migration-finish", rollback: "migration-rollback" }[this.busy];
    if (task === isOurs) this.#set({ running: { ...this.running, ...progress } });
  }
}
