// A recipe for each build system: built by the real program, loaded by our loader in Node, and used.
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { after, before, test } from "node:test";
import { startServer } from "../support/program.mjs";
import { abi, loaderModule, root, runtimeVersion } from "../support/settings.mjs";

/** By package: what builds it, what is loaded with it, and its compiled modules. */
const packages = {
  contourpy: {
    builtBy: "meson, C++ with pybind11",
    closure: ["contourpy", "numpy"],
    compiled: ["contourpy._contourpy"],
  },
  jsonschema: {
    builtBy: "hatchling, pure Python",
    closure: ["attrs", "jsonschema", "jsonschema-specifications", "referencing", "rpds-py"],
    compiled: [],
  },
  "mapbox-earcut": {
    builtBy: "CMake through scikit-build-core, C++ with nanobind",
    closure: ["mapbox-earcut", "numpy"],
    compiled: ["mapbox_earcut._core"],
  },
  msgpack: { builtBy: "setuptools, Cython", closure: ["msgpack"], compiled: ["msgpack._cmsgpack"] },
  pyparsing: { builtBy: "flit, pure Python", closure: ["pyparsing"], compiled: [] },
  pywavelets: {
    builtBy: "meson, Cython against numpy's headers",
    closure: ["numpy", "pywavelets"],
    compiled: ["pywt._extensions._cwt", "pywt._extensions._dwt", "pywt._extensions._pywt", "pywt._extensions._swt"],
  },
  "rpds-py": { builtBy: "maturin, Rust with PyO3", closure: ["rpds-py"], compiled: ["rpds.rpds"] },
};

const data = mkdtempSync(join(tmpdir(), "pkgsrv-build-systems-"));
let server;
before(async () => (server = await startServer(["up", ...Object.keys(packages), "--data", data])));
after(async () => {
  await server?.stop();
  rmSync(data, { recursive: true, force: true });
});

async function fresh() {
  const runtime = join(data, "runtime/pyodide", runtimeVersion);
  const { loadPyodide } = await import(pathToFileURL(join(runtime, "pyodide.mjs")).href);
  const { attach } = await import(loaderModule);
  const pyodide = await loadPyodide({ indexURL: `${runtime}/` });
  return { pyodide, loader: await attach(pyodide, { repodata: `${server.base}/repodata/${abi}/` }) };
}

for (const [name, { builtBy, closure, compiled }] of Object.entries(packages)) {
  test(`${name} (${builtBy}) does what its recipe's test asks`, async () => {
    const { pyodide, loader } = await fresh();
    const { installed } = await loader.install([name]);
    assert.deepEqual(installed.map((entry) => entry.name).sort(), closure);
    pyodide.runPython(readFileSync(join(root, "recipes", name, "test.py"), "utf8"));
    for (const module of compiled) {
      const file = pyodide.runPython(`import importlib; importlib.import_module("${module}").__file__`);
      assert.match(file, /\.so$/, module);
    }
  });
}
