// Bundles what tsc has written to `build` into `dist`: one minified module for each entry, and one file of types.
import { readFile } from "node:fs/promises";
import { dts } from "rollup-plugin-dts";
import { minify } from "terser";

/** Has source maps lead to the TypeScript, past what tsc has made of it. */
const mapped = {
  name: "mapped",
  async load(id) {
    const [code, map] = await Promise.all([readFile(id, "utf8"), readFile(`${id}.map`, "utf8").catch(() => null)]);
    return { code, map };
  },
};

const minified = {
  name: "minified",
  async renderChunk(code) {
    return minify(code, {
      module: true,
      ecma: 2020,
      compress: { passes: 3 },
      // Users' bundlers leave the runtime's address alone where these say so.
      format: { comments: /webpackIgnore|@vite-ignore/ },
      sourceMap: true,
    });
  },
};

/** Nothing of them is shared: who bakes has no page that waits. */
const entries = ["index", "baking"].map((name) => ({
  input: `build/${name}.js`,
  output: { file: `dist/${name}.js`, sourcemap: true, plugins: [minified] },
  plugins: [mapped],
}));

export default [...entries, { input: "build/index.d.ts", output: { file: "dist/index.d.ts" }, plugins: [dts()] }];
