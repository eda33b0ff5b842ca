// The crypto port's JavaScript, as adapters/crypto.py calls it. docs/protocol.md says what each construction is.
import { Refusal, subtle } from "./primitives.mjs";

export { openEach, sealMany, sealWithSalt } from "./envelope.mjs";
export { deriveReplyKey, encapsulate, encapsulateFrom, openFrames } from "./hpke.mjs";
export { deriveKitKeys, generateAccountKeys, openKit, renewAccountKeys } from "./generation.mjs";
export {
  deriveFromPassword,
  derivePasswordKeys,
  generateConversationKey,
  importPassword,
  openDecryption,
  openRoot,
  openSigning,
  resealMaster,
  signMany,
  unwrapEach,
  verifyEach,
} from "./keys.mjs";
export { importRoot } from "./primitives.mjs";

/** Tries every primitive that a browser may lack. */
export async function verifySupport() {
  if (!globalThis.isSecureContext || !subtle) throw new Refusal("insecure-context");
  try {
    await subtle.generateKey("Ed25519", false, ["sign", "verify"]);
    await subtle.generateKey("X25519", false, ["deriveBits"]);
    await subtle.importKey("raw", new Uint8Array(32), "HKDF", false, ["deriveBits", "deriveKey"]);
    await subtle.importKey("raw", new Uint8Array(32), "PBKDF2", false, ["deriveBits"]);
  } catch {
    throw new Refusal("unsupported-browser");
  }
}
