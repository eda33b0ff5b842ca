// The cryptography of docs/protocol.md sections 2, 3 and 7 as one would write it in JavaScript alone, in a worker: what
// the client's Python is compared with. It shares no line with the adapters; each opens what the other sealed.
const { subtle } = crypto;
const encoder = new TextEncoder();
const MESSAGE = 4;
const NOTHING = new Uint8Array(0);

function join(...parts) {
  const joined = new Uint8Array(parts.reduce((size, part) => size + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    joined.set(part, offset);
    offset += part.length;
  }
  return joined;
}

function prefixed(...parts) {
  const joined = new Uint8Array(parts.reduce((size, part) => size + 4 + part.length, 0));
  const view = new DataView(joined.buffer);
  let offset = 0;
  for (const part of parts) {
    view.setUint32(offset, part.length);
    joined.set(part, offset + 4);
    offset += 4 + part.length;
  }
  return joined;
}

const ctx = (label, ...fields) => prefixed(encoder.encode(`balon/v1/${label}`), ...fields);
const number = (value) => Uint8Array.of(0, 0, 0, 0, 0, 0, 0, value);
const hkdf = (salt, info) => ({ name: "HKDF", hash: "SHA-256", salt, info });
const bits = async (key, salt, info, size) => new Uint8Array(await subtle.deriveBits(hkdf(salt, info), key, size * 8));
const rootOf = (secret) => subtle.importKey("raw", secret, "HKDF", false, ["deriveBits", "deriveKey"]);

const SUITE_AND_KIND = [number(1), number(MESSAGE)];
const KEY_INFO = ctx("env/key", ...SUITE_AND_KIND);
const IVC_START = join(ctx("env/ivc", ...SUITE_AND_KIND), Uint8Array.of(0, 0, 0, 32));
const AAD_LABEL = encoder.encode("balon/v1/env/aad");

async function parametersOf(root, salt, header, context) {
  const hash = new Uint8Array(await subtle.digest("SHA-256", context));
  const derived = await bits(root, salt, join(IVC_START, hash), 44);
  const commit = derived.subarray(12);
  const additionalData = prefixed(AAD_LABEL, header, commit, context);
  return { commit, gcm: { name: "AES-GCM", iv: derived.subarray(0, 12), additionalData } };
}

const contentKey = (root, salt, usage) =>
  subtle.deriveKey(hkdf(salt, KEY_INFO), root, { name: "AES-GCM", length: 256 }, false, [usage]);

async function sealMessage({ root, start }, context, plaintext) {
  const salt = crypto.getRandomValues(new Uint8Array(32));
  const header = join(start, salt);
  const padded = new Uint8Array(plaintext.length + 256 - (plaintext.length % 256));
  padded.set(plaintext);
  padded[plaintext.length] = 0x80;
  const [key, { commit, gcm }] = await Promise.all([
    contentKey(root, salt, "encrypt"),
    parametersOf(root, salt, header, context),
  ]);
  return join(header, commit, new Uint8Array(await subtle.encrypt(gcm, key, padded)));
}

function requireEqual(one, other) {
  let difference = one.length ^ other.length;
  for (let index = 0; index < one.length; index++) difference |= one[index] ^ other[index];
  if (difference !== 0) throw new Error("refused");
}

async function openMessage({ root, start }, context, envelope) {
  const header = envelope.subarray(0, 56);
  const salt = header.subarray(24);
  requireEqual(header.subarray(0, 24), start);
  const [key, { commit, gcm }] = await Promise.all([
    contentKey(root, salt, "decrypt"),
    parametersOf(root, salt, header, context),
  ]);
  requireEqual(commit, envelope.subarray(56, 88));
  const padded = new Uint8Array(await subtle.decrypt(gcm, key, envelope.subarray(88)));
  const end = padded.findLastIndex((octet) => octet !== 0);
  if (padded[end] !== 0x80) throw new Error("refused");
  return padded.subarray(0, end);
}

let account;

/** Milliseconds of one turn, after one that nobody counts. */
async function timed(repeat, work) {
  await work();
  const begun = performance.now();
  for (let turn = 0; turn < repeat; turn++) await work();
  return (performance.now() - begun) / repeat;
}

const messages = (count, size) =>
  Array.from({ length: count }, (_, index) => [
    encoder.encode(`a context of the length that contexts of messages have, which is about ${index}`),
    new Uint8Array(size).fill(index & 255),
  ]);

const sealAll = (items) => Promise.all(items.map(([context, plaintext]) => sealMessage(account, context, plaintext)));
const openAll = (items) => Promise.all(items.map(([context, envelope]) => openMessage(account, context, envelope)));

const calls = {
  async prepare(secret, pkcs8, wrapped, label) {
    const root = await rootOf(secret);
    const kid = await bits(root, NOTHING, ctx("kid"), 16);
    const start = join(encoder.encode("BLN"), Uint8Array.of(1, 1, MESSAGE, 0, 0), kid);
    const rsa = { name: "RSA-OAEP", hash: "SHA-256" };
    const enc = await subtle.importKey("pkcs8", pkcs8, rsa, false, ["decrypt"]);
    account = { root, start, enc, wrapped, label };
  },

  async seal(count, size, repeat) {
    const items = messages(count, size);
    return timed(repeat, () => sealAll(items));
  },

  async open(count, size, repeat) {
    const items = messages(count, size);
    const envelopes = await sealAll(items);
    const sealed = items.map(([context], index) => [context, envelopes[index]]);
    return timed(repeat, () => openAll(sealed));
  },

  async derive(iterations) {
    const salt = new Uint8Array(32).fill(7);
    return timed(1, async () => {
      const password = await subtle.importKey("raw", encoder.encode("correct horse"), "PBKDF2", false, ["deriveBits"]);
      await subtle.deriveBits({ name: "PBKDF2", hash: "SHA-256", salt, iterations }, password, 256);
    });
  },

  async unwrap(repeat) {
    const oaep = { name: "RSA-OAEP", label: account.label };
    return timed(repeat, async () => rootOf(await subtle.decrypt(oaep, account.enc, account.wrapped)));
  },

  /** One message of this side, for the other to open. */
  async sample() {
    const [[context, plaintext]] = messages(1, 1000);
    return [context, plaintext, await sealMessage(account, context, plaintext)];
  },

  async opensTo(context, envelope) {
    return openMessage(account, context, envelope);
  },
};

self.onmessage = async ({ data: { name, parameters } }) => {
  try {
    self.postMessage({ value: await calls[name](...parameters) });
  } catch (error) {
    self.postMessage({ error: String(error) });
  }
};
