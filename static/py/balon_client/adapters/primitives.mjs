// The ground the other modules stand on: byte packing, checked randomness, handles that nobody can export, HKDF.
// Nothing here or beside it knows contexts or policy: Python lays those out (balon.protocol) and passes bytes.

export const subtle = globalThis.crypto?.subtle;
const text = new TextEncoder();
export const EMPTY = new Uint8Array(0);

/** A refusal that Python turns into the error of its code. Says nothing more: one message for every reason. */
export class Refusal extends Error {
  constructor(code) {
    super(code);
    this.name = "BalonRefusal";
  }
}

export const refuseDecryption = () => new Refusal("decryption-failed");

export function encodeText(value) {
  return text.encode(value);
}

export function concat(...parts) {
  const joined = new Uint8Array(parts.reduce((size, part) => size + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    joined.set(part, offset);
    offset += part.length;
  }
  return joined;
}

/** LP(b1) || LP(b2) || … of docs/protocol.md section 1; also how batches cross between Python and JavaScript. */
export function pack(parts) {
  const packed = new Uint8Array(parts.reduce((size, part) => size + 4 + part.length, 0));
  const view = new DataView(packed.buffer);
  let offset = 0;
  for (const part of parts) {
    view.setUint32(offset, part.length);
    packed.set(part, offset + 4);
    offset += 4 + part.length;
  }
  return packed;
}

/** Takes a batch from Python apart, into groups of `width` parts. The parts are views of the batch. */
export function unpack(packed, width) {
  const view = new DataView(packed.buffer, packed.byteOffset, packed.byteLength);
  const groups = [];
  for (let offset = 0; offset < packed.length;) {
    const group = [];
    for (let index = 0; index < width; index++) {
      const size = view.getUint32(offset);
      group.push(packed.subarray(offset + 4, offset + 4 + size));
      offset += 4 + size;
    }
    groups.push(group);
  }
  return groups;
}

/** ctx(label, …) for fields that are encoded already. */
export function context(label, ...fields) {
  return pack([encodeText(`balon/v1/${label}`), ...fields]);
}

export function u64(value) {
  const encoded = new Uint8Array(8);
  new DataView(encoded.buffer).setBigUint64(0, BigInt(value));
  return encoded;
}

/** Compares without a branch on the content. Lengths are public. */
export function equalInConstantTime(a, b) {
  if (a.length !== b.length) return false;
  let difference = 0;
  for (let index = 0; index < a.length; index++) difference |= a[index] ^ b[index];
  return difference === 0;
}

export function zero(...buffers) {
  for (const buffer of buffers) buffer?.fill(0);
}

let previousDraw = EMPTY;

/** 32 random bytes; two draws in a row that are equal end everything that would use them (A21). */
export function drawRandom() {
  const drawn = crypto.getRandomValues(new Uint8Array(32));
  if (equalInConstantTime(drawn, previousDraw)) throw new Refusal("randomness-failed");
  previousDraw = drawn.slice();
  return drawn;
}

const PAIR_ATTEMPTS = 4;

/** A fresh pair of Ed25519 or X25519. WebKitGTK fails where the private key begins with a zero byte, one time in 256. */
export async function generateCurvePair(algorithm, usages) {
  for (let attempt = 1; ; attempt++) {
    try {
      return await subtle.generateKey(algorithm, false, usages);
    } catch (error) {
      if (error?.name !== "OperationError" || attempt === PAIR_ATTEMPTS) throw error;
    }
  }
}

export async function sha256(bytes) {
  return new Uint8Array(await subtle.digest("SHA-256", bytes));
}

/** Insists that a handle is what it was made to be: not extractable, exactly these usages (A19, A37). */
export function requireHandle(key, algorithm, usages) {
  const actual = [...(key?.usages ?? [])].sort().join();
  const fits = key instanceof CryptoKey && key.algorithm.name === algorithm && actual === usages.join();
  if (!fits || key.extractable !== false) throw new Refusal("handle-refused");
  return key;
}

// Sorted, as requireHandle compares them.
export const USAGES = {
  PBKDF2: ["deriveBits"],
  HKDF: ["deriveBits", "deriveKey"],
  Ed25519: ["sign"],
  "RSA-OAEP": ["decrypt", "unwrapKey"],
  "AES-GCM": ["decrypt"],
};

export async function hkdfBits(key, salt, info, size) {
  return new Uint8Array(await subtle.deriveBits({ name: "HKDF", hash: "SHA-256", salt, info }, key, size * 8));
}

/** An HKDF handle of secret bytes, which are zeroed. */
export async function importHkdf(secret) {
  try {
    const key = await subtle.importKey("raw", secret, "HKDF", false, USAGES.HKDF);
    return requireHandle(key, "HKDF", USAGES.HKDF);
  } finally {
    zero(secret);
  }
}

const KEY_ID_INFO = context("kid");

/** A root key: the handle and the 16 bytes that name it in envelopes. */
export async function rootOf(key) {
  requireHandle(key, "HKDF", USAGES.HKDF);
  return { key, kid: await hkdfBits(key, EMPTY, KEY_ID_INFO, 16) };
}

/** A root key of 32 secret bytes, which are zeroed. */
export async function importRoot(secret) {
  if (secret.length !== 32) {
    zero(secret);
    throw refuseDecryption();
  }
  return rootOf(await importHkdf(secret));
}
