/** Who is in a conversation, and whose keys are trusted. What changed elsewhere is told by the topic "members". */
export class People {
  constructor(store) {
    this.store = store;
  }

  members(id) {
    return this.store.call("members", id);
  }

  find(login) {
    return this.store.call("find_person", login);
  }

  invite(id, { login, role, sharesHistory }) {
    return this.store.call("invite", id, login, role, sharesHistory);
  }

  remove(id, userId) {
    return this.store.call("remove_member", id, userId);
  }

  changeRole(id, userId, role) {
    return this.store.call("change_role", id, userId, role);
  }

  /** The number travels along: what was compared is verified, and no key that came meanwhile. */
  async verify({ user_id: userId, safety_number: number }, isVerified) {
    await this.store.call("verify_member", userId, isVerified, number);
    this.store.changed("members");
  }

  /** The conversations that the changed key stopped are judged anew; the open one shows what was withheld. */
  async acceptKey({ user_id: userId, safety_number: number }) {
    await this.store.call("accept_key", userId, number);
    this.store.changed("members");
    const { thread } = this.store;
    if (thread?.id && thread.alarms.some(({ code }) => code === "key-changed")) await thread.load();
  }

  async setAssistant(thread, mode) {
    await this.store.call("set_assistant", thread.id, mode);
    thread.take({ assistant: mode });
  }
}
