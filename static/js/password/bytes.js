export const PASSWORD_MAX_BYTES = 1024;

/** The password as the protocol wants it (docs/protocol.md, section 2): UTF-8 of the NFKC form, never stripped. */
export function passwordBytes(text) {
  return new TextEncoder().encode(text.normalize("NFKC"));
}

/** Overwrites the bytes; those that were handed over to the worker are gone from here already. */
function wipe(bytes) {
  if (bytes.byteLength > 0) bytes.fill(0);
}

/** Runs something with passwords as bytes, and overwrites them whatever happens. */
export async function withBytes(passwords, run) {
  const bytes = passwords.map(passwordBytes);
  try {
    return await run(...bytes);
  } finally {
    bytes.forEach(wipe);
  }
}
