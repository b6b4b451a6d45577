// Compiled twins: packages come as bytecode, and their sources when somebody reads them.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { pathToFileURL } from "node:url";
import { startBrowser } from "../support/browser.mjs";
import { startServer } from "../support/program.mjs";
import { abi, loaderModule, runtimeDirectory, runtimeVersion } from "../support/settings.mjs";

const { attach } = await import(loaderModule);
const { loadPyodide } = await import(pathToFileURL(`${runtimeDirectory}/pyodide.mjs`).href);

let server, browser;
before(async () => {
  server = await startServer();
  browser = await startBrowser();
});
after(async () => {
  await browser?.stop();
  await server?.stop();
});

/** Python code: what is known of a module, and its source. */
const code = `
import inspect, json, os, markupsafe, numpy
json.dumps({
    "cached": os.path.basename(numpy.__spec__.cached),
    "is_there": os.path.exists(numpy.__spec__.cached),
    "size": os.path.getsize(numpy.__file__),
    "source": inspect.getsource(numpy.linalg.svd).startswith("@"),
    "lines": len(open(numpy.__file__).readlines()),
    "bytes": len(open(numpy.__file__, "rb").read()),
    "sum": float(numpy.ones(3).sum()),
})`;

function assertSources(found) {
  const { size, lines, bytes, ...others } = JSON.parse(found);
  assert.deepEqual(others, { cached: "__init__.cpython-314.pyc", is_there: true, source: true, sum: 3 });
  assert.ok(lines > 100);
  assert.equal(bytes, size);
}

/** Runs with a loader whose wheels are told; those that are fetched while everything waits are not. */
async function withLoader(base, run, options) {
  const { fetch } = globalThis;
  const wheels = [];
  globalThis.fetch = (address, options) => {
    if (String(address).endsWith(".whl")) wheels.push(String(address));
    return fetch(address, options);
  };
  try {
    const pyodide = await loadPyodide({ indexURL: runtimeDirectory });
    const loader = await attach(pyodide, { repodata: `${base}/repodata/${abi}/`, ...options });
    await run({ pyodide, loader, wheels });
  } finally {
    globalThis.fetch = fetch;
  }
}

test("bytecode is installed, and sources are there for who reads them", async () => {
  await withLoader(server.base, async ({ pyodide, loader, wheels }) => {
    const { installed } = await loader.install(["numpy", "markupsafe"]);
    assert.equal(wheels.length, 2);
    for (const { sha256, url } of installed) {
      assert.ok(url.includes(sha256));
      assert.ok(!wheels.includes(url), "the one with bytecode is another");
    }
    assertSources(pyodide.runPython(code));
    const { uninstalled } = await loader.uninstall(["numpy", "markupsafe"]);
    assert.equal(uninstalled.length, 2);
    const left = pyodide.runPython("import os, site; ' '.join(name for name in os.listdir(site.getsitepackages()[0]) if 'numpy' in name or 'markupsafe' in name)");
    assert.equal(left, "");
  });
});

test("who wants fewer bytes gets sources", async () => {
  const run = async ({ pyodide, loader, wheels }) => {
    const { installed } = await loader.install(["numpy", "markupsafe"]);
    assert.deepEqual(wheels.toSorted(), installed.map(({ url }) => url).toSorted());
    const before = "import importlib.util, os; os.path.exists(importlib.util.find_spec('numpy').cached)";
    assert.equal(pyodide.runPython(before), false);
    assert.equal(pyodide.runPython("import numpy; float(numpy.ones(3).sum())"), 3);
  };
  await withLoader(server.base, run, { bytecode: false });
  await assert.rejects(withLoader(server.base, run, { bytecode: "no" }), { code: "invalid_argument" });
});

test("in a page and in a worker", async () => {
  const run = async ({ base, abi, runtime, code }) => {
    const { loadPyodide } = await import(`${base}/runtime/pyodide/${runtime}/pyodide.mjs`);
    const { attach } = await import(`${base}/loader/index.js`);
    const pyodide = await loadPyodide();
    const loader = await attach(pyodide, { repodata: `${base}/repodata/${abi}/` });
    await loader.install(["numpy", "markupsafe"]);
    return pyodide.runPython(code);
  };
  const argument = { base: server.base, abi, runtime: runtimeVersion, code };
  assertSources(await browser.inPage(run, argument));
  assertSources(await browser.inWorker(run, argument));
});

test("without a server packages run, and can be replaced and taken out; a source is an error of the disk", async () => {
  const own = await startServer();
  await withLoader(own.base, async ({ pyodide, loader }) => {
    await loader.install(["numpy"]).finally(() => own.stop());
    assert.equal(pyodide.runPython("import numpy; float(numpy.ones(2).sum())"), 2);
    const read = `
try:
    number = len(open(numpy.__file__).read())
except OSError as error:
    number = -error.errno
number`;
    assert.equal(pyodide.runPython(read), -29);
    // What is written in its place is there.
    assert.equal(pyodide.runPython("open(numpy.linalg.__file__, 'w').write('x = 1'); open(numpy.linalg.__file__).read()"), "x = 1");
    const { uninstalled } = await loader.uninstall(["numpy"]);
    assert.deepEqual(uninstalled.map(({ name }) => name), ["numpy"]);
  });
});
