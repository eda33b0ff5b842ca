// The entry of the page: the runtime (Python in a worker) and the views are started together, so that
// the form is usable while Python loads.
import { startCore } from "./runtime.js";
import { start } from "./start.js";

start(startCore);
