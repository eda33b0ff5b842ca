// Bundle the page for its tests as scripts/assets/bundle.mjs does, but on the fake worker. usage: node build.mjs <repository> <out>
import { resolve } from "node:path";

import * as esbuild from "esbuild";

const [root, out] = process.argv.slice(2);

const { metafile } = await esbuild.build({
  absWorkingDir: root,
  entryPoints: {
    app: resolve(root, "tests/page/entry.js"),
    fences: resolve(root, "tests/page/fences.js"),
    style: resolve(root, "static/css/app.css"),
  },
  bundle: true,
  splitting: true,
  format: "esm",
  target: ["chrome115", "firefox115", "safari17"],
  outdir: out,
  minify: true,
  metafile: true,
  sourcemap: "linked",
  logLevel: "warning",
});
process.stdout.write(
  JSON.stringify(Object.fromEntries(Object.entries(metafile.outputs).map(([path, { bytes }]) => [path, bytes]))),
);
