// The session record in IndexedDB (docs/protocol.md section 11). Each call is one transaction or two in JavaScript:
// an await of Python between two requests of one transaction would end it. "None" is undefined: Pyodide keeps null apart.
import { USAGES, requireHandle, rootOf } from "./primitives.mjs";

const OURS = "balon";
const DATABASE = "balon-session";
const STORE = "session";
const KEY = "current";
const ANSWER_MS = 3_000;
const ATTEMPTS = 3;

const settled = (request) =>
  new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });

/**
 * Asks until there is an answer. While Chromium clears the storage of an origin, as the server's Clear-Site-Data has it
 * do at sign-out, it drops requests of other tabs and never answers them. An attempt that was given up writes nothing.
 */
async function answered(ask) {
  for (let left = ATTEMPTS; left > 0; left -= 1) {
    const attempt = new AbortController();
    const late = new Promise((resolve) => setTimeout(resolve, ANSWER_MS));
    const answer = await Promise.race([ask(attempt.signal).then((value) => ({ value })), late]);
    if (answer) return answer.value;
    attempt.abort();
  }
  throw new Error("storage does not answer");
}

function finished(transaction) {
  return new Promise((resolve, reject) => {
    transaction.oncomplete = () => resolve();
    transaction.onabort = transaction.onerror = () => reject(transaction.error);
  });
}

/** Opens the database; when it is not to be created, gives undefined where there is none. */
async function openDatabase(create) {
  const request = indexedDB.open(DATABASE, 1);
  request.onupgradeneeded = () => (create ? request.result.createObjectStore(STORE) : request.transaction.abort());
  try {
    const database = await settled(request);
    database.onversionchange = () => database.close();
    return database;
  } catch (error) {
    if (!create && error?.name === "AbortError") return undefined;
    throw error;
  }
}

const withStore = (mode, create, work) => answered((signal) => withStoreOnce(mode, create, work, signal));

async function withStoreOnce(mode, create, work, signal) {
  const database = await openDatabase(create);
  if (database === undefined) return undefined;
  try {
    signal.throwIfAborted();
    const transaction = database.transaction(STORE, mode);
    const done = finished(transaction);
    done.catch(() => {}); // `work` fails first, with the better reason
    signal.addEventListener("abort", () => giveUp(transaction));
    const result = await work(transaction.objectStore(STORE));
    await done;
    return result;
  } finally {
    database.close();
  }
}

function giveUp(transaction) {
  try {
    transaction.abort();
  } catch {
    // It is over already.
  }
}

const names = async () => (await answered(() => indexedDB.databases())).map(({ name }) => name);

const exists = async () => (await names()).includes(DATABASE);

async function read() {
  if (!(await exists())) return undefined;
  return withStore("readonly", false, (store) => settled(store.get(KEY)));
}

/** The record with its handles checked: anything that could be exported, or do more than it must, is no record. */
async function checked(record) {
  if (record === undefined) return undefined;
  if (record.mek === undefined) return { metadata: record.metadata, mek: undefined };
  requireHandle(record.idk, "Ed25519", USAGES.Ed25519);
  requireHandle(record.enc, "RSA-OAEP", USAGES["RSA-OAEP"]);
  if (!(record.identity instanceof Uint8Array) || record.identity.length !== 32) throw new TypeError("identity");
  return { ...record, mek: await rootOf(record.mek) };
}

/** Replaces the record and reads it back; false where this browser cannot keep it, and then nothing of it is left. */
export async function save(metadata, mek, idk, identity, enc) {
  const record = { metadata, mek: mek?.key, idk, identity, enc };
  try {
    await withStore("readwrite", true, (store) => settled(store.put(record, KEY)));
    const back = await checked(await read());
    if (back?.metadata === metadata && (back.mek === undefined) === (mek === undefined)) return true;
  } catch {
    // Private windows, full disks, browsers that cannot clone handles: all the same to the caller.
  }
  await remove(DATABASE).catch(() => {});
  return false;
}

/** Merges JSON into the metadata of a session's record; false where there is none, or another session's. */
export async function updateMetadata(changes, sessionId) {
  if (!(await exists())) return false;
  const updated = await withStore("readwrite", false, async (store) => {
    const record = await settled(store.get(KEY));
    if (record === undefined) return false;
    const known = JSON.parse(record.metadata);
    if (known.session_id !== sessionId) return false;
    const metadata = JSON.stringify({ ...known, ...JSON.parse(changes) });
    await settled(store.put({ ...record, metadata }, KEY));
    return true;
  });
  return updated === true;
}

/** The record, or undefined for none and for one that cannot be used. */
export async function load() {
  try {
    return await checked(await read());
  } catch {
    return undefined;
  }
}

/** Another tab's connection closes at versionchange; one that does not is a failure, not a reason to hang. */
const remove = (name) => answered(() => settled(indexedDB.deleteDatabase(name)));

/** Deletes all that Balon keeps where a worker reaches it; gives the number of steps that failed. */
export async function wipe() {
  // PyScript keeps a database of its own, empty, open while it runs: waiting for its deletion would hang.
  const ours = async () => (await names()).filter((name) => name.startsWith(OURS));
  const databases = async () => (await ours()).map((name) => () => remove(name));
  const stored = async () => (await caches.keys()).map((name) => () => caches.delete(name));
  const listed = await Promise.allSettled([databases(), stored()]);
  const steps = listed.flatMap(({ value }) => value ?? []);
  const done = await Promise.allSettled(steps.map((step) => step()));
  return [...listed, ...done].filter(({ status }) => status === "rejected").length;
}
