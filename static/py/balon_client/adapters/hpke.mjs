// Sealed inference (docs/protocol.md section 9): HPKE base mode, single-shot, DHKEM(X25519, HKDF-SHA256), HKDF-SHA256,
// AES-256-GCM (RFC 9180), and the frames of a reply.
import {
  EMPTY,
  USAGES,
  concat,
  encodeText,
  generateCurvePair,
  hkdfBits,
  importHkdf,
  pack,
  refuseDecryption,
  requireHandle,
  subtle,
  unpack,
  zero,
} from "./primitives.mjs";

const VERSION = encodeText("HPKE-v1");
// RFC 9180 sections 4.1 and 5.1: KEM 0x0020, KDF 0x0001, AEAD 0x0002.
const KEM_SUITE = concat(encodeText("KEM"), Uint8Array.of(0x00, 0x20));
const HPKE_SUITE = concat(encodeText("HPKE"), Uint8Array.of(0x00, 0x20, 0x00, 0x01, 0x00, 0x02));
const MODE_BASE = Uint8Array.of(0);

const labeledIkm = (suite, label, ikm) => concat(VERSION, suite, encodeText(label), ikm);
const labeledInfo = (suite, label, info, size) =>
  concat(Uint8Array.of(size >> 8, size & 255), VERSION, suite, encodeText(label), info);

/** Extract with an empty salt: HMAC under zeros, which is HMAC under nothing (RFC 5869 section 2.2). */
async function extractUnsalted(label) {
  const key = await subtle.importKey("raw", new Uint8Array(32), { name: "HMAC", hash: "SHA-256" }, false, ["sign"]);
  return new Uint8Array(await subtle.sign("HMAC", key, label));
}

async function agree(pair, enc, publicKey) {
  const recipient = await subtle.importKey("raw", publicKey, "X25519", false, []);
  const shared = new Uint8Array(await subtle.deriveBits({ name: "X25519", public: recipient }, pair.privateKey, 256));
  // A point of small order gives zeros (RFC 7748 section 6.1); browsers differ in who notices.
  if (shared.every((octet) => octet === 0)) throw refuseDecryption();
  const secret = labeledIkm(KEM_SUITE, "eae_prk", shared);
  zero(shared);
  const info = labeledInfo(KEM_SUITE, "shared_secret", concat(enc, publicKey), 32);
  return hkdfBits(await importHkdf(secret), EMPTY, info, 32);
}

async function scheduleKeys(shared, info) {
  const pskIdHash = await extractUnsalted(labeledIkm(HPKE_SUITE, "psk_id_hash", EMPTY));
  const infoHash = await extractUnsalted(labeledIkm(HPKE_SUITE, "info_hash", info));
  const schedule = concat(MODE_BASE, pskIdHash, infoHash);
  const secret = await importHkdf(labeledIkm(HPKE_SUITE, "secret", EMPTY));
  const key = await hkdfBits(secret, shared, labeledInfo(HPKE_SUITE, "key", schedule, 32), 32);
  const nonce = await hkdfBits(secret, shared, labeledInfo(HPKE_SUITE, "base_nonce", schedule, 12), 12);
  return [key, nonce];
}

async function encryptOnce(key, iv, plaintext) {
  const handle = await subtle.importKey("raw", key, "AES-GCM", false, ["encrypt"]);
  zero(key);
  return new Uint8Array(await subtle.encrypt({ name: "AES-GCM", iv, tagLength: 128 }, handle, plaintext));
}

/** With a given ephemeral pair: for the known answer. */
export async function encapsulateFrom(pair, enc, publicKey, info, plaintext) {
  const shared = await agree(pair, enc, publicKey);
  const [key, nonce] = await scheduleKeys(shared, info);
  zero(shared);
  return encryptOnce(key, nonce, plaintext);
}

/** Seals to the gateway's public key; gives packed enc and ciphertext. */
export async function encapsulate(publicKey, info, plaintext) {
  const pair = await generateCurvePair("X25519", ["deriveBits"]);
  const enc = new Uint8Array(await subtle.exportKey("raw", pair.publicKey));
  try {
    return pack([enc, await encapsulateFrom(pair, enc, publicKey, info, plaintext)]);
  } catch {
    throw refuseDecryption();
  }
}

/** K_r, for opening only. Zeroes the copy of the secret that it was given. */
export async function deriveReplyKey(secret, salt, info) {
  const parameters = { name: "HKDF", hash: "SHA-256", salt, info };
  const aes = { name: "AES-GCM", length: 256 };
  const key = await subtle.deriveKey(parameters, await importHkdf(secret), aes, false, USAGES["AES-GCM"]);
  return requireHandle(key, "AES-GCM", USAGES["AES-GCM"]);
}

async function openFrame(key, iv, frame, aads) {
  for (const [final, additionalData] of aads.entries()) {
    try {
      const parameters = { name: "AES-GCM", iv, additionalData, tagLength: 128 };
      return [Uint8Array.of(final), new Uint8Array(await subtle.decrypt(parameters, key, frame))];
    } catch {
      // Not this one: the next, or none.
    }
  }
  return null;
}

/** Opens packed (nonce, frame, aad if not final, aad if final); gives packed (final, padded), up to the first damage. */
export async function openFrames(key, packed) {
  const opening = unpack(packed, 4).map(([iv, frame, ...aads]) => openFrame(key, iv, frame, aads));
  const opened = await Promise.all(opening);
  const damage = opened.indexOf(null);
  return pack(opened.slice(0, damage < 0 ? opened.length : damage).flat());
}
