// Keys: made, opened and wrapped inside one JavaScript call each. Raw bytes live in a Uint8Array until the end of the
// call, which zeroes them; what leaves is a handle that cannot be exported (docs/protocol.md sections 2, 4, 6, 7).
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
  sha256,
  subtle,
  unpack,
  zero,
} from "./primitives.mjs";

const KIND = { MEK: 0x01, RSA: 0x02, IDK: 0x03, RECOVERY: 0x07 };
const RSA_OAEP = { name: "RSA-OAEP", hash: "SHA-256" };
const RSA_4096 = { ...RSA_OAEP, modulusLength: 4096, publicExponent: Uint8Array.of(1, 0, 1) };
const RECOVERY_ITERATIONS = 600_000;
// RFC 8410: the start of every Ed25519 private key in PKCS#8; the seed follows.
const ED25519_PKCS8 = Uint8Array.from([
  0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20,
]);

async function pbkdf2(secret, salt, iterations) {
  const key = await subtle.importKey("raw", secret, "PBKDF2", false, ["deriveBits"]);
  const parameters = { name: "PBKDF2", hash: "SHA-256", salt, iterations };
  return new Uint8Array(await subtle.deriveBits(parameters, key, 256));
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
async function publicOfSeed(seed) {
  const { x } = await subtle.exportKey("jwk", await importSeed(seed, true));
  return Uint8Array.from(atob(x.replaceAll("-", "+").replaceAll("_", "/")), (octet) => octet.charCodeAt(0));
}

const signingKeyOf = async (seed) => requireHandle(await importSeed(seed, false), "Ed25519", USAGES.Ed25519);

/** KEK and login key of a password, which is zeroed whatever happens. */
export async function derivePasswordKeys(password, salt, iterations, kekInfo, seedInfo) {
  let master;
  try {
    master = await importHkdf(await pbkdf2(password, salt, iterations));
  } finally {
    zero(password);
  }
  const seed = await hkdfBits(master, EMPTY, seedInfo, 32);
  try {
    const kek = await importRoot(await hkdfBits(master, EMPTY, kekInfo, 32));
    return { kek, loginKey: await signingKeyOf(seed), loginPublic: await publicOfSeed(seed) };
  } finally {
    zero(seed);
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
    if (seed.length !== 32) throw refuseDecryption();
    const key = await signingKeyOf(seed);
    await requirePair(async () => {
      const probe = drawRandom();
      const verifying = await subtle.importKey("raw", publicKey, "Ed25519", false, ["verify"]);
      return subtle.verify("Ed25519", verifying, await subtle.sign("Ed25519", key, probe), probe);
    });
    return key;
  } finally {
    zero(seed);
  }
}

/** Opens the RSA private key and shows that it is the one of the public key: 32 random bytes there and back. */
export async function openDecryption(root, ctx, sealed, spki) {
  const pkcs8 = await envelope.open(root, KIND.RSA, ctx, sealed);
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

async function importDecryption(pkcs8) {
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

/** The keys of a new account, from the moment the form opens until they are sealed or dropped. */
class AccountGeneration {
  #mek = drawRandom();
  #seed = drawRandom();
  #code = drawRandom();
  #pkcs8 = null;
  #ended = false;
  #publicKeys = this.#generate();

  constructor() {
    // Whoever waits sees the failure; nobody waiting is no reason for an unhandled rejection.
    this.#publicKeys.catch(() => {});
  }

  async #generate() {
    const pair = await subtle.generateKey(RSA_4096, true, ["encrypt", "decrypt", "unwrapKey"]);
    const spki = new Uint8Array(await subtle.exportKey("spki", pair.publicKey));
    this.#pkcs8 = new Uint8Array(await subtle.exportKey("pkcs8", pair.privateKey));
    if (this.#ended) return this.drop();
    return { spki, rsaKid: await sha256(spki), identity: await publicOfSeed(this.#seed) };
  }

  /** Public halves: spki, rsaKid, identity; undefined after the end. */
  async publicKeys() {
    return this.#ended ? undefined : this.#publicKeys;
  }

  /** Seals everything (section 4, section 6) and ends. `contexts` are packed: mek, idk, rsa, recovery. */
  async seal(kek, contexts, recoverySalt, recoverySeedInfo) {
    const { identity } = await this.#publicKeys;
    this.#ended = true;
    const everything = pack([this.#mek, this.#seed, this.#pkcs8]);
    try {
      const [[mekContext, idkContext, rsaContext, recoveryContext]] = unpack(contexts, 4);
      const recovery = await importRoot(await pbkdf2(this.#code, recoverySalt, RECOVERY_ITERATIONS));
      const mek = await importRoot(this.#mek.slice());
      return {
        envelopes: pack([
          await envelope.seal(kek, KIND.MEK, mekContext, this.#mek),
          await envelope.seal(mek, KIND.IDK, idkContext, this.#seed),
          await envelope.seal(mek, KIND.RSA, rsaContext, this.#pkcs8),
          await envelope.seal(recovery, KIND.RECOVERY, recoveryContext, everything),
        ]),
        recoveryPublic: await recoveryPublicOf(recovery, recoverySeedInfo),
        code: this.#code.slice(),
        mek,
        idk: await signingKeyOf(this.#seed),
        identity,
        enc: await importDecryption(this.#pkcs8.slice()),
      };
    } finally {
      zero(everything);
      this.drop();
    }
  }

  drop() {
    this.#ended = true;
    zero(this.#mek, this.#seed, this.#code, this.#pkcs8);
  }
}

async function recoveryPublicOf(recovery, info) {
  const seed = await hkdfBits(recovery.key, EMPTY, info, 32);
  try {
    return await publicOfSeed(seed);
  } finally {
    zero(seed);
  }
}

export function generateAccountKeys() {
  return new AccountGeneration();
}

/** A new conversation key: its root, its commitment, and a wrap for each packed (spki, label). */
export async function generateConversationKey(commitInfo, recipients) {
  const secret = drawRandom();
  try {
    const wrapping = unpack(recipients, 2).map(
      async ([spki, label]) =>
        new Uint8Array(await subtle.encrypt({ ...RSA_OAEP, label }, await importEncryption(spki), secret)),
    );
    const wrapped = pack(await Promise.all(wrapping));
    return { ...(await committed(secret, commitInfo)), wrapped };
  } finally {
    zero(secret);
  }
}

async function committed(secret, commitInfo) {
  const root = await importRoot(secret);
  return { root, commit: await hkdfBits(root.key, EMPTY, commitInfo, 32) };
}

async function unwrapOne(key, wrapped, label, commitInfo) {
  let secret;
  try {
    secret = new Uint8Array(await subtle.decrypt({ ...RSA_OAEP, label }, key, wrapped));
  } catch {
    throw refuseDecryption();
  }
  return committed(secret, commitInfo);
}

/** Unwraps packed (wrapped, label, commitInfo); gives an array of { root, commit }, or undefined where one did not open. */
export async function unwrapEach(key, packed) {
  requireHandle(key, "RSA-OAEP", USAGES["RSA-OAEP"]);
  const unwrapping = unpack(packed, 3).map((item) => unwrapOne(key, ...item));
  const outcomes = await Promise.allSettled(unwrapping);
  return outcomes.map(({ status, value }) => (status === "fulfilled" ? value : undefined));
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
