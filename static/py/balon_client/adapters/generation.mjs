// The keys of an account while they are being made: new ones, or new ones around an identity that stays (sections 4, 6).
// Raw bytes live in one object until they are sealed or dropped, and a recovery kit opens into nothing else.
import * as envelope from "./envelope.mjs";
import {
  KEY_SIZE,
  KIND,
  RSA_OAEP,
  importDecryption,
  publicOfSeed,
  requirePkcs8Of,
  requireSeedOf,
  signingKeyOf,
  stretchRoot,
} from "./keys.mjs";
import {
  EMPTY,
  drawRandom,
  equalInConstantTime,
  hkdfBits,
  importRoot,
  pack,
  refuseDecryption,
  sha256,
  subtle,
  unpack,
  zero,
} from "./primitives.mjs";

const RSA_4096 = { ...RSA_OAEP, modulusLength: 4096, publicExponent: Uint8Array.of(1, 0, 1) };
const RECOVERY_ITERATIONS = 600_000;
const PREFIXES = 3 * 4;

/** An Ed25519 seed that every browser can import: WebKitGTK refuses those that begin with a zero byte. */
function drawSeed() {
  let seed = drawRandom();
  while (seed[0] === 0) seed = drawRandom();
  return seed;
}

/** The keys of an account, from the moment they are wanted until they are sealed or dropped. */
class AccountGeneration {
  #mek = drawRandom();
  #code = drawRandom();
  #seed;
  #pkcs8 = null;
  #ended = false;
  #publicKeys;

  /** Takes over a seed, and an RSA pair { spki, pkcs8 }, where these stay; makes what is not given. */
  constructor(seed = drawSeed(), pair = null) {
    this.#seed = seed;
    this.#publicKeys = this.#prepare(pair);
    // Whoever waits sees the failure; nobody waiting is no reason for an unhandled rejection.
    this.#publicKeys.catch(() => {});
  }

  async #prepare(given) {
    if (given) this.#pkcs8 = given.pkcs8;
    const spki = given?.spki ?? (await this.#generatePair());
    if (this.#ended) return this.drop();
    return { spki, rsaKid: await sha256(spki), identity: await publicOfSeed(this.#seed) };
  }

  async #generatePair() {
    const pair = await subtle.generateKey(RSA_4096, true, ["encrypt", "decrypt", "unwrapKey"]);
    const spki = new Uint8Array(await subtle.exportKey("spki", pair.publicKey));
    this.#pkcs8 = new Uint8Array(await subtle.exportKey("pkcs8", pair.privateKey));
    return spki;
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
      const recovery = await stretchRoot(this.#code, recoverySalt, RECOVERY_ITERATIONS);
      const mek = await importRoot(this.#mek.slice());
      return {
        envelopes: pack([
          await envelope.seal(kek, KIND.MEK, mekContext, this.#mek),
          await envelope.seal(mek, KIND.IDK, idkContext, this.#seed),
          await envelope.seal(mek, KIND.RSA, rsaContext, this.#pkcs8),
          await envelope.seal(recovery, KIND.RECOVERY, recoveryContext, everything),
        ]),
        recoveryPublic: (await recoverySigning(recovery, recoverySeedInfo)).publicKey,
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

export function generateAccountKeys() {
  return new AccountGeneration();
}

/** New MEK, RSA pair and recovery code around the identity key of an opened account (section 4, rotate-keys). */
export async function renewAccountKeys(mek, ctx, sealed, publicKey) {
  const seed = await envelope.open(mek, KIND.IDK, ctx, sealed);
  try {
    await requireSeedOf(publicKey, seed);
    return new AccountGeneration(seed.slice());
  } finally {
    zero(seed);
  }
}

async function recoverySigning(recovery, info) {
  const seed = await hkdfBits(recovery.key, EMPTY, info, KEY_SIZE);
  try {
    return { key: await signingKeyOf(seed), publicKey: await publicOfSeed(seed) };
  } finally {
    zero(seed);
  }
}

/** RK and the recovery key of a kit's code, which is zeroed. `kid` is the one that the kit's envelope names. */
export async function deriveKitKeys(code, salt, iterations, kid, seedInfo) {
  let root;
  try {
    root = await stretchRoot(code, salt, iterations);
  } finally {
    zero(code);
  }
  if (!equalInConstantTime(root.kid, kid)) throw refuseDecryption();
  return { root, ...(await recoverySigning(root, seedInfo)) };
}

/** Opens a kit: the master key it holds, as a root, and a generation that keeps identity and RSA pair. */
export async function openKit(root, ctx, sealed, publicKey, spki) {
  const everything = await envelope.open(root, KIND.RECOVERY, ctx, sealed);
  try {
    const [mek, seed, pkcs8] = partsOfKit(everything);
    await requireSeedOf(publicKey, seed);
    await requirePkcs8Of(spki, pkcs8.slice());
    const opened = await importRoot(mek.slice());
    return { mek: opened, generation: new AccountGeneration(seed.slice(), { spki, pkcs8: pkcs8.slice() }) };
  } finally {
    zero(everything);
  }
}

/** LP(MEK) || LP(seed) || LP(PKCS#8), strictly: nothing missing, nothing over. The parts are views. */
function partsOfKit(everything) {
  let groups;
  try {
    groups = unpack(everything, 3);
  } catch {
    throw refuseDecryption();
  }
  const [mek, seed, pkcs8] = groups.length === 1 ? groups[0] : [EMPTY, EMPTY, EMPTY];
  const complete = mek.length + seed.length + pkcs8.length + PREFIXES === everything.length;
  if (!complete || mek.length !== KEY_SIZE || seed.length !== KEY_SIZE) throw refuseDecryption();
  return [mek, seed, pkcs8];
}
