// The envelope of docs/protocol.md section 3, in batches: one call from Python seals or opens a whole page.
// The order of checks is the protocol's, and every failure looks the same.
import {
  concat,
  context,
  drawRandom,
  encodeText,
  equalInConstantTime,
  hkdfBits,
  pack,
  refuseDecryption,
  sha256,
  subtle,
  u64,
  unpack,
  zero,
} from "./primitives.mjs";

const HEADER_SIZE = 56;
const PREFIX_SIZE = 88;
const MIN_SIZE = 104;
const SUITE = 1;
const PADDING_BLOCK = 256;
const PADDED_KINDS = new Set([0x04, 0x05, 0x08, 0x0a]); // MESSAGE, META, KEYRING, LEGACY

const fixedHeader = (kind) => concat(encodeText("BLN"), Uint8Array.of(1, SUITE, kind, 0, 0));

/** What is the same for every envelope of one batch. */
function batchOf(root, kind) {
  return {
    ...root,
    padded: PADDED_KINDS.has(kind),
    header: concat(fixedHeader(kind), root.kid),
    ivCommitLabel: context("env/ivc", u64(SUITE), u64(kind)),
    keyInfo: context("env/key", u64(SUITE), u64(kind)),
  };
}

async function deriveNonceAndCommit(batch, salt, ctx) {
  const info = concat(batch.ivCommitLabel, pack([await sha256(ctx)]));
  const bits = await hkdfBits(batch.key, salt, info, 44);
  return [bits.subarray(0, 12), bits.subarray(12)];
}

/** The AES-256-GCM key of one envelope: made for its salt, not extractable, for one direction. */
function deriveContentKey(batch, salt, usage) {
  const hkdf = { name: "HKDF", hash: "SHA-256", salt, info: batch.keyInfo };
  return subtle.deriveKey(hkdf, batch.key, { name: "AES-GCM", length: 256 }, false, [usage]);
}

const gcm = (iv, header, commit, ctx) => ({
  name: "AES-GCM",
  iv,
  additionalData: context("env/aad", header, commit, ctx),
  tagLength: 128,
});

function pad(plaintext) {
  const padded = new Uint8Array(plaintext.length + PADDING_BLOCK - (plaintext.length % PADDING_BLOCK));
  padded.set(plaintext);
  padded[plaintext.length] = 0x80;
  return padded;
}

function unpad(padded) {
  const end = padded.findLastIndex((octet) => octet !== 0);
  const fits = padded.length % PADDING_BLOCK === 0 && padded.length - end <= PADDING_BLOCK;
  if (end < 0 || padded[end] !== 0x80 || !fits) throw refuseDecryption();
  return padded.subarray(0, end);
}

async function sealOne(batch, ctx, plaintext, salt) {
  const contentKey = deriveContentKey(batch, salt, "encrypt");
  const [iv, commit] = await deriveNonceAndCommit(batch, salt, ctx);
  const header = concat(batch.header, salt);
  const content = batch.padded ? pad(plaintext) : plaintext;
  const ciphertext = await subtle.encrypt(gcm(iv, header, commit, ctx), await contentKey, content);
  return concat(header, commit, new Uint8Array(ciphertext));
}

/** With a given salt: for known answers. Everything else uses seal or sealMany, which draw it. */
export function sealWithSalt(root, kind, ctx, plaintext, salt) {
  return sealOne(batchOf(root, kind), ctx, plaintext, salt);
}

/** Seals one plaintext. */
export function seal(root, kind, ctx, plaintext) {
  return sealWithSalt(root, kind, ctx, plaintext, drawRandom());
}

/** Seals a packed batch of (context, plaintext); gives the packed envelopes. */
export async function sealMany(root, kind, packed) {
  const batch = batchOf(root, kind);
  const sealing = unpack(packed, 2).map(([ctx, plaintext]) => sealOne(batch, ctx, plaintext, drawRandom()));
  return pack(await Promise.all(sealing));
}

async function openOne(batch, ctx, envelope) {
  if (envelope.length < MIN_SIZE) throw refuseDecryption();
  const header = envelope.subarray(0, HEADER_SIZE);
  if (!equalInConstantTime(header.subarray(0, 24), batch.header)) throw refuseDecryption();
  const salt = header.subarray(24);
  const contentKey = deriveContentKey(batch, salt, "decrypt");
  const [iv, commit] = await deriveNonceAndCommit(batch, salt, ctx);
  if (!equalInConstantTime(commit, envelope.subarray(HEADER_SIZE, PREFIX_SIZE))) throw refuseDecryption();
  return decrypt(await contentKey, gcm(iv, header, commit, ctx), envelope.subarray(PREFIX_SIZE), batch.padded);
}

async function decrypt(key, parameters, ciphertext, padded) {
  let opened;
  try {
    opened = new Uint8Array(await subtle.decrypt(parameters, key, ciphertext));
  } catch {
    throw refuseDecryption();
  }
  return padded ? unpad(opened) : opened;
}

/** Opens one envelope. Whoever opens a key zeroes what this gives. */
export function open(root, kind, ctx, envelope) {
  return openOne(batchOf(root, kind), ctx, envelope);
}

const OPENED = Uint8Array.of(1);
const NOT_OPENED = Uint8Array.of(0);

/** Opens a packed batch of (context, envelope); gives packed pairs of a mark, 1 or 0, and the plaintext. */
export async function openEach(root, kind, packed) {
  const batch = batchOf(root, kind);
  const opening = unpack(packed, 2).map(([ctx, envelope]) => openOne(batch, ctx, envelope));
  const outcomes = await Promise.allSettled(opening);
  const opened = outcomes.map(({ status, value }) => (status === "fulfilled" ? value : null));
  const answer = pack(
    opened.flatMap((plaintext) => (plaintext ? [OPENED, plaintext] : [NOT_OPENED, new Uint8Array(0)])),
  );
  zero(...opened);
  return answer;
}
