// What the fake worker answers about imports.
import { uuid } from "./fake_data.js";

const DAY_MS = 86_400_000;
const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

function importable(count, now = Date.now()) {
  return Array.from({ length: count }, (_, index) => ({
    id: uuid(4000 + index),
    title: index === 1 ? null : `Imported talk ${index + 1}`,
    created_ms: now - (index + 2) * DAY_MS,
    updated_ms: now - (index + 1) * DAY_MS,
    messages: 4 + index,
    left_out: index === 0 ? { image: 2, tool: 1 } : {},
    state: ["new", "new", "partly", "imported"][index] ?? "new",
  }));
}

const REFUSED = {
  number: 7,
  title: "Torn in two",
  problem: {
    code: "import-conversation-damaged",
    title: "This conversation is damaged.",
    detail: "It was left out.",
    action: null,
  },
};

export const importCalls = {
  call_preview_import() {
    this.emit("progress", { task: "import-preview", done: this.scenario.importable, total: 0 });
    this.importable = importable(this.scenario.importable);
    return { source: "chatgpt", conversations: this.importable, refused: [REFUSED], problem: null };
  },

  async call_begin_import(ids) {
    this.isStopped = false;
    const chosen = this.importable.filter(({ id }) => ids.includes(id));
    const imported = [];
    for (const each of chosen) {
      if (this.isStopped) break;
      const counts = {
        conversations_done: imported.length,
        conversations: ids.length,
        wait_s: this.scenario.importWaitS,
      };
      this.emit("progress", { task: "import", done: imported.length * 5, total: ids.length * 5, ...counts });
      await wait(this.scenario.importStepMs);
      if (imported.length > 0) await this.held("import");
      imported.push(each);
    }
    const failed = this.scenario.importFails ? [{ ...imported.pop(), problem: REFUSED.problem }] : [];
    return { imported, failed, stopped: this.isStopped, problem: null };
  },

  call_stop_import() {
    this.isStopped = true;
    return null;
  },
};
