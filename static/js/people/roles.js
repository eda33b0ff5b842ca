// The roles of a conversation, in words.
export const ROLES = {
  owner: { name: "Owner", may: "Writes, and also invites, removes, changes roles and deletes." },
  member: { name: "Member", may: "Reads and writes, and may ask the assistant." },
  reader: { name: "Reader", may: "Reads everything and writes nothing." },
};

export const INVITABLE = ["member", "reader", "owner"];

export function roleName(role) {
  return ROLES[role]?.name ?? role;
}

/** "an owner", "a reader": as a sentence has it. */
export function aRole(role) {
  const name = roleName(role).toLowerCase();
  return /^[aeiou]/.test(name) ? `an ${name}` : `a ${name}`;
}
