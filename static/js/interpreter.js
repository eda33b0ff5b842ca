// The interpreter that PyScript loads in its worker: a drop-in for pyodide.mjs with the same exports, which starts the
// same Pyodide with better options. Everything is fetched at once and under its integrity hash; the standard library is
// the compiled and trimmed one; no package index is read, for no package is ever installed (docs/assets.md).
import { loadPyodide as loadRealPyodide, version } from "pyodide";

import { client, engine, lockFile, stdlib, wasm } from "balon:python";

import * as browser from "../py/balon_client/adapters/browser.mjs";

export { version };

const CLIENT_PATH = "/lib/balon.zip";
// PyScript opens a cache for packages in IndexedDB, named after this module. Nothing is ever put in it.
const PACKAGE_CACHE = `IDBMap/${new URL(".", import.meta.url).href.slice(0, -1)}@${version}`;
const PACKAGE_CACHE_LIFETIME_MS = 5000;

const absolute = (path) => new URL(path, import.meta.url).href;

/** Fetch a file of this build, refusing any other content than the one it was built with. */
async function fetchVerified({ path, integrity }) {
  const response = await fetch(absolute(path), { integrity });
  if (!response.ok) throw new Error(`${path}: ${response.status}`);
  return response;
}

// All of them start now, while PyScript still prepares.
const script = import(absolute(engine.path));
const responses = new Map([wasm, stdlib].map((file) => [absolute(file.path), fetchVerified(file)]));
const clientArchive = fetchVerified(client).then((response) => response.arrayBuffer());

// Pyodide only prints a warning when its WebAssembly or its library does not come, and waits for ever.
const failure = new Promise((_, reject) => {
  for (const promise of [script, clientArchive, ...responses.values()]) promise.catch(reject);
});
failure.catch(() => {});

/** Let Pyodide's own fetches find the responses that are under way; returns what undoes it. */
function divertFetch() {
  const { fetch } = globalThis;
  globalThis.fetch = (resource, ...rest) => responses.get(String(resource)) ?? fetch(resource, ...rest);
  return () => (globalThis.fetch = fetch);
}

async function installClient(FS) {
  FS.writeFile(CLIENT_PATH, new Uint8Array(await clientArchive), { canOwn: true });
}

function dropPackageCache() {
  indexedDB.deleteDatabase(PACKAGE_CACHE);
}

/** Give Python the JavaScript of its adapters (static/py/balon_client/adapters/javascript.py). */
function withBrowser(pyodide) {
  pyodide.registerJsModule("balon_browser", browser);
  return pyodide;
}

/** Start Pyodide. Takes and returns what the original does. */
export async function loadPyodide(options) {
  const restoreFetch = divertFetch();
  const pyodide = loadRealPyodide({
    ...options,
    indexURL: absolute(engine.path.replace(/[^/]*$/, "")),
    stdLibURL: absolute(stdlib.path),
    lockFileContents: lockFile,
    createPyodideModule: await Promise.race([script.then((module) => module.default), failure]),
    fsInit: installClient,
    env: { PYTHONPATH: CLIENT_PATH },
  });
  setTimeout(dropPackageCache, PACKAGE_CACHE_LIFETIME_MS);
  return Promise.race([pyodide.then(withBrowser), failure]).finally(restoreFetch);
}
