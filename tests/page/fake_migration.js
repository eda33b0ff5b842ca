// What the fake worker answers about conversations from before encryption.
import { message, uuid } from "./fake_data.js";

const DAY_MS = 86_400_000;
const MARK = {
  code: "plaintext",
  title: "Not encrypted: the server could have changed this.",
  detail: "It was written before encryption.",
  action: null,
};
const FAILED = {
  id: uuid(5001),
  title: "About skerries",
  problem: {
    code: "migration-changed",
    title: "The server changed an older conversation.",
    detail: "What it gives now is not what it gave before.",
    action: null,
  },
};
const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

export const migrationCalls = {
  migrationView(more = {}) {
    const { migration, older } = this.scenario;
    this.migration ??= migration;
    const messages = older * 4;
    const done = { none: 0, ready: 0, paused: Math.floor(messages / 2), elsewhere: 9 }[this.migration] ?? messages;
    const counts = { conversations: older, conversations_done: 1, messages, done };
    return { state: this.migration, ...counts, failed: [], paused: false, problem: null, ...more };
  },

  call_migration_status() {
    return this.migrationView();
  },

  call_legacy_conversations(now = Date.now()) {
    if (["none", "finished"].includes(this.migration)) return [];
    return Array.from({ length: this.scenario.older }, (_, index) => ({
      id: uuid(5000 + index),
      title: index === 1 ? null : `About fjords ${index + 1}`,
      created_ms: now - (index + 400) * DAY_MS,
      updated_ms: now - (index + 300) * DAY_MS,
      messages: 4,
      encrypted: index === 2,
    }));
  },

  call_read_legacy_conversation(id, after) {
    const rows = [
      ["you", "What is a fjord?"],
      ["assistant", "A **drowned** valley."],
      ["you", "And a skerry?"],
      ["assistant", "A small rock in the sea."],
    ].slice(after, after + 2);
    const messages = rows.map(([kind, text], index) =>
      message(kind, text, {
        id: `${id}/${after + index + 1}`,
        finish: null,
        mark: MARK,
        sealed_for_model: false,
      }),
    );
    return { id, title: "About fjords 1", messages, last: after + 2, more: after < 2 };
  },

  async call_start_migration() {
    this.isPaused = false;
    const total = this.scenario.older * 4;
    for (let done = 0; done <= total && !this.isPaused; done += 4) {
      const counts = { conversations: total / 4, conversations_done: done / 4, batch: 50, wait_s: 0 };
      const pace = done > 0 ? { rate: 4.2, seconds_left: 130 } : { rate: null, seconds_left: null };
      this.emit("progress", { task: "migration", done, total, ...counts, ...pace });
      if (done > 0) await this.held("migration");
      await wait(5);
    }
    this.migration = this.isPaused || this.scenario.migrationFails ? "paused" : "verified";
    return this.migrationView({ paused: this.isPaused, failed: this.scenario.migrationFails ? [FAILED] : [] });
  },

  call_pause_migration() {
    this.isPaused = true;
    return null;
  },

  async call_finish_migration() {
    this.emit("progress", { task: "migration-finish", done: 4, total: this.scenario.older * 4 });
    await this.held("purge");
    this.migration = "finished";
    return this.migrationView();
  },

  call_roll_back_migration() {
    this.migration = "ready";
    return this.migrationView();
  },
};
