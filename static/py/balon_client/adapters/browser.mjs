// The one entry: what Python imports as `balon_browser` (adapters/javascript.py).
export * as files from "./files.mjs";
export * as network from "./network.mjs";
export * as storage from "./storage.mjs";
export * as webcrypto from "./webcrypto.mjs";
