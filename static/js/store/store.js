import { mark } from "../marks.js";
import { toProblem } from "../problems.js";
import { withBothBytes, withBytes } from "../password/bytes.js";
import { Router, conversationPath } from "../router.js";
import { Account } from "./account.js";
import { Imports } from "./imports.js";
import { deferred } from "./deferred.js";
import { Library } from "./library.js";
import { Migration } from "./migration.js";
import { Outbox } from "./outbox.js";
import { People } from "./people.js";
import { Presence } from "./presence.js";
import { Thread } from "./thread.js";

const TOUCH_EVERY_MS = 20_000;
const LEAVES_BY_ITSELF = new Set(["other-tab", "signed-out"]);

/**
 * All that the page knows, and the only caller of the worker. Views read its fields and listen to its topics: phase, session,
 * route, library, thread (another one is open), conversation (what is known of the open one changed), members, presence,
 * preferences, connection, alarms, kit, keys, account.
 */
export class Store extends EventTarget {
  phase = "starting"; // "starting", "ready", "failed" or "unsupported"
  unsupported = null;
  session = null; // null until the worker said what it is
  ended = null; // why the last session ended, for the sign-in view
  entering = null; // "sign-up", "sign-in" (the first since encryption) or "recovery", from sending it until its kit is saved
  leaving = false; // from signing out until the fresh document comes
  kit = null;
  keys = null; // state of the key generation of the sign-up form
  thread = null;
  settings = null;
  models = null;
  gateway = null;
  modelsProblem = null;
  connection = "connecting";
  saving = null;
  alarms = [];
  drafts = new Map();

  #core = null;
  #touched = 0;
  #kitSaved = null;
  #booted = deferred();

  constructor({ sessionLikely = false } = {}) {
    super();
    this.sessionLikely = sessionLikely;
    this.router = new Router();
    this.outbox = new Outbox(this);
    this.account = new Account(this);
    this.imports = new Imports(this);
    this.library = new Library(this);
    this.migration = new Migration(this);
    this.people = new People(this);
    this.presence = new Presence(this);
    this.router.addEventListener("change", () => this.#routed());
    this.#openThread(this.router.route.id);
  }

  get usable() {
    return this.session?.state === "signed-in";
  }

  get model() {
    const wanted = this.settings?.model;
    return this.models?.find(({ id }) => id === wanted) ?? this.models?.[0] ?? null;
  }

  changed(topic) {
    this.dispatchEvent(new Event(topic));
  }

  // --- The worker ---

  refuseBrowser(reason) {
    this.phase = "unsupported";
    this.unsupported = reason;
    this.changed("phase");
  }

  async connect(core) {
    this.#core = core;
    this.#listen(core);
    try {
      await core.ready;
      this.setSession(await core.call("boot"), null);
      this.#set("phase", "ready");
    } catch (error) {
      console.error(error);
      this.#set("phase", "failed");
    } finally {
      this.#booted.resolve();
    }
  }

  /** What the person asks for while the page starts waits until it is known who is signed in. */
  async call(name, ...args) {
    await this.#booted.promise;
    return this.#core.call(name, ...args);
  }

  #listen(core) {
    const on = (type, take) => core.addEventListener(type, ({ detail }) => take(detail));
    on("session", ({ session, reason }) => this.setSession(session, reason));
    on("key-generation", ({ state }) => this.#set("keys", state));
    on("conversations", (detail) => this.library.take(detail));
    on("conversation", (detail) => this.thread?.takeConversation(detail));
    on("message", (detail) => this.thread?.takeMessage(detail));
    on("reply", (detail) => this.thread?.takeReply(detail));
    on("presence", (detail) => this.presence.take(detail));
    on("removed", ({ conversation_id }) => this.library.removed(conversation_id));
    on("connection", ({ state }) => this.#setConnection(state));
    on("saving", ({ state }) => this.#set("saving", state, "connection"));
    on("progress", (detail) => this.account.takeProgress(detail));
    on("progress", (detail) => this.imports.takeProgress(detail));
    on("progress", (detail) => this.migration.takeProgress(detail));
    on("alarm", ({ problem, conversation_id }) => this.alarm(problem, conversation_id));
  }

  #set(field, value, topic = field) {
    this[field] = value;
    this.changed(topic);
  }

  #setConnection(state) {
    this.#set("connection", state);
    if (state === "online" && this.usable && !this.models) this.loadModels();
    if (state === "online" && this.usable && !this.migration.known) this.migration.load();
  }

  // --- The session ---

  async signIn(login, password) {
    this.ended = null;
    this.setSession(await this.callWith("sign_in", [login], password), "signed-in");
  }

  async unlock(password) {
    this.setSession(await this.callWith("unlock", [], password), "unlocked");
  }

  signUp(login, password) {
    return this.#enter("sign-up", "sign_up", [login], password);
  }

  /** An account from before encryption gets its keys: only once the person confirmed what this is. */
  firstSignIn(login, password) {
    this.ended = null;
    const call = () => withBothBytes(password, (...bytes) => this.call("first_sign_in", login, ...bytes));
    return this.#enterWith("sign-in", call);
  }

  recover(kit, password) {
    this.ended = null;
    return this.#enter("recovery", "recover", [kit], password);
  }

  /** The kit is set before the session, so that no view shows the chat while the kit has not been saved. */
  #enter(view, name, args, password) {
    return this.#enterWith(view, () => this.callWith(name, args, password));
  }

  async #enterWith(view, call) {
    this.entering = view;
    try {
      const { session, kit } = await call();
      this.#set("kit", kit);
      this.setSession(session, "signed-in");
    } catch (error) {
      this.#set("entering", null, "session");
      throw error;
    }
  }

  /** A new kit for somebody who is in already: it stays over everything, locking included. Resolves when it is saved. */
  showKit(kit) {
    this.#kitSaved = deferred();
    this.#set("kit", kit);
    return this.#kitSaved.promise;
  }

  kitSaved() {
    this.account.kitSaved();
    if (this.entering) this.router.go(location.pathname, { replace: true });
    this.kit = this.entering = null;
    this.changed("kit");
    this.#kitSaved?.resolve();
  }

  async prepareSignUp() {
    this.#set("keys", "running");
    await this.call("prepare_sign_up");
  }

  cancelSignUp() {
    this.#set("keys", null);
    if (this.#core) this.call("cancel_sign_up").catch(() => {});
  }

  async lock() {
    this.setSession(await this.call("lock"), "locked");
  }

  async signOut({ to = "/" } = {}) {
    this.#set("leaving", true, "session"); // before the worker's own event, which comes before it is done
    await this.call("sign_out").catch(toProblem);
    this.leave(to);
  }

  /** A fresh document: whatever this one remembered is gone with it. Going to a new fragment would load none. */
  leave(to = "/") {
    this.#set("leaving", true, "session");
    history.replaceState(null, "", to);
    location.reload();
  }

  /** Tells the worker that the person is there, at most every 20 s. */
  touch() {
    const now = Date.now();
    if (!this.usable || now - this.#touched < TOUCH_EVERY_MS) return;
    this.#touched = now;
    this.call("touch").catch(toProblem);
  }

  /** A call whose last arguments are passwords: they cross as bytes, and those are zeroed whatever happens. */
  callWith(name, args, ...passwords) {
    return withBytes(passwords, (...bytes) => this.call(name, ...args, ...bytes));
  }

  setSession(session, reason) {
    const before = this.session?.state;
    this.session = session;
    if (session.state !== "signed-in") this.#lost(before, reason);
    else if (before !== "signed-in") this.#entered();
    this.changed("session");
  }

  #entered() {
    mark("balon:signed-in");
    this.ended = null;
    this.library.load();
    this.loadModels();
    this.account.load().catch(() => {}); // the settings ask again, and say what failed
    this.migration.load();
    this.account.loadReminder().catch(() => {}); // it comes again with the next session
    this.call("settings").then((settings) => this.#set("settings", settings, "preferences"), toProblem);
    if (this.thread) this.#load(this.thread);
    else this.#openThread(this.router.route.id);
    this.outbox.deliver();
  }

  /** What was decrypted goes with the session. What was typed before there was one stays. */
  #lost(before, reason) {
    if (before === "signed-in" || before === "locked") {
      const out = this.session.state === "signed-out";
      if (out && !this.leaving && LEAVES_BY_ITSELF.has(reason)) return this.leave();
      this.ended = out ? reason : null;
      if (before === "signed-in") this.#forget();
    }
    this.outbox.giveBack();
  }

  #forget() {
    this.outbox.clear();
    this.account.forget();
    this.imports.forget();
    this.migration.forget();
    this.drafts.clear();
    Object.assign(this, { settings: null, models: null, gateway: null, modelsProblem: null });
    Object.assign(this, { alarms: [], thread: null, saving: null });
    this.library.forget();
    for (const topic of ["thread", "preferences", "alarms"]) this.changed(topic);
  }

  // --- The open conversation ---

  #routed() {
    const { id } = this.router.route;
    if ((this.thread?.id ?? null) !== id) this.#openThread(id);
    this.changed("route");
  }

  #openThread(id) {
    if (this.session && !this.usable) return;
    this.thread = new Thread(id, this);
    this.changed("thread");
    if (this.usable) this.#load(this.thread);
  }

  /** Starts the empty conversation again, also from an empty one that has been sent to. */
  newConversation() {
    this.router.go("/");
    if (this.thread?.id) this.#openThread(null);
  }

  #load(thread) {
    if (thread.id) thread.load();
    else this.call("close_conversation").catch(toProblem);
  }

  reopen() {
    this.#openThread(this.thread.id);
  }

  /** A new conversation got its id while it was being sent to. */
  adopted(thread) {
    if (this.thread !== thread) return;
    this.router.go(conversationPath(thread.id), { replace: true });
    this.changed("thread");
  }

  // --- Preferences and alarms ---

  async loadModels() {
    try {
      const { models, gateway } = await this.call("models");
      Object.assign(this, { models, gateway, modelsProblem: null });
    } catch (error) {
      this.modelsProblem = toProblem(error);
    }
    this.changed("preferences");
  }

  async updateSettings(changes) {
    this.#set("settings", { ...this.settings, ...changes }, "preferences");
    this.#set("settings", await this.call("update_settings", changes), "preferences");
  }

  /** A part of the page itself did not load. */
  fail() {
    this.#set("phase", "failed");
  }

  alarm(problem, conversationId) {
    if (conversationId && this.thread?.id === conversationId) return this.thread.takeAlarm(problem);
    const known = this.alarms.some((alarm) => alarm.code === problem.code && alarm.detail === problem.detail);
    if (!known) this.#set("alarms", [...this.alarms, problem]);
  }

  dismiss(problem) {
    this.#set(
      "alarms",
      this.alarms.filter((alarm) => alarm !== problem),
    );
  }
}
