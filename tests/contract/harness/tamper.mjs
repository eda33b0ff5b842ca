// What only a test does in the worker: look at handles, break the browser's parts, and put them back.
const undo = [];

function replace(object, name, replacement) {
  const descriptor = Object.getOwnPropertyDescriptor(object, name);
  Object.defineProperty(object, name, { ...descriptor, value: replacement(descriptor.value) });
  undo.push(() => Object.defineProperty(object, name, descriptor));
}

export function restore() {
  while (undo.length) undo.pop()();
}

const FORMATS = ["raw", "pkcs8", "spki", "jwk"];

/** [type, algorithm, usages, extractable, formats in which it can be exported] of a handle. */
export async function describe(handle) {
  const key = handle.key ?? handle;
  const exports = await Promise.allSettled(FORMATS.map((format) => crypto.subtle.exportKey(format, key)));
  const exported = FORMATS.filter((_, index) => exports[index].status === "fulfilled");
  const { type, algorithm, usages, extractable } = key;
  return JSON.stringify({ type, algorithm: algorithm.name, usages: [...usages].sort(), extractable, exported });
}

export const databaseNames = async () => JSON.stringify((await indexedDB.databases()).map(({ name }) => name));
export const cacheNames = async () => JSON.stringify(await caches.keys());
export const fillCache = async () => (await caches.open("x")).put("/x", new Response("x"));

/** From now on every draw of random bytes is the same. */
export function freezeRandom() {
  replace(Crypto.prototype, "getRandomValues", () => (array) => array.fill(7));
}

export function breakDerivation() {
  replace(SubtleCrypto.prototype, "deriveBits", () => async () => {
    throw new DOMException("broken", "OperationError");
  });
}

/** "throw": put fails, as where handles cannot be cloned. "lose": get finds nothing. "null": handles come back null. */
export function breakStorage(how) {
  if (how === "throw") {
    replace(IDBObjectStore.prototype, "put", () => () => {
      throw new DOMException("no", "DataCloneError");
    });
  } else if (how === "refuse") {
    replace(IDBFactory.prototype, "open", () => () => {
      throw new DOMException("no", "SecurityError");
    });
  } else {
    const spoil = (record) => (how === "lose" ? undefined : record && { ...record, mek: null, idk: null, enc: null });
    const descriptor = Object.getOwnPropertyDescriptor(IDBRequest.prototype, "result");
    Object.defineProperty(IDBRequest.prototype, "result", {
      configurable: true,
      get() {
        const result = descriptor.get.call(this);
        return this.source instanceof IDBObjectStore && result?.metadata ? spoil(result) : result;
      },
    });
    undo.push(() => Object.defineProperty(IDBRequest.prototype, "result", descriptor));
  }
}

/** Writes a record as an attacker with a script in the origin, or a defect, might leave it. */
export async function plantRecord(metadata, weakness) {
  const extractable = weakness === "extractable";
  const aes = weakness === "other-algorithm";
  const usages = weakness === "other-usages" ? ["deriveBits"] : ["deriveBits", "deriveKey"];
  const raw = new Uint8Array(32).fill(1);
  const mek = aes
    ? await crypto.subtle.importKey("raw", raw, "AES-GCM", false, ["decrypt"])
    : await crypto.subtle.importKey("raw", raw, "HKDF", false, usages);
  const idk = await crypto.subtle.generateKey("Ed25519", extractable, ["sign", "verify"]);
  const rsa = { name: "RSA-OAEP", hash: "SHA-256", modulusLength: 2048, publicExponent: Uint8Array.of(1, 0, 1) };
  const enc = await crypto.subtle.generateKey(rsa, false, ["encrypt", "decrypt", "unwrapKey"]);
  const identity = new Uint8Array(await crypto.subtle.exportKey("raw", idk.publicKey));
  const request = indexedDB.open("balon-session", 1);
  request.onupgradeneeded = () => request.result.createObjectStore("session");
  await new Promise((resolve) => (request.onsuccess = resolve));
  const transaction = request.result.transaction("session", "readwrite");
  const record = { metadata, mek, idk: idk.privateKey, identity, enc: enc.privateKey };
  transaction.objectStore("session").put(record, "current");
  await new Promise((resolve) => (transaction.oncomplete = resolve));
  request.result.close();
}

const made = [];
const nameOf = (algorithm) => algorithm.name ?? algorithm;

/** Writes down every key that WebCrypto is asked to make: [how, algorithm, extractable, usages]. */
export function watchHandles() {
  made.length = 0;
  const watch = (method, read) =>
    replace(
      SubtleCrypto.prototype,
      method,
      (original) =>
        function (...parameters) {
          const [how, algorithm, extractable, usages] = read(...parameters);
          made.push([`${method}${how}`, nameOf(algorithm), extractable, [...usages].sort()]);
          return original.apply(this, parameters);
        },
    );
  watch("importKey", (format, _, algorithm, extractable, usages) => [` ${format}`, algorithm, extractable, usages]);
  watch("generateKey", (algorithm, extractable, usages) => ["", algorithm, extractable, usages]);
  watch("deriveKey", (_, __, algorithm, extractable, usages) => ["", algorithm, extractable, usages]);
  watch("unwrapKey", (...all) => ["", all[4], all[5], all[6]]);
}

export const madeHandles = () => JSON.stringify(made);

/** Whether an RSA handle refuses to sign, in each of the ways there are. */
export async function refusesToSign(key) {
  const ways = ["RSA-PSS", "RSASSA-PKCS1-v1_5", "RSA-OAEP"].map((name) => ({ name, saltLength: 32 }));
  const outcomes = await Promise.allSettled(ways.map((way) => crypto.subtle.sign(way, key, new Uint8Array(32))));
  return outcomes.every(({ status }) => status === "rejected");
}

/** Whether WebCrypto refuses to make an RSA-OAEP key that signs. */
export async function refusesSigningRsa() {
  const rsa = { name: "RSA-OAEP", hash: "SHA-256", modulusLength: 2048, publicExponent: Uint8Array.of(1, 0, 1) };
  const [{ status, reason }] = await Promise.allSettled([crypto.subtle.generateKey(rsa, false, ["decrypt", "sign"])]);
  return status === "rejected" && reason.name === "SyntaxError";
}

const SECRET_INFO = /balon\/v1\/(kek|login-seed|rec-seed)/;
const secrets = [];

const keep = (name, value) => secrets.push([name, value instanceof ArrayBuffer ? new Uint8Array(value) : value]);

/** Keeps every buffer with key material that crosses into or out of WebCrypto, to see later that it was zeroed. */
export function watchSecrets() {
  secrets.length = 0;
  replace(
    SubtleCrypto.prototype,
    "importKey",
    (original) =>
      function (format, data, algorithm, extractable, usages) {
        const secret = usages.some((usage) => ["sign", "deriveBits", "decrypt"].includes(usage));
        if (secret) keep(`importKey ${format} ${algorithm.name ?? algorithm}`, data);
        return original.call(this, format, data, algorithm, extractable, usages);
      },
  );
  replace(
    SubtleCrypto.prototype,
    "exportKey",
    (original) =>
      async function (format, key) {
        const exported = await original.call(this, format, key);
        if (format === "pkcs8") keep("exportKey", exported);
        return exported;
      },
  );
  replace(
    SubtleCrypto.prototype,
    "decrypt",
    (original) =>
      async function (...parameters) {
        const opened = await original.apply(this, parameters);
        keep("decrypt", opened);
        return opened;
      },
  );
  replace(
    SubtleCrypto.prototype,
    "deriveBits",
    (original) =>
      async function (parameters, ...rest) {
        const derived = await original.call(this, parameters, ...rest);
        const info = new TextDecoder().decode(parameters.info ?? new Uint8Array(0));
        if (parameters.name !== "HKDF" || SECRET_INFO.test(info))
          keep(`deriveBits ${parameters.name} ${info}`, derived);
        return derived;
      },
  );
}

/** How many buffers were seen, and the names of those that still hold something. */
export function remainingSecrets() {
  const left = secrets.filter(([, buffer]) => buffer.some((octet) => octet !== 0)).map(([name]) => name);
  return JSON.stringify({ seen: secrets.length, left });
}
