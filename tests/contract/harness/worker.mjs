// Pyodide in a worker under the production policy, with the adapters' JavaScript as the application has it.
import { loadPyodide } from "/pyodide/pyodide.mjs";
import * as browser from "/adapters/browser.mjs";
import * as tamper from "./tamper.mjs";

const messages = [];
self.onmessage = ({ data }) => messages.push(data);

const pyodide = await loadPyodide({ indexURL: "/pyodide/" });
pyodide.registerJsModule("balon_browser", browser);
pyodide.registerJsModule("balon_tamper", tamper);
pyodide.FS.mkdir("/client");
pyodide.FS.chdir("/client");
pyodide.unpackArchive(await (await fetch("/client.zip")).arrayBuffer(), "zip");
pyodide.runPython("import sys; sys.path.insert(0, '/client')");
const { run_by_name: run } = pyodide.pyimport("tests.contract.browser_world");

self.onmessage = async ({ data }) => self.postMessage(await run(data));
messages.forEach((data) => self.onmessage({ data }));
