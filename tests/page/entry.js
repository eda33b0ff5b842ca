// The page as it is shipped, on a fake worker. Only tests build this.
import { start } from "../../static/js/start.js";
import { startFakeCore } from "./fake_core.js";

start(startFakeCore);
