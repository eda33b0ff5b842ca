// Bundle the page's modules and style, and the interpreter module of the worker, with esbuild.
// usage: node bundle.mjs '<json>' with {root, out, entries: {app, style}, python: {...}, main}; prints the list of outputs.
import { realpathSync } from "node:fs";
import { relative, resolve } from "node:path";

import * as esbuild from "esbuild";

const { root, out, entries, python, main } = JSON.parse(process.argv[2]);
// esbuild names files by their real paths, also where node_modules is a link.
const packages = realpathSync(resolve(root, "node_modules"));

const common = {
  absWorkingDir: root,
  bundle: true,
  format: "esm",
  target: ["chrome115", "firefox115", "safari17"],
  outdir: out,
  minify: true,
  metafile: true,
  sourcemap: "linked",
  legalComments: "linked",
  entryNames: "[name]-[hash]",
  chunkNames: "[name]-[hash]",
  assetNames: "[name]-[hash]",
  loader: { ".svg": "file", ".woff2": "file" },
  logLevel: "warning",
};

/** Modules that are made by the build: the names and integrity hashes of other outputs. */
const generated = (name, values) => ({
  name,
  setup(build) {
    build.onResolve({ filter: new RegExp(`^${name}$`) }, ({ path }) => ({ path, namespace: "generated" }));
    build.onLoad({ filter: new RegExp(`^${name}$`), namespace: "generated" }, () => ({
      contents: Object.entries(values)
        .map(([key, value]) => `export const ${key} = ${JSON.stringify(value)};`)
        .join("\n"),
    }));
  },
});

// Parts of PyScript that the page does without: seven plugins fetched at each start, a Python package that each worker
// would write and import, functions that would let the worker reach into the page, and a database of the page's.
const LEFT_OUT = {
  "@pyscript/core/src/plugins.js": "export default {};",
  "@pyscript/core/src/plugins/codemirror.js": "export default {};",
  "@pyscript/core/src/plugins/donkey.js": "export default undefined;",
  "@pyscript/core/src/stdlib.js": 'export const stdlib = "", optional = "";',
  "@pyscript/core/src/sync.js": "export default {};",
  "@pyscript/core/src/fs.js": "export {};",
  "polyscript/esm/interpreter/pyodide_graph.js": "export default {};",
  "polyscript/esm/3rd-party.js": "export const toml = undefined, zip = undefined;",
};

const leanPyScript = {
  name: "lean-pyscript",
  setup(build) {
    const missing = new Set(Object.keys(LEFT_OUT));
    build.onLoad({ filter: /[\\/](@pyscript[\\/]core|polyscript)[\\/].*\.js$/ }, ({ path }) => {
      const name = relative(packages, path).replaceAll("\\", "/");
      missing.delete(name);
      return name in LEFT_OUT ? { contents: LEFT_OUT[name] } : undefined;
    });
    build.onEnd(({ metafile }) => {
      const used = Object.keys(metafile?.inputs ?? {}).some((path) => path.includes("@pyscript/core/"));
      if (used && missing.size) throw new Error(`PyScript has no ${[...missing].join(", ")} any more`);
    });
  },
};

// The parts of pyodide.mjs for Node.js are never reached in a browser.
const nodeOnly = ["node:*", "ws"];

const interpreter = await esbuild.build({
  ...common,
  entryPoints: { interpreter: resolve(root, "static/js/interpreter.js") },
  external: nodeOnly,
  plugins: [generated("balon:python", python)],
});
const [interpreterPath] = Object.entries(interpreter.metafile.outputs).find(([, { entryPoint }]) => entryPoint);

const page = await esbuild.build({
  ...common,
  entryPoints: entries,
  splitting: true,
  external: ["/static/*"],
  plugins: [
    generated("balon:worker", { interpreter: `./${relative(out, resolve(root, interpreterPath))}`, main }),
    leanPyScript,
  ],
});

const outputs = { ...interpreter.metafile.outputs, ...page.metafile.outputs };
process.stdout.write(
  JSON.stringify(
    Object.fromEntries(
      Object.entries(outputs).map(([path, { entryPoint = null, imports }]) => [
        relative(out, resolve(root, path)),
        {
          entryPoint,
          imports: imports
            .filter(({ external }) => !external)
            .map(({ path, kind }) => ({ path: relative(out, resolve(root, path)), kind })),
        },
      ]),
    ),
  ),
);
