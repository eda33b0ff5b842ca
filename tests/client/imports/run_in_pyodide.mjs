// Run a Python program in the very Pyodide that the browser gets, with this repository as its folder.
// usage: node run_in_pyodide.mjs <repository> <program.py>
import { readFile } from "node:fs/promises";

import { loadPyodide } from "pyodide";

const [repository, program] = process.argv.slice(2);
const pyodide = await loadPyodide();
pyodide.FS.mkdir("/repository");
pyodide.mountNodeFS("/repository", repository);
pyodide.runPython("import sys; sys.path[:0] = ['/repository/static/py', '/repository']");
pyodide.runPython(await readFile(program, "utf8"));
// Pyodide's keep-alive would hold the process.
process.exit(0);
