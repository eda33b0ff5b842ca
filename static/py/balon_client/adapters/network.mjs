// Requests, sockets, other tabs: each gathers what arrives, so that Python awaits once for many messages.
// Python's None is undefined here: Pyodide keeps null apart.

/** Holds what arrived until Python asks for it; `end` is the last answer. */
class Inbox {
  #messages = [];
  #wake = null;
  #ended = false;

  add(message) {
    this.#messages.push(message);
    this.#wake?.();
  }

  end() {
    this.#ended = true;
    this.#wake?.();
  }

  /** All messages there are, at least one; undefined after the end. */
  async take() {
    while (this.#messages.length === 0 && !this.#ended) {
      await new Promise((resolve) => (this.#wake = resolve));
    }
    this.#wake = null;
    return this.#messages.length > 0 ? this.#messages.splice(0) : undefined;
  }
}

/** One request; gives { status, contentType, retryAfter, body }, or undefined without an answer in time. */
export async function request(method, path, headers, body, timeoutMs) {
  try {
    // A worker made from a blob has no base address that a path could be relative to.
    const url = new URL(path, location.origin);
    // The mode stays "cors": in "same-origin" mode the page's Referrer-Policy would make the Origin header null.
    const answer = await fetch(url, {
      method,
      headers: JSON.parse(headers),
      body,
      credentials: "same-origin",
      cache: "no-store",
      redirect: "manual",
      signal: AbortSignal.timeout(timeoutMs),
    });
    return {
      status: answer.status,
      contentType: answer.headers.get("Content-Type") ?? "",
      retryAfter: answer.headers.get("Retry-After") ?? "",
      body: new Uint8Array(await answer.arrayBuffer()),
    };
  } catch {
    return undefined;
  }
}

class Connection {
  #socket;
  #inbox = new Inbox();
  closeCode = 1006;

  constructor(socket) {
    this.#socket = socket;
    socket.onmessage = ({ data }) => (typeof data === "string" ? this.#inbox.add(data) : socket.close(4400));
    socket.onclose = ({ code }) => {
      this.closeCode = code;
      this.#inbox.end();
    };
  }

  /** Whether the message was taken. */
  send(text) {
    if (this.#socket.readyState !== WebSocket.OPEN) return false;
    this.#socket.send(text);
    return true;
  }

  receive() {
    return this.#inbox.take();
  }

  close() {
    this.#socket.close(1000);
    // The server's answer may never come; who waits is told now.
    this.#inbox.end();
  }
}

/** Opens a socket; gives a Connection, or undefined where it did not open in time. */
export function connect(path, timeoutMs) {
  const url = new URL(path, location.origin);
  url.protocol = url.protocol.replace("http", "ws");
  const socket = new WebSocket(url);
  const connection = new Connection(socket);
  return new Promise((resolve) => {
    const late = setTimeout(() => fail(), timeoutMs);
    const fail = () => {
      clearTimeout(late);
      socket.close();
      resolve(undefined);
    };
    socket.addEventListener("open", () => {
      clearTimeout(late);
      resolve(connection);
    });
    socket.addEventListener("close", fail);
  });
}

class Channel {
  #channel;
  #inbox = new Inbox();

  constructor(name) {
    this.#channel = new BroadcastChannel(name);
    this.#channel.onmessage = ({ data }) => this.#inbox.add(String(data));
  }

  post(text) {
    this.#channel.postMessage(text);
  }

  receive() {
    return this.#inbox.take();
  }
}

export const openChannel = (name) => new Channel(name);

class LockRequest {
  #abort = new AbortController();
  #release = null;

  constructor(name) {
    this.granted = new Promise((resolve, reject) => {
      const held = () =>
        new Promise((release) => {
          this.#release = release;
          resolve(true);
        });
      navigator.locks.request(name, { signal: this.#abort.signal }, held).catch(reject);
    });
    this.granted.catch(() => {}); // given up before it was granted
  }

  /** Gives the lock back, or stops waiting for it. */
  release() {
    if (this.#release) this.#release();
    else this.#abort.abort();
  }
}

export const requestLock = (name) => new LockRequest(name);
