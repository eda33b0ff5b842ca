// Names of tables are for programs. These are for people; a table that is not among them is named as the server names it.
const TITLES = {
  accounts_user: "Account",
  accounts_signinrecord: "What checks your password",
  accounts_recoveryrecord: "Recovery kit",
  accounts_spentrecoverykit: "Recovery kits that were used",
  accounts_challenge: "Sign-ins that were begun",
  accounts_signinsession: "Devices",
  accounts_deletionrequest: "Deletion of the account",
  keystore_keybundle: "Public keys, and private ones under your password",
  keystore_keyring: "Contacts and settings",
  keystore_rosterentry: "Signed lists of members",
  keystore_membership: "Who is in which conversation",
  keystore_grant: "Keys of conversations",
  conversations_conversation: "Conversations",
  conversations_message: "Messages",
  conversations_meta: "Titles",
  conversations_stream: "Replies in progress",
  django_session: "Cookies of your devices",
};

export function titleOf(name) {
  return TITLES[name] ?? name.replaceAll("_", " ");
}
