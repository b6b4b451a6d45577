// Pyodide 0.29, the release before: an unmodified one takes wheels that others built for it, and ours, by the loader and by
// `loadPackage`. It needs a toolchain with Python 3.13, so this is no part of every run.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { startBrowser } from "../support/browser.mjs";
import { withLoader, withLoadPackage } from "../support/clients.mjs";
import { inNode } from "../support/node-clients.mjs";
import { run, startServer } from "../support/program.mjs";
import { loaderModule } from "../support/settings.mjs";

const abi = "2025_0";
const runtime = "0.29.5";
/** Of the upstream index, built by their own projects. */
const foreign = ["xxhash==4.1.0", "simplejson==4.3.0"];
const packages = ["markupsafe", "simplejson", "xxhash"];
const code = `
import sys, markupsafe._speedups, simplejson, xxhash
assert sys.version_info[:2] == (3, 13)
assert str(markupsafe.escape("<a>")) == "&lt;a&gt;"
assert simplejson.loads('{"a": [1]}') == {"a": [1]} and simplejson.decoder.c_scanstring
assert xxhash.xxh64(b"pkgsrv", seed=7).intdigest() == xxhash.xxh64_intdigest(b"pkgsrv", seed=7)
`;

const directory = mkdtempSync(join(tmpdir(), "pkgsrv-pyodide-029-"));
const data = join(directory, "data");
const place = () => ({ base: server.base, abi, runtime, packages, code });
let server;

before(async () => {
  const wheels = join(directory, "wheels");
  const options = ["--quiet", "--no-deps", "--only-binary=:all:", "--python-version=3.13", "--implementation=cp"];
  const wanted = [`--platform=pyemscripten_${abi}_wasm32`, "--dest", wheels, ...foreign];
  execFileSync("python3", ["-m", "pip", "download", ...options, ...wanted]);
  const up = await run(["up", "markupsafe", "--abi", abi, "--no-serve", "--data", data]);
  assert.equal(up.code, 0, up.stderr);
  // The ABI is the wheels' own.
  const published = await run(["publish", ...readdirSync(wheels).map((name) => join(wheels, name)), "--data", data]);
  assert.equal(published.code, 0, published.stderr);
  server = await startServer(["serve", "--data", data]);
});
after(async () => {
  await server?.stop();
  rmSync(directory, { recursive: true, force: true });
});

for (const client of [withLoader, withLoadPackage]) {
  test(`${client.name} brings them into it in Node`, async () => {
    await inNode(client, { ...place(), runtimeDirectory: join(data, "runtime/pyodide", runtime) });
  });

  // In a module worker of Firefox this Pyodide does not start, whoever asks it to.
  for (const [engine, ways] of [["chromium", ["inPage", "inWorker"]], ["firefox", ["inPage"]]]) {
    test(`${client.name} brings them into it in ${engine}`, async () => {
      const browser = await startBrowser(engine);
      try {
        for (const way of ways) await browser[way](client, place());
      } finally {
        await browser.stop();
      }
    });
  }
}

test("there are no images of it, so `boot` says who starts it, and nothing is baked", async () => {
  const { boot } = await import(loaderModule);
  const refused = { code: "unsupported_runtime", message: /is for pyodide 0\.29\.5, which `boot` does not start/ };
  await assert.rejects(boot({ repodata: `${server.base}/repodata/${abi}/` }), refused);
  const baked = await run(["bake", "markupsafe", "--abi", abi, "--data", data]);
  assert.equal(baked.code, 1);
  assert.match(baked.stderr, /ABI 2025_0 is pyodide 0\.29\.5, of which no image can be made/);
});
