export const PASSWORD_MAX_BYTES = 1024;

/** The password as the protocol wants it (docs/protocol.md, section 2): UTF-8 of the NFKC form, never stripped. */
export function passwordBytes(text) {
  return new TextEncoder().encode(text.normalize("NFKC"));
}

/** The password as Django hashed it before encryption (section 12): UTF-8 as typed. */
export function typedBytes(text) {
  return new TextEncoder().encode(text);
}

/** Overwrites the bytes; those that were handed over to the worker are gone from here already. */
function wipe(bytes) {
  if (bytes.byteLength > 0) bytes.fill(0);
}

/** Runs something with passwords as bytes, and overwrites them whatever happens. */
export function withBytes(passwords, run) {
  return withEncoded(passwords.map(passwordBytes), run);
}

/** The same for a first sign-in, which takes the password as typed and as the protocol wants it. */
export function withBothBytes(password, run) {
  return withEncoded([typedBytes(password), passwordBytes(password)], run);
}

async function withEncoded(bytes, run) {
  try {
    return await run(...bytes);
  } finally {
    bytes.forEach(wipe);
  }
}
