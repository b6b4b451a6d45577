// CPython as it is, cross-built from its source: Python runs in it, in Node and in browsers, and the loader installs and
// imports what the builder makes for it, from a channel that is served. The first build takes several minutes, and numpy
// as many again, so this is no part of every run.
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { pathToFileURL } from "node:url";
import { startBrowser } from "../support/browser.mjs";
import { run, startServer } from "../support/program.mjs";
import { loaderModule } from "../support/settings.mjs";

const abi = "cpython_3_13";
const version = "3.13.5";
const directory = mkdtempSync(join(tmpdir(), "pkgsrv-cpython-"));
const data = join(directory, "data");
const escaped = `
import markupsafe, markupsafe._speedups as compiled
assert markupsafe._escape_inner is compiled._escape_inner
str(markupsafe.escape("<a>"))
`;
const { attach, boot } = await import(loaderModule);
let server;
let loadPython;

before(async () => {
  const built = await run(["runtime", "build", "cpython", "--json", "--data", data]);
  assert.equal(built.code, 0, built.stderr);
  const { name, version: found, abi: of } = JSON.parse(built.stdout);
  assert.deepEqual({ name, found, of }, { name: "cpython", found: version, of: abi });
  ({ loadPython } = await import(pathToFileURL(join(data, `runtime/cpython/${version}/cpython.mjs`)).href));
  server = await startServer(["up", "markupsafe", "numpy", "--abi", abi, "--data", data]);
});
after(async () => {
  await server?.stop();
  rmSync(directory, { recursive: true, force: true });
});

const attached = (python, of = abi) => attach(python, { repodata: `${server.base}/repodata/${of}/` });

test("Python runs, and answers with texts and numbers", async () => {
  const printed = [];
  const python = await loadPython({ stdout: (line) => printed.push(line), env: { ASKED: "yes" } });
  assert.equal(python.version, version);
  assert.equal(python.runPython("import sys\nsys.platform"), "emscripten");
  assert.equal(python.runPython("__import__('os').environ['ASKED']"), "yes");
  assert.equal(python.runPython("__import__('zlib').decompress(__import__('zlib').compress(b'x' * 9)) == b'x' * 9"), true);
  assert.equal(python.runPython("'é' * 2 + chr(0x1f600)"), "éé😀");
  assert.equal(python.runPython("x = 6 * 7"), undefined);
  assert.equal(python.runPython("x"), 42);
  python.runPython("print('printed')");
  assert.deepEqual(printed, ["printed"]);
  assert.throws(() => python.runPython("1 / 0"), /ZeroDivisionError: division by zero/);
  assert.equal(python.runPython("x"), 42);
});

test("the loader installs a C extension, which is linked when it is imported", async () => {
  const python = await loadPython();
  const loader = await attached(python);
  const { installed } = await loader.install(["markupsafe"]);
  assert.deepEqual(
    installed.map(({ name }) => name),
    ["markupsafe"],
  );
  const file = "/markupsafe/_speedups.cpython-313-wasm32-emscripten.so";
  const linked = () => Object.keys(python._module.LDSO.loadedLibsByName).filter((name) => name.endsWith(file));
  assert.deepEqual(linked(), []);
  assert.equal(python.runPython(escaped), "&lt;a&gt;");
  assert.equal(linked().length, 1);
  // Its bytes are in nobody's memory but the engine's.
  assert.equal(python.FS.stat(linked()[0]).size, 0);
  const [distribution] = await loader.list();
  assert.deepEqual([distribution.name, distribution.installer], ["markupsafe", "pkgsrv"]);

  const lock = await loader.freeze();
  assert.deepEqual(lock.runtime, { name: "cpython", version, python: version });
  const other = await loadPython();
  await (await attached(other)).install(lock);
  assert.equal(other.runPython(escaped), "&lt;a&gt;");
});

// What JavaScript knows of numpy's arrays, it has as text: this build has no bridge between objects.
const computed = `
import numpy
from numpy import fft, linalg, random
solved = linalg.solve(numpy.array([[3.0, 1.0], [1.0, 2.0]]), numpy.array([9.0, 8.0]))
spectrum = fft.fft(numpy.ones(4)).real
drawn = random.default_rng(7).integers(0, 10, 3)
str([solved.round(9).tolist(), spectrum.tolist(), drawn.tolist(), numpy.__version__])
`;
/** What numpy says of it on any machine. */
const expected = /^\[\[2\.0, 3\.0\], \[4\.0, 0\.0, 0\.0, 0\.0\], \[9, 6, 6\], '2\.4\.6'\]$/;

test("the loader installs numpy, which computes", async () => {
  const python = await loadPython();
  const loader = await attached(python);
  await loader.install(["numpy"]);
  assert.match(python.runPython(computed), expected);
});

/** Runs in a page or a worker: both packages, from one server. */
async function inBrowser({ base, abi, version, escaped, computed }) {
  const { loadPython } = await import(`${base}/runtime/cpython/${version}/cpython.mjs`);
  const { attach } = await import(`${base}/loader/index.js`);
  const python = await loadPython();
  const loader = await attach(python, { repodata: `${base}/repodata/${abi}/` });
  await loader.install(["markupsafe", "numpy"]);
  return { escaped: python.runPython(escaped), computed: python.runPython(computed) };
}

for (const engine of ["chromium", "firefox"]) {
  test(`Python and both packages run in ${engine}, in a page and in a worker`, async () => {
    const browser = await startBrowser(engine);
    try {
      for (const place of ["inPage", "inWorker"]) {
        const answer = await browser[place](inBrowser, { base: server.base, abi, version, escaped, computed });
        assert.equal(answer.escaped, "&lt;a&gt;", place);
        assert.match(answer.computed, expected, place);
      }
    } finally {
      await browser.stop();
    }
  });
}

test("what cannot be had there is refused by name", async () => {
  const python = await loadPython();
  const loader = await attached(python);
  await assert.rejects(loader.install(["not-there"]), { code: "unknown_package" });
  await assert.rejects(loader.installFromImports("import markupsafe"), { code: "unsupported_runtime" });
  await assert.rejects(boot({ repodata: `${server.base}/repodata/${abi}/` }), { code: "unsupported_runtime" });
  const baked = await run(["bake", "markupsafe", "--abi", abi, "--data", data]);
  assert.equal(baked.code, 1);
  assert.match(baked.stderr, /ABI cpython_3_13 is cpython 3\.13\.5, of which no image can be made/);
});
