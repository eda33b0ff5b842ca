// The smallest page that starts the runtime.
import { startCore } from "../../static/js/runtime.js";

globalThis.core = startCore();
globalThis.tryEval = () => {
  try {
    return Function("return 1")();
  } catch (error) {
    return String(error);
  }
};
