// The loader's npm package: what is in it, its types, and its examples by Vite, webpack, Node and without any of them.
import assert from "node:assert/strict";
import { execFile, spawnSync } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { promisify } from "node:util";
import { build, createServer } from "vite";
import webpack from "webpack";
import { startBrowser } from "../support/browser.mjs";
import { installPackage, servePages } from "../support/npm-package.mjs";
import { startServer } from "../support/program.mjs";
import { root } from "../support/settings.mjs";

/** What the examples show. */
const SUMS = "[3 5 7]";

let server, browser, installation, policy;
before(async () => {
  server = await startServer();
  browser = await startBrowser();
  installation = installPackage(server.base);
  // Of what policies call unsafe nothing but WebAssembly, which every Pyodide needs.
  policy = `default-src 'none'; img-src data:; script-src 'self' ${server.base} 'wasm-unsafe-eval'; worker-src 'self'; connect-src 'self' ${server.base}`;
});
after(async () => {
  installation?.remove();
  await browser?.stop();
  await server?.stop();
});

/** Shows a directory's page in Chromium under the policy. */
async function shown(directory) {
  const pages = await servePages(directory, policy);
  try {
    return await browser.output(pages.url);
  } finally {
    pages.stop();
  }
}

async function byVite(name) {
  const example = installation.example(name);
  await build({ root: example, logLevel: "warn" });
  return join(example, "dist");
}

/** With the configuration of the example `webpack`. */
async function byWebpack(name) {
  const { default: config } = await import(join(installation.example("webpack"), "webpack.config.js"));
  const built = join(installation.example(name), "dist");
  const stats = await promisify(webpack)({ ...config, context: installation.example(name), output: { path: built } });
  const { errors, warnings } = stats.toJson({ all: false, errors: true, warnings: true });
  assert.deepEqual([errors, warnings], [[], []]);
  return built;
}

/** What a page has of the loader. */
const FETCHED = ["index.js", "pkgsrv_loader_bg.wasm", "pkgsrv_resolver_bg.wasm"];

/** Names in a directory of built files, without the hashes in them. */
const named = (directory) => readdirSync(directory).map((name) => name.replace(/-[\w-]{8}\./, ".").replace(/^[0-9a-f]{20}\./, "")).sort();

test("the tarball holds what its users need, and nothing else", () => {
  const { files, installed } = installation;
  assert.deepEqual(files, [
    "LICENSE",
    "README.md",
    "dist/index.d.ts",
    "dist/index.js",
    "dist/index.js.map",
    "dist/pkgsrv_loader_bg.wasm",
    "dist/pkgsrv_resolver_bg.wasm",
    "package.json",
  ]);
  const { version, exports, types, type, sideEffects, license, engines, dependencies } = JSON.parse(readFileSync(join(installed, "package.json"), "utf8"));
  assert.deepEqual(
    { exports, types, type, sideEffects, license, engines, dependencies },
    {
      exports: { ".": { types: "./dist/index.d.ts", default: "./dist/index.js" }, "./package.json": "./package.json" },
      types: "./dist/index.d.ts",
      type: "module",
      sideEffects: false,
      license: "MIT",
      engines: { node: ">=20.16" },
      dependencies: undefined,
    },
  );
  for (const name of ["vite", "webpack", "worker", "node"]) {
    const example = JSON.parse(readFileSync(join(installation.example(name), "package.json"), "utf8"));
    assert.equal(example.dependencies["pkgsrv-loader"], version, name);
  }
  const { sources, sourcesContent } = JSON.parse(readFileSync(join(installed, "dist/index.js.map"), "utf8"));
  assert.ok(sources.includes("../src/boot.ts") && sourcesContent.every((text) => text.length > 0), sources.join());
});

test("module and core are under 120 KB in brotli", () => {
  const sizes = ["index.js", "pkgsrv_loader_bg.wasm"].map((name) => statSync(join(root, "loader/js/dist", `${name}.br`)).size);
  assert.ok(sizes[0] + sizes[1] < 120_000, `${sizes}`);
});

for (const [module, moduleResolution] of [["esnext", "bundler"], ["nodenext", "nodenext"]]) {
  test(`its types are read with the module resolution ${moduleResolution}`, () => {
    const project = join(installation.directory, moduleResolution);
    mkdirSync(project);
    const options = { target: "es2022", lib: ["es2022", "dom"], types: [], strict: true, exactOptionalPropertyTypes: true, noEmit: true };
    writeFileSync(join(project, "package.json"), JSON.stringify({ type: "module" }));
    writeFileSync(join(project, "tsconfig.json"), JSON.stringify({ compilerOptions: { ...options, module, moduleResolution } }));
    const code = `
import { attach, boot, LoaderError, type BootOptions, type Loader, type LoaderErrorCode, type Progress } from "pkgsrv-loader";
const options: BootOptions = { repodata: "https://packages.example/repodata/2026_0/", packages: ["numpy"] };
const { pyodide, loader, restored }: { pyodide: unknown; loader: Loader; restored: boolean } = await boot(options);
const again: Promise<Loader> = attach((await boot(options)).pyodide, { repodata: loader.repodata });
const stages = ({ stage, done }: Progress): string => stage + done;
export const code = (error: unknown): LoaderErrorCode | undefined => (error instanceof LoaderError ? error.code : undefined);
export { pyodide, restored, again, stages };
// @ts-expect-error a number is no requirement
await loader.install(7);
// @ts-expect-error an address is missing
await boot({});
// @ts-expect-error what is internal has no types
import { startCore } from "pkgsrv-loader";
`;
    writeFileSync(join(project, "use.ts"), code);
    const tsc = join(root, "loader/js/node_modules/.bin/tsc");
    const { status, stdout } = spawnSync(tsc, ["--project", project, "--pretty", "false"], { encoding: "utf8" });
    assert.equal(stdout, "");
    assert.equal(status, 0);
  });
}

test("example `node`", async () => {
  const { stdout } = await promisify(execFile)(process.execPath, ["main.js"], { cwd: installation.example("node") });
  assert.equal(stdout.trim().split("\n").at(-1), SUMS);
});

test("example `script`: a page that has the loader from the server, which takes three requests", async () => {
  assert.equal(await shown(installation.example("script")), SUMS);
  const fetched = browser.responses.map(({ url }) => url).filter((url) => url.includes("/loader/"));
  assert.deepEqual(fetched.sort(), FETCHED.map((name) => `${server.base}/loader/0.1.0/${name}`));
});

test("example `vite`, built", async () => {
  const built = await byVite("vite");
  assert.equal(await shown(built), SUMS);
  assert.deepEqual(named(join(built, "assets")), FETCHED);
});

test("example `vite`, by the development server", async () => {
  const vite = await createServer({ root: installation.example("vite"), logLevel: "warn", server: { host: "127.0.0.1" } });
  try {
    await vite.listen();
    assert.equal(await browser.output(`http://127.0.0.1:${vite.httpServer.address().port}/`), SUMS);
  } finally {
    await vite.close();
  }
});

test("example `webpack`", async () => {
  const built = await byWebpack("webpack");
  assert.equal(await shown(installation.example("webpack")), SUMS);
  assert.deepEqual(named(built), ["main.js", "wasm", "wasm"]);
});

test("example `worker`, by Vite", async () => {
  assert.equal(await shown(await byVite("worker")), SUMS);
});

test("example `worker`, by webpack", async () => {
  const built = await byWebpack("worker");
  const page = readFileSync(join(installation.example("worker"), "index.html"), "utf8");
  writeFileSync(join(built, "index.html"), page);
  assert.equal(await shown(built), SUMS);
});
