// The crypto port's JavaScript, as adapters/crypto.py calls it. docs/protocol.md says what each construction is.
import { Refusal, generateCurvePair, subtle } from "./primitives.mjs";

export { openEach, sealMany, sealWithSalt } from "./envelope.mjs";
export { deriveReplyKey, encapsulate, encapsulateFrom, openFrames } from "./hpke.mjs";
export { deriveKitKeys, generateAccountKeys, openKit, renewAccountKeys } from "./generation.mjs";
export {
  deriveFromPassword,
  deriveLegacyKey,
  derivePasswordKeys,
  generateConversationKey,
  generateNextKey,
  importPassword,
  openDecryption,
  openPreviousKeys,
  openRoot,
  openSigning,
  resealMaster,
  rewrapEach,
  signMany,
  unwrapEach,
  verifyEach,
} from "./keys.mjs";
export { importRoot } from "./primitives.mjs";

/** Tries every primitive that a browser may lack. */
export async function verifySupport() {
  if (!globalThis.isSecureContext || !subtle) throw new Refusal("insecure-context");
  try {
    await generateCurvePair("Ed25519", ["sign", "verify"]);
    await generateCurvePair("X25519", ["deriveBits"]);
    await subtle.importKey("raw", new Uint8Array(32), "HKDF", false, ["deriveBits", "deriveKey"]);
    await subtle.importKey("raw", new Uint8Array(32), "PBKDF2", false, ["deriveBits"]);
  } catch {
    throw new Refusal("unsupported-browser");
  }
}
