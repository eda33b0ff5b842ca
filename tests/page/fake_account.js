// What the fake worker answers about the account: devices, kit, export, deletion, disclosure.
import { uuid } from "./fake_data.js";

const HOUR_MS = 3_600_000;
const DEVICES = ["Firefox on Linux", "Chrome on Android", "Safari on iPhone", "Edge on Windows"];
const NEW_KIT = {
  recovery_code: "M1ZE-S4GQ-7TKX-93WF-A8NR-5CDH-V27Q-K29F-4MXW-3T8R-NA0P-5DHC-6V",
  credential: `BALON-RECOVERY-1.${"NewKit0vK3mX".repeat(24)}`,
  filename: "balon-recovery-kit-alice.txt",
  text: "Balon recovery kit\n\nLogin name: alice\nRecovery code: M1ZE-S4GQ\n\nBALON-RECOVERY-1.NewKit0vK3mX\n",
};

const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

function makeSessions(count, now = Date.now()) {
  return Array.from({ length: count }, (_, index) => ({
    id: uuid(500 + index),
    device: DEVICES[index % DEVICES.length],
    created_ms: now - (index + 2) * 70 * HOUR_MS,
    last_used_ms: now - index * 9 * HOUR_MS,
    current: index === 0,
  }));
}

function disclosed() {
  const session = { id: uuid(500), user_id: uuid(1), device: "Firefox on Linux", created_ms: 1_760_000_000_000 };
  const message = { id: uuid(700), epoch: 0, envelope: "QkxOAQEEAAAxpV7nq0vS3k9dWm2ZtYc4".repeat(9), created_ms: 0 };
  return [
    {
      name: "accounts_user",
      explanation: "Your account: a random number, your login name, and when it was made.",
      rows: [{ id: uuid(1), login: "alice", is_active: true, created_ms: 1_750_000_000_000 }],
      total: 1,
    },
    {
      name: "accounts_signinsession",
      explanation: "Where you are signed in, since when, and the kind of browser.",
      rows: [session, { ...session, id: uuid(501) }],
      total: 2,
    },
    {
      name: "conversations_message",
      explanation: "What you wrote and what was answered, as ciphertext: the server has no key to it.",
      rows: Array.from({ length: 40 }, (_, index) => ({ ...message, id: uuid(700 + index) })),
      total: 1234,
    },
    { name: "accounts_deletion", explanation: "Whether the account waits to be deleted.", rows: [], total: 0 },
  ];
}

export const accountCalls = {
  call_recover() {
    const session = this.session("signed-in");
    this.hasNewKit = true;
    this.emit("session", { session, reason: "signed-in" });
    return { session, kit: { login: session.login, ...NEW_KIT } };
  },

  call_change_password() {
    return this.session("signed-in");
  },

  async call_rotate_account_keys() {
    const { rotationSteps: total, rotationStepMs } = this.scenario;
    for (let done = 0; done < total; done += 1) {
      await wait(rotationStepMs);
      this.emit("progress", { task: "rotation", done, total });
      if (done === total >> 1) await this.held("rotation");
    }
    const session = this.session("signed-in");
    this.hasNewKit = true;
    return { session, kit: { login: session.login, ...NEW_KIT } };
  },

  call_kit_reminder() {
    return { due: this.scenario.kitDue || this.hasNewKit, checked_ms: Date.now() - 40 * 24 * HOUR_MS };
  },

  call_change_login(login) {
    this.login = login;
    return this.session("signed-in");
  },

  call_check_kit() {
    return null;
  },

  call_put_off_kit_reminder() {
    this.hasNewKit = false;
    return null;
  },

  call_list_sessions() {
    this.sessions ??= makeSessions(this.scenario.sessions);
    return this.sessions;
  },

  call_end_session(id) {
    this.sessions = this.sessions.filter((each) => each.id !== id);
    return null;
  },

  call_end_other_sessions() {
    this.sessions = this.sessions.filter(({ current }) => current);
    return null;
  },

  async call_export_everything() {
    const { exportSteps: total, exportStepMs } = this.scenario;
    for (let done = 0; done <= total; done += 1) {
      this.emit("progress", { task: "export", done, total });
      await wait(exportStepMs);
      if (done === total >> 1) await this.held("export");
    }
    return new TextEncoder().encode("PK\u0003\u0004 not really an archive");
  },

  call_deletion() {
    return { delete_after_ms: this.deleteAfter };
  },

  call_request_deletion() {
    this.deleteAfter = Date.now() + 14 * 24 * HOUR_MS;
    return this.call_deletion();
  },

  call_cancel_deletion() {
    this.deleteAfter = null;
    return null;
  },

  call_disclosure() {
    return { tables: this.scenario.tables ?? disclosed() };
  },
};
