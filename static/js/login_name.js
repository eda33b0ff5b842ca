// What a login name may be (docs/protocol.md, section 2), said before anything is sent.
const LOGIN = /^[a-z0-9._+@-]{3,254}$/;

export const LOGIN_RULE = "Use 3 to 254 characters: letters a to z, digits, and . _ + @ -";

export function normalizeLogin(text) {
  return text.trim().toLowerCase();
}

export function isLogin(login) {
  return LOGIN.test(login);
}
