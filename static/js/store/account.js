import { withBytes } from "../password/bytes.js";
import { toProblem } from "../problems.js";
import { download } from "../ui/download.js";

/** What a person does with their account over the years. What is known of it is forgotten with the session. */
export class Account {
  deleteAfter = null; // when the account goes (ms), or null
  exported = null; // {running, done, total, filename, problem} of the newest export, or null
  rotation = null; // {done, total} while the keys are being replaced
  isKitDue = false; // whether the kit was not looked at for a month
  wantsKitCheck = false; // the settings are to open with the check of the kit

  #era = 0;
  #isPutOff = false; // the answer to an older question may still be on its way

  constructor(store) {
    this.store = store;
  }

  forget() {
    this.#era += 1;
    this.#isPutOff = false;
    this.#set({ deleteAfter: null, exported: null, rotation: null, isKitDue: false, wantsKitCheck: false });
  }

  #set(changes) {
    Object.assign(this, changes);
    this.store.changed("account");
  }

  // --- Password, login name, kit ---

  async changePassword(current, next) {
    this.store.setSession(await this.store.callWith("change_password", [], current, next), "signed-in");
  }

  async changeLogin(login, password) {
    this.store.setSession(await this.store.callWith("change_login", [login], password), "signed-in");
  }

  /** "My password was exposed": all that the password guards is made anew. Done once the new kit was saved. */
  async rotateKeys(current, next, newIdentity) {
    const { session, kit } = await this.#rotate(current, next, newIdentity);
    const saved = this.store.showKit(kit);
    this.store.setSession(session, "signed-in");
    await saved;
  }

  async #rotate(current, next, newIdentity) {
    this.#set({ rotation: { done: 0, total: 0 } });
    try {
      const call = (...bytes) => this.store.call("rotate_account_keys", ...bytes, newIdentity);
      return await withBytes([current, next], call);
    } finally {
      this.#set({ rotation: null });
    }
  }

  /** Only the worker's own word makes a kit good: no answer is none. */
  async checkKit(text) {
    if ((await this.store.call("check_kit", text)) !== null) throw new Error("check_kit gave no answer");
    this.#set({ isKitDue: false });
  }

  /** A kit that was just shown is due too until it is put off, when it was saved; meanwhile nobody is reminded of it. */
  async loadReminder() {
    const era = this.#era;
    const { due } = await this.store.call("kit_reminder");
    if (era === this.#era && !this.#isPutOff) this.#set({ isKitDue: due });
  }

  async putOffReminder() {
    await this.store.call("put_off_kit_reminder");
    this.#isPutOff = true;
    this.#set({ isKitDue: false });
  }

  kitSaved() {
    this.#isPutOff = true;
    this.#set({ isKitDue: false });
    this.putOffReminder().catch(() => {}); // then it comes sooner, which is no harm
  }

  /** Opens the settings with the check of the kit. */
  goToKitCheck() {
    this.wantsKitCheck = true;
    this.store.router.go("#settings");
  }

  // --- Devices ---

  sessions() {
    return this.store.call("list_sessions");
  }

  endSession(id) {
    return this.store.call("end_session", id);
  }

  endOtherSessions() {
    return this.store.call("end_other_sessions");
  }

  // --- One's data ---

  disclosure() {
    return this.store.call("disclosure");
  }

  /** Goes on while the person does something else; a file that is done after the session is over is dropped. */
  async export() {
    if (this.exported?.running) return;
    const era = this.#era;
    this.#set({ exported: { running: true, done: 0, total: 0, filename: null, problem: null } });
    const outcome = await this.#fetchExport(era);
    if (era === this.#era) this.#set({ exported: { running: false, filename: null, problem: null, ...outcome } });
  }

  async #fetchExport(era) {
    try {
      const archive = await this.store.call("export_everything");
      if (era !== this.#era) return {};
      const filename = `balon-export-${today()}.zip`;
      download(archive, { type: "application/zip", filename });
      return { filename };
    } catch (error) {
      return { problem: toProblem(error) };
    }
  }

  takeProgress({ task, done, total }) {
    if (task === "export" && this.exported?.running) this.#set({ exported: { ...this.exported, done, total } });
    if (task === "rotation" && this.rotation) this.#set({ rotation: { done, total } });
  }

  // --- Leaving ---

  load() {
    return this.#ask(() => this.store.call("deletion"));
  }

  requestDeletion(password) {
    return this.#ask(() => this.store.callWith("request_deletion", [], password));
  }

  async cancelDeletion() {
    await this.#ask(async () => {
      await this.store.call("cancel_deletion");
      return { delete_after_ms: null };
    });
  }

  async #ask(call) {
    const era = this.#era;
    const { delete_after_ms: deleteAfter } = await call();
    if (era === this.#era) this.#set({ deleteAfter });
  }
}

/** The day where the person is, as file names have it. */
function today(now = new Date()) {
  const two = (number) => String(number).padStart(2, "0");
  return `${now.getFullYear()}-${two(now.getMonth() + 1)}-${two(now.getDate())}`;
}
