// Run compile_archive.py inside the very Pyodide that the browser gets.
// usage: node compile_archive.mjs [<source.zip> <target.zip> <optimize>]...
import { readFile, writeFile } from "node:fs/promises";

import { loadPyodide } from "pyodide";

const program = await readFile(new URL("./compile_archive.py", import.meta.url), "utf8");
// A fixed hash seed keeps the order of sets, and so the bytes of the archive, the same from build to build.
const pyodide = await loadPyodide({ env: { PYTHONHASHSEED: "0", PYTHONINSPECT: "" } });
pyodide.runPython(program);
const compile = pyodide.globals.get("compile_archive");

for (const jobs = process.argv.slice(2); jobs.length > 0;) {
  const [source, target, optimize] = jobs.splice(0, 3);
  pyodide.FS.writeFile("/tmp/source.zip", await readFile(source));
  compile("/tmp/source.zip", "/tmp/target.zip", Number(optimize));
  await writeFile(target, pyodide.FS.readFile("/tmp/target.zip"));
}
// Pyodide's keep-alive would hold the process.
process.exit(0);
