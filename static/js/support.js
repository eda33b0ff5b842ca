// What the browser must be able to do. Nothing falls back: a browser that lacks a primitive gets a page that says so.

const ATTEMPTS = 4;
const HINT_TIMEOUT_MS = 150;
const SESSION_DATABASE = "balon-session";

/** Resolves with null, "insecure" (needs HTTPS) or "too-old". */
export async function unsupportedReason(scope = globalThis) {
  if (!scope.isSecureContext) return "insecure";
  if (!hasInterfaces(scope)) return "too-old";
  return (await hasCurves(scope.crypto.subtle)) ? null : "too-old";
}

function hasInterfaces(scope) {
  const wanted = ["WebAssembly", "Worker", "indexedDB", "BroadcastChannel", "WebSocket", "TextDecoder"];
  if (wanted.some((name) => !(name in scope))) return false;
  if (!scope.crypto?.subtle || !scope.crypto.getRandomValues) return false;
  return Boolean(scope.navigator.locks) && "showModal" in (scope.HTMLDialogElement?.prototype ?? {});
}

async function hasCurves(subtle) {
  const ed25519 = () => subtle.generateKey({ name: "Ed25519" }, false, ["sign", "verify"]);
  const x25519 = () => subtle.generateKey({ name: "X25519" }, false, ["deriveBits"]);
  const found = await Promise.all([succeeds(ed25519), succeeds(x25519)]);
  return !found.includes(false);
}

/** Whether one of a few attempts works: WebKitGTK fails at one key in 256, those that begin with a zero byte. */
async function succeeds(attempt) {
  for (let left = ATTEMPTS; left > 0; left--) {
    try {
      await attempt();
      return true;
    } catch {
      // A browser that lacks the curve fails every time.
    }
  }
  return false;
}

/**
 * Whether this browser keeps a session, so that a reload shows the chat at once and not the sign-in form. Only names of databases
 * are read: opening one would create it, and the page keeps no record of its own that a sign-out could forget.
 */
export async function sessionIsLikely(scope = globalThis) {
  if (!scope.indexedDB?.databases) return false;
  const timeout = new Promise((resolve) => setTimeout(resolve, HINT_TIMEOUT_MS, []));
  const names = scope.indexedDB.databases().catch(() => []);
  const databases = await Promise.race([names, timeout]);
  return databases.some(({ name }) => name === SESSION_DATABASE);
}
