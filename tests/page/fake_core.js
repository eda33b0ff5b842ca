// A worker that is none: the calls and events of docs/worker.md over invented data, slow and failing on demand. A test
// describes what it wants in `globalThis.fakeScenario` before the page loads and reaches the worker at `globalThis.fakeCore`.
import { accountCalls } from "./fake_account.js";
import { conversationItems, longHistory, sampleMessages, uuid } from "./fake_data.js";
import { importCalls } from "./fake_imports.js";
import { migrationCalls } from "./fake_migration.js";
import { groupMessages, makeDirectory, peopleCalls, personId } from "./fake_people.js";

const DEFAULTS = {
  session: "signed-out", // what boot finds
  readyAfterMs: 20,
  held: [], // names of calls, "ready", "keys", "export", "import" and "rotation" (half-way), that wait until the test releases them
  failsToStart: false,
  conversations: 12,
  messages: null, // an array, or a number for a long history
  tokens: null, // the pieces of a reply
  tokenMs: 15,
  keysAfterMs: 60,
  sessions: 3,
  deleteAfter: null,
  exportSteps: 4,
  exportStepMs: 20,
  problems: {}, // call name -> problem
  persistent: true,
  demonstration: true,
  writable: true,
  alarms: [],
  people: [{ name: "alice", role: "owner" }], // who is in the open conversation
  invitations: [], // {by, title, role, share_history}: before the other conversations
  unread: 0, // of the first conversation
  assistant: "always",
  kitDue: false,
  importable: 4, // conversations in a file
  importStepMs: 20,
  importWaitS: 0,
  importFails: false, // the last one
  migration: "none", // where it is
  older: 3, // conversations in plaintext
  migrationFails: false, // of one of them
  rotationSteps: 4,
  rotationStepMs: 20,
};

const KIT = {
  login: "alice",
  recovery_code: "7QK2-9F4M-XW3T-8RNA-0P5D-HC6V-2JYB-M1ZE-S4GQ-7TKX-93WF-A8NR-5CDH-V2",
  credential: `BALON-RECOVERY-1.${"q7Zt0vK3mXb9".repeat(24)}`,
  filename: "balon-recovery-kit-alice.txt",
  text: "Balon recovery kit\n\nLogin name: alice\nRecovery code: 7QK2-9F4M\n\nBALON-RECOVERY-1.q7Zt0vK3mXb9\n",
};

const FINGERPRINT = "3f9ac81d52e07b64a1d8c3f05e92b7460c8d1fa36b5e2794d0a1c83f6e5b9274";

function gate() {
  let open;
  const opened = new Promise((resolve) => (open = resolve));
  return { open, opened };
}

const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

export function startFakeCore() {
  const core = new FakeCore({ ...DEFAULTS, ...globalThis.fakeScenario });
  globalThis.fakeCore = core;
  return core;
}

class FakeCore extends EventTarget {
  calls = [];
  #older = [];
  #stopped = new Set();
  #gates;

  constructor(scenario) {
    super();
    this.scenario = scenario;
    this.#gates = new Map(scenario.held.map((name) => [name, gate()]));
    this.directory = makeDirectory(scenario.people);
    this.rosters = new Map();
    this.assistant = scenario.assistant;
    this.items = [...this.#invitations(), ...this.#conversations()];
    this.idleMinutes = 15;
    this.model = "smollm2-135m";
    this.hasNewKit = false;
    this.deleteAfter = scenario.deleteAfter;
    this.ready = this.#start();
    this.ready.catch(() => {});
  }

  #conversations() {
    const items = conversationItems(this.scenario.conversations);
    if (items[0]) items[0].unread = this.scenario.unread;
    if (items[2]) items[2].people = this.scenario.people.length; // the one that tests open
    return items;
  }

  #invitations() {
    return this.scenario.invitations.map(({ by, title, role, share_history }, index) => {
      const { user_id, name, verified } = this.directory.get(by);
      const id = uuid(900 + index);
      this.rosters.set(id, [
        { name: by, role: "owner" },
        { name: "alice", role: "invited", invited_role: role },
        { name: "carol", role: "member" },
      ]);
      const [item] = conversationItems(1, { offset: index });
      const invitation = { by: { user_id, name, verified }, role, share_history };
      return { ...item, id, title, people: 3, streaming: false, invitation };
    });
  }

  async #start() {
    document.documentElement.dataset.core = "loading";
    await wait(this.scenario.readyAfterMs);
    await this.held("ready");
    document.documentElement.dataset.core = this.scenario.failsToStart ? "failed" : "ready";
    if (this.scenario.failsToStart)
      throw { code: "core-failed", title: "Not started", detail: "Fake.", action: "reload" };
    performance.mark("balon:core");
    setTimeout(() => this.emit("connection", { state: this.scenario.connection ?? "online" }), 5);
  }

  held(name) {
    return this.#gates.get(name)?.opened;
  }

  hold(name) {
    this.#gates.set(name, gate());
  }

  release(name) {
    this.#gates.get(name).open();
  }

  emit(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail: { type, ...detail } }));
  }

  async call(name, ...args) {
    await this.ready;
    const plain = args.map((arg) => (arg instanceof Uint8Array ? new TextDecoder().decode(arg) : arg));
    this.calls.push({ name, args: plain });
    await wait(this.scenario.delays?.[name] ?? 2);
    await this.held(name);
    if (this.scenario.problems[name]) throw this.scenario.problems[name];
    return this[`call_${name}`](...plain);
  }

  session(state) {
    const known = state !== "signed-out";
    return {
      state,
      login: known ? (this.login ?? "alice") : null,
      user_id: known ? uuid(1) : null,
      persistent: this.scenario.persistent,
      idle_minutes: this.idleMinutes,
    };
  }

  call_boot() {
    return this.session(this.scenario.session);
  }

  call_prepare_sign_up() {
    this.emit("key-generation", { state: "running" });
    this.#keys().then(() => this.emit("key-generation", { state: "done" }));
    return null;
  }

  async #keys() {
    await wait(this.scenario.keysAfterMs);
    await this.held("keys");
  }

  call_cancel_sign_up() {
    return null;
  }

  async call_sign_up(login) {
    this.login = login;
    this.items = [];
    await this.#keys();
    const session = this.session("signed-in");
    this.hasNewKit = true;
    this.emit("session", { session, reason: "signed-in" });
    return { session, kit: { ...KIT, login } };
  }

  call_first_sign_in(login) {
    return this.call_sign_up(login);
  }

  call_sign_in(login) {
    this.login = login;
    return this.session("signed-in");
  }

  call_lock() {
    return this.session("locked");
  }

  call_sign_out() {
    const session = this.session("signed-out");
    this.emit("session", { session, reason: "signed-out" });
    return session;
  }

  call_unlock() {
    return this.session("signed-in");
  }

  call_touch() {
    return null;
  }

  call_settings() {
    return { idle_minutes: this.idleMinutes, model: this.model };
  }

  call_update_settings(changes) {
    this.idleMinutes = changes.idle_minutes ?? this.idleMinutes;
    this.model = changes.model ?? this.model;
    return this.call_settings();
  }

  call_models() {
    const models = [
      { id: "smollm2-135m", name: "SmolLM2 135M", context_tokens: 2048, demonstration: this.scenario.demonstration },
    ];
    if (!this.scenario.demonstration)
      models.push({ id: "llama3.3", name: "Llama 3.3 70B", context_tokens: 131072, demonstration: false });
    return { models, gateway: { fingerprint: FINGERPRINT, pinned_ms: Date.now() - 9e8, first_use: false } };
  }

  call_list_conversations() {
    this.emit("conversations", { conversations: this.items, more: this.scenario.conversations > 10 });
    return this.items;
  }

  call_older_conversations() {
    const oldest = this.items.at(-1)?.updated_ms ?? Date.now();
    this.items = [...this.items, ...conversationItems(10, { before: oldest - 9e8, offset: this.items.length })];
    this.emit("conversations", { conversations: this.items, more: false });
    return { more: false };
  }

  call_open_conversation(id) {
    if (this.items.find((item) => item.id === id)?.invitation)
      throw { code: "not-accepted", title: "Not accepted yet.", detail: "Fake.", action: null };
    const start = performance.now();
    const all = this.#messages();
    this.madeMs = performance.now() - start;
    const page = this.scenario.page ?? 50;
    this.#older = all.slice(0, -page);
    return { id, ...this.state(id), messages: all.slice(-page), more: this.#older.length > 0 };
  }

  #messages() {
    const { messages, people } = this.scenario;
    if (typeof messages === "number") return longHistory(messages);
    return messages ?? (people.length > 1 ? groupMessages() : sampleMessages());
  }

  call_older_messages() {
    const messages = this.#older.slice(-50);
    this.#older = this.#older.slice(0, -50);
    return { messages, more: this.#older.length > 0 };
  }

  call_close_conversation() {
    return null;
  }

  call_rename(id, title) {
    this.items = this.items.map((item) => (item.id === id ? { ...item, title } : item));
    this.emit("conversations", { conversations: this.items, more: false });
    return null;
  }

  call_delete_conversation(id) {
    this.items = this.items.filter((item) => item.id !== id);
    this.emit("removed", { conversation_id: id });
    return null;
  }

  call_safety(id) {
    return {
      members: this.call_members(id).members.map(({ user_id, name, you, role }) => ({ user_id, name, you, role })),
      epoch: 0,
      gateway: { fingerprint: FINGERPRINT },
      plaintext_places: [
        "In this browser, while the page is open.",
        "In the memory of the inference gateway, while it answers.",
        "In the model's server behind the gateway, while it answers.",
      ],
    };
  }

  async call_send(conversationId, text, model) {
    const id = conversationId ?? uuid(Math.floor(Math.random() * 1e9));
    if (!conversationId) this.#add(id);
    const isForModel = this.assistant === "always" || text.includes("@assistant");
    const mine = message({ kind: "you", name: this.login ?? "alice" }, text, {
      state: "sending",
      sealed_for_model: isForModel,
    });
    this.emit("saving", { state: "saving" });
    this.emit("message", { conversation_id: id, message: mine });
    await wait(20);
    this.emit("message", { conversation_id: id, message: { ...mine, state: "saved" } });
    this.emit("saving", { state: "saved" });
    return { conversation_id: id, message_id: mine.id, reply_id: isForModel ? this.#reply(id, model) : null };
  }

  call_ask_again(id, model) {
    return { reply_id: this.#reply(id, model) };
  }

  call_stop(conversationId, replyId) {
    this.#stopped.add(replyId);
    return null;
  }

  /** Somebody else writes into the open conversation. */
  say(conversationId, name, text) {
    const author = { kind: "person", name, user_id: personId(name) };
    const said = message(author, text, { state: "saved", sealed_for_model: false });
    this.emit("message", { conversation_id: conversationId, message: said });
  }

  #add(id) {
    const [item] = conversationItems(1);
    this.items = [{ ...item, id, title: null, streaming: true }, ...this.items];
    this.emit("conversations", { conversations: this.items, more: false });
  }

  #reply(conversationId, model) {
    const reply = message({ kind: "assistant", name: "Assistant" }, "", { state: "streaming", model });
    this.emit("message", { conversation_id: conversationId, message: reply });
    this.#stream(conversationId, reply);
    return reply.id;
  }

  async #stream(conversationId, reply) {
    const tokens = this.scenario.tokens ?? "The capital of France is **Paris**.".match(/\S+\s*/g);
    let text = "";
    for (const token of tokens) {
      if (this.scenario.tokenMs) await wait(this.scenario.tokenMs);
      if (this.#stopped.has(reply.id)) break;
      text += token;
      this.emit("reply", { conversation_id: conversationId, message_id: reply.id, text: token });
    }
    const finish = this.#stopped.has(reply.id) ? "stopped" : (this.scenario.finish ?? "stop");
    this.emit("saving", { state: "saving" });
    await wait(10);
    this.emit("message", { conversation_id: conversationId, message: { ...reply, text, state: "saved", finish } });
    this.emit("saving", { state: "saved" });
  }
}

Object.assign(FakeCore.prototype, accountCalls, peopleCalls, importCalls, migrationCalls);

function message(author, text, rest) {
  return {
    id: crypto.randomUUID(),
    author: { user_id: uuid(1), ...author },
    text,
    created_ms: Date.now(),
    model: null,
    finish: null,
    mark: null,
    sealed_for_model: true,
    ...rest,
  };
}
