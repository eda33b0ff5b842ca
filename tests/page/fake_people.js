// What the fake worker answers about people: members, invitations, verification, roles, presence, what was read.
import { message, uuid } from "./fake_data.js";

const ROOM_MAX = 8;
const LOGINS = ["alice", "bob", "carol", "dave", "erin", "a-rather-long-login-name.with+everything@example.org"];

const PROBLEMS = {
  "unknown-login": [
    "Nobody has this login name.",
    "Check how it is written, and ask them which name they sign in with.",
  ],
  "already-member": ["This person is here already.", "Or they are invited and have not answered yet."],
  "room-full": ["This conversation is full.", "Remove somebody, or begin another conversation."],
  "key-changed": ["The key of this person has changed.", "Nobody was invited: it is not the key that you know."],
  "not-owner": ["Only owners may do that.", "Nothing was changed. Ask an owner of this conversation."],
  "last-owner": ["You are the only owner.", "Make somebody else an owner first."],
};

export const KEY_CHANGED = {
  code: "key-changed",
  title: "The key of a member has changed.",
  detail: "Nothing is sent here, and nobody is invited, until you say that you go on with the new key.",
  action: null,
};

export function problem(code) {
  const [title, detail] = PROBLEMS[code];
  return { code, title, detail, action: null };
}

/** Sixty digits that are always the same for a name, and others after a change of key. */
function safetyNumber(login, isChanged) {
  let state = [...`${login}${isChanged ? "!" : ""}`].reduce((sum, char) => (sum * 31 + char.codePointAt(0)) % 99991, 7);
  const digits = () => String((state = (state * 48271 + 11) % 99991)).padStart(5, "0");
  return Array.from({ length: 12 }, digits).join(" ");
}

/** A key that changed and was accepted stays the new one. */
function numberOf({ name, key_changed: isChanged, has_new_key: isAccepted }) {
  return safetyNumber(name, isChanged || isAccepted);
}

export function personId(login) {
  return uuid(1 + LOGINS.indexOf(login));
}

/** Everybody who has an account, and what is pinned of them. `scenario.people` says who is in the open conversation. */
export function makeDirectory(people) {
  const known = new Map(
    LOGINS.map((name) => [name, { name, user_id: personId(name), verified: false, key_changed: false }]),
  );
  for (const { name, verified = false, key_changed: isChanged = false } of people)
    Object.assign(known.get(name), { verified, key_changed: isChanged });
  return known;
}

export const peopleCalls = {
  roster(id) {
    if (!this.rosters.has(id))
      this.rosters.set(
        id,
        this.scenario.people.map((each) => ({ invited_role: null, ...each })),
      );
    return this.rosters.get(id);
  },

  ownRole(id) {
    return this.roster(id).find(({ name }) => name === "alice")?.role ?? "owner";
  },

  call_members(id) {
    const you = this.ownRole(id);
    const owners = this.roster(id).filter(({ role }) => role === "owner").length;
    return { you, members: this.roster(id).map((each) => this.member(each, { you, owners })) };
  },

  member({ name, role, invited_role }, { you, owners }) {
    const { user_id, verified, key_changed } = this.directory.get(name);
    const isYou = name === "alice";
    return {
      user_id,
      name: isYou ? (this.login ?? name) : name,
      you: isYou,
      role,
      invited_role,
      verified,
      key_changed,
      safety_number: isYou ? null : numberOf(this.directory.get(name)),
      may_remove: you === "owner" && !isYou,
      may_change_role: you === "owner" && role !== "invited" && (!isYou || owners > 1),
    };
  },

  find(login) {
    const person = this.directory.get(login);
    if (!person) throw problem("unknown-login");
    return person;
  },

  byId(userId) {
    return [...this.directory.values()].find(({ user_id }) => user_id === userId);
  },

  call_find_person(login) {
    const person = this.find(login);
    return { ...person, safety_number: numberOf(person) };
  },

  call_invite(id, login, role) {
    const roster = this.roster(id);
    if (roster.some(({ name }) => name === login)) throw problem("already-member");
    if (roster.length >= ROOM_MAX) throw problem("room-full");
    if (this.find(login).key_changed) throw problem("key-changed");
    roster.push({ name: login, role: "invited", invited_role: role });
    return this.rosterChanged(id);
  },

  call_remove_member(id, userId) {
    this.rosters.set(
      id,
      this.roster(id).filter(({ name }) => this.directory.get(name).user_id !== userId),
    );
    return this.rosterChanged(id);
  },

  call_change_role(id, userId, role) {
    const { name } = this.byId(userId);
    this.roster(id).find((each) => each.name === name).role = role;
    return this.rosterChanged(id);
  },

  rosterChanged(id) {
    const people = this.roster(id).length;
    this.items = this.items.map((item) => (item.id === id ? { ...item, people } : item));
    this.emit("conversations", { conversations: this.items, more: false });
    this.emit("conversation", { conversation_id: id, ...this.state(id) });
    return this.call_members(id);
  },

  /** What a Conversation holds beside its messages. */
  state(id) {
    const isChanged = this.roster(id).some(({ name }) => this.directory.get(name).key_changed);
    const role = this.ownRole(id);
    return {
      title: this.items.find((item) => item.id === id)?.title ?? null,
      epoch: 0,
      alarms: isChanged ? [...this.scenario.alarms, KEY_CHANGED] : this.scenario.alarms,
      writable: this.scenario.writable && role !== "reader" && !isChanged,
      role,
      people: this.roster(id).length,
      assistant: this.assistant,
    };
  },

  call_leave(id) {
    const owners = this.roster(id).filter(({ role }) => role === "owner");
    if (owners.length === 1 && this.ownRole(id) === "owner") throw problem("last-owner");
    return this.gone(id);
  },

  call_accept_invitation(id) {
    const invited = this.items.find((item) => item.id === id);
    const { role, by } = invited.invitation;
    this.rosters.set(id, [
      { name: by.name, role: "owner" },
      { name: "alice", role },
    ]);
    this.items = this.items.map((item) => (item.id === id ? { ...item, invitation: null } : item));
    this.emit("conversations", { conversations: this.items, more: false });
    return null;
  },

  call_decline_invitation(id) {
    return this.gone(id);
  },

  gone(id) {
    this.items = this.items.filter((item) => item.id !== id);
    this.emit("removed", { conversation_id: id });
    return null;
  },

  call_verify_member(userId, verified, number) {
    this.compared(userId, number).verified = verified;
    return null;
  },

  call_accept_key(userId, number) {
    Object.assign(this.compared(userId, number), { key_changed: false, has_new_key: true, verified: false });
    return null;
  },

  compared(userId, number) {
    const person = this.byId(userId);
    if (number !== numberOf(person)) throw problem("key-changed");
    return person;
  },

  call_set_assistant(id, mode) {
    this.assistant = mode;
    return null;
  },

  call_presence() {
    return null;
  },

  call_mark_read(id) {
    this.items = this.items.map((item) => (item.id === id ? { ...item, unread: 0 } : item));
    this.emit("conversations", { conversations: this.items, more: this.scenario.conversations > 10 });
    return null;
  },
};

/** What several people and the assistant wrote, where it answers when it is mentioned. */
export function groupMessages() {
  const from = (name) => ({ author: { user_id: personId(name), name, kind: "person" }, sealed_for_model: false });
  return [
    message("person", "I have the quotes for the boat. The small one is 420 a day, the big one 610.", from("bob")),
    message("you", "The big one is too much for five of us, is it not?", { sealed_for_model: false }),
    message("person", "@assistant what does a skipper cost in Croatia in June, roughly?", {
      ...from("carol"),
      sealed_for_model: true,
    }),
    message("assistant", "Roughly **150 to 200 euros a day**, plus food. In June it is nearer the lower end."),
    message("person", "Then the small one with a skipper it is.", from("bob")),
    message("you", "Good. I will write to them.", { sealed_for_model: false }),
  ];
}
