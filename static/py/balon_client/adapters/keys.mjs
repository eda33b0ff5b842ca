// Keys: derived, opened and wrapped inside one JavaScript call each (generation.mjs makes those of an account). Raw bytes
// live in a Uint8Array until the end of the call, which zeroes them; what leaves is a handle that cannot be exported
// (docs/protocol.md sections 2, 4, 6, 7).
import * as envelope from "./envelope.mjs";
import {
  EMPTY,
  USAGES,
  concat,
  drawRandom,
  equalInConstantTime,
  hkdfBits,
  importHkdf,
  importRoot,
  pack,
  refuseDecryption,
  Refusal,
  requireHandle,
  subtle,
  unpack,
  zero,
} from "./primitives.mjs";

export const KIND = { MEK: 0x01, RSA: 0x02, IDK: 0x03, RECOVERY: 0x07, PREV: 0x09 };
export const KEY_SIZE = 32;
export const RSA_OAEP = { name: "RSA-OAEP", hash: "SHA-256" };
// RFC 8410: the start of every Ed25519 private key in PKCS#8; the seed follows.
const ED25519_PKCS8 = Uint8Array.from([
  0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20,
]);

/** A PBKDF2 handle of secret bytes: good for deriving and nothing else. */
const importPbkdf2 = (secret) => subtle.importKey("raw", secret, "PBKDF2", false, USAGES.PBKDF2);

async function stretch(key, salt, iterations) {
  requireHandle(key, "PBKDF2", USAGES.PBKDF2);
  const parameters = { name: "PBKDF2", hash: "SHA-256", salt, iterations };
  return new Uint8Array(await subtle.deriveBits(parameters, key, 256));
}

/** The 32 bytes that a secret gives, as a root. The secret stays: whoever made it zeroes it. */
export async function stretchRoot(secret, salt, iterations) {
  return importRoot(await stretch(await importPbkdf2(secret), salt, iterations));
}

async function importSeed(seed, extractable) {
  const pkcs8 = concat(ED25519_PKCS8, seed);
  try {
    return await subtle.importKey("pkcs8", pkcs8, "Ed25519", extractable, ["sign"]);
  } finally {
    zero(pkcs8);
  }
}

/** The public key of a seed. JWK is the only way to it; its text with the seed cannot be zeroed (documented). */
export async function publicOfSeed(seed) {
  const { x } = await subtle.exportKey("jwk", await importSeed(seed, true));
  return Uint8Array.from(atob(x.replaceAll("-", "+").replaceAll("_", "/")), (octet) => octet.charCodeAt(0));
}

export const signingKeyOf = async (seed) => requireHandle(await importSeed(seed, false), "Ed25519", USAGES.Ed25519);

/** A password as a handle to derive from more than once; the bytes are zeroed whatever happens. */
export async function importPassword(password) {
  try {
    return requireHandle(await importPbkdf2(password), "PBKDF2", USAGES.PBKDF2);
  } finally {
    zero(password);
  }
}

/** KEK and login key of a password's bytes, which are zeroed whatever happens. */
export async function derivePasswordKeys(password, salt, iterations, kekInfo, seedInfo) {
  return deriveFromPassword(await importPassword(password), salt, iterations, kekInfo, seedInfo);
}

/** KEK and login key of a password's handle. */
export async function deriveFromPassword(key, salt, iterations, kekInfo, seedInfo) {
  const master = await importHkdf(await stretch(key, salt, iterations));
  const kek = await importRoot(await hkdfBits(master, EMPTY, kekInfo, 32));
  return { kek, ...(await loginKeyOf(master, seedInfo)) };
}

/** The login key of a password from before encryption, whose bytes are zeroed whatever happens (section 12). */
export async function deriveLegacyKey(password, salt, iterations, seedInfo) {
  return loginKeyOf(await importHkdf(await stretch(await importPassword(password), salt, iterations)), seedInfo);
}

async function loginKeyOf(master, seedInfo) {
  const seed = await hkdfBits(master, EMPTY, seedInfo, 32);
  try {
    return { loginKey: await signingKeyOf(seed), loginPublic: await publicOfSeed(seed) };
  } finally {
    zero(seed);
  }
}

/** Opens the master key under one KEK and seals it under another: its bytes live in this call alone (section 4). */
export async function resealMaster(oldKek, oldContext, sealed, newKek, newContext) {
  const mek = await envelope.open(oldKek, KIND.MEK, oldContext, sealed);
  try {
    if (mek.length !== 32) throw refuseDecryption();
    return await envelope.seal(newKek, KIND.MEK, newContext, mek);
  } finally {
    zero(mek);
  }
}

/** Opens a 32-byte key as a root of its own. */
export async function openRoot(root, kind, ctx, sealed) {
  return importRoot(await envelope.open(root, kind, ctx, sealed));
}

/** Opens an Ed25519 seed as a signing handle and shows that it is the one of the public key. */
export async function openSigning(root, ctx, sealed, publicKey) {
  const seed = await envelope.open(root, KIND.IDK, ctx, sealed);
  try {
    return await requireSeedOf(publicKey, seed);
  } finally {
    zero(seed);
  }
}

/** The signing handle of a seed that belongs to the public key. The seed stays: whoever opened it zeroes it. */
export async function requireSeedOf(publicKey, seed) {
  if (seed.length !== 32) throw refuseDecryption();
  const key = await signingKeyOf(seed);
  await requirePair(async () => {
    const probe = drawRandom();
    const verifying = await subtle.importKey("raw", publicKey, "Ed25519", false, ["verify"]);
    return subtle.verify("Ed25519", verifying, await subtle.sign("Ed25519", key, probe), probe);
  });
  return key;
}

/** Opens the RSA private key and shows that it is the one of the public key. */
export async function openDecryption(root, ctx, sealed, spki) {
  return requirePkcs8Of(spki, await envelope.open(root, KIND.RSA, ctx, sealed));
}

/** The handle of an RSA private key, which is zeroed, after 32 random bytes went to the public key and back. */
export async function requirePkcs8Of(spki, pkcs8) {
  const key = await importDecryption(pkcs8);
  await requirePair(async () => {
    const probe = drawRandom();
    const locked = await subtle.encrypt(RSA_OAEP, await importEncryption(spki), probe);
    const back = new Uint8Array(await subtle.decrypt(RSA_OAEP, key, locked));
    const matches = equalInConstantTime(back, probe);
    zero(back);
    return matches;
  });
  return key;
}

export async function importDecryption(pkcs8) {
  try {
    const key = await subtle.importKey("pkcs8", pkcs8, RSA_OAEP, false, USAGES["RSA-OAEP"]);
    return requireHandle(key, "RSA-OAEP", USAGES["RSA-OAEP"]);
  } catch {
    throw refuseDecryption();
  } finally {
    zero(pkcs8);
  }
}

const importEncryption = (spki) => subtle.importKey("spki", spki, RSA_OAEP, false, ["encrypt"]);

async function requirePair(check) {
  let matches = false;
  try {
    matches = await check();
  } catch (error) {
    if (error instanceof Refusal) throw error;
  }
  if (matches !== true) throw new Refusal("key-pair-mismatch");
}

const wrapFor = async (encryption, label, secret) =>
  new Uint8Array(await subtle.encrypt({ ...RSA_OAEP, label }, encryption, secret));

/** The 32 bytes of a wrap. Whoever opens it zeroes them. */
async function openWrap(key, wrapped, label) {
  let secret;
  try {
    secret = new Uint8Array(await subtle.decrypt({ ...RSA_OAEP, label }, key, wrapped));
  } catch {
    throw refuseDecryption();
  }
  if (secret.length === KEY_SIZE) return secret;
  zero(secret);
  throw refuseDecryption();
}

const withCommitment = async (root, commitInfo) => ({ root, commit: await hkdfBits(root.key, EMPTY, commitInfo, 32) });

/** A conversation key's root and commitment; its bytes are zeroed. */
const committed = async (secret, commitInfo) => withCommitment(await importRoot(secret), commitInfo);

/** A new conversation key: its root, its commitment, and a wrap for each packed (spki, label). */
export async function generateConversationKey(commitInfo, recipients) {
  const secret = drawRandom();
  try {
    const wrapping = unpack(recipients, 2).map(async ([spki, label]) =>
      wrapFor(await importEncryption(spki), label, secret),
    );
    const wrapped = pack(await Promise.all(wrapping));
    return { ...(await committed(secret, commitInfo)), wrapped };
  } finally {
    zero(secret);
  }
}

/** The same for an epoch that has one before it: that key, from one's own wrap, is sealed under the new one (PREV). */
export async function generateNextKey(commitInfo, recipients, key, wrapped, label, ctx) {
  requireHandle(key, "RSA-OAEP", USAGES["RSA-OAEP"]);
  const old = await openWrap(key, wrapped, label);
  try {
    const made = await generateConversationKey(commitInfo, recipients);
    return { ...made, previous: await envelope.seal(made.root, KIND.PREV, ctx, old) };
  } finally {
    zero(old);
  }
}

/** Opens a chain of packed (context, PREV, commitInfo), each under the key before it; gives [{ root, commit }]. */
export async function openPreviousKeys(root, packed) {
  const opening = [];
  let newer = root;
  for (const [ctx, sealed, commitInfo] of unpack(packed, 3)) {
    newer = await importRoot(await envelope.open(newer, KIND.PREV, ctx, sealed));
    opening.push(withCommitment(newer, commitInfo));
  }
  return Promise.all(opening);
}

/** Unwraps packed (wrapped, label, commitInfo); gives an array of { root, commit }, or undefined where one did not open. */
export async function unwrapEach(key, packed) {
  requireHandle(key, "RSA-OAEP", USAGES["RSA-OAEP"]);
  const unwrapping = unpack(packed, 3).map(async ([wrapped, label, commitInfo]) =>
    committed(await openWrap(key, wrapped, label), commitInfo),
  );
  const outcomes = await Promise.allSettled(unwrapping);
  return outcomes.map(({ status, value }) => (status === "fulfilled" ? value : undefined));
}

/** Opens packed (wrapped, label, new label) and wraps each for one recipient; gives them packed, empty where one did not open. */
export async function rewrapEach(key, packed, spki) {
  requireHandle(key, "RSA-OAEP", USAGES["RSA-OAEP"]);
  const encryption = await importEncryption(spki);
  const rewrapping = unpack(packed, 3).map(async ([wrapped, label, newLabel]) => {
    const secret = await openWrap(key, wrapped, label);
    try {
      return await wrapFor(encryption, newLabel, secret);
    } finally {
      zero(secret);
    }
  });
  const outcomes = await Promise.allSettled(rewrapping);
  return pack(outcomes.map(({ status, value }) => (status === "fulfilled" ? value : EMPTY)));
}

/** Signs packed statements; gives the packed signatures. */
export async function signMany(key, packed) {
  const signing = unpack(packed, 1).map(
    async ([statement]) => new Uint8Array(await subtle.sign("Ed25519", key, statement)),
  );
  return pack(await Promise.all(signing));
}

/** Verifies packed (public key, statement, signature) whose form Python has checked; gives a mark, 1 or 0, for each. */
export async function verifyEach(packed) {
  const keys = new Map();
  const importOnce = (publicKey) => {
    const name = publicKey.join();
    if (!keys.has(name)) keys.set(name, subtle.importKey("raw", publicKey, "Ed25519", false, ["verify"]));
    return keys.get(name);
  };
  const verifying = unpack(packed, 3).map(async ([publicKey, statement, signature]) =>
    subtle.verify("Ed25519", await importOnce(publicKey), signature, statement),
  );
  const outcomes = await Promise.allSettled(verifying);
  return Uint8Array.from(outcomes, ({ status, value }) => (status === "fulfilled" && value === true ? 1 : 0));
}
