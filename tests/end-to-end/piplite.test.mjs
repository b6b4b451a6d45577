// JupyterLite's piplite, unmodified, installs from the `all.json` of a channel and from nowhere else.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { after, before, test } from "node:test";
import { temporaryDirectory } from "../support/upstream.mjs";
import { startServer } from "../support/program.mjs";
import { abi, loaderModule, runtimeDirectory } from "../support/settings.mjs";

/** The wheel that piplite's own wheel lies in. */
const KERNEL = "jupyterlite-pyodide-kernel==0.8.7";

let server;
let directory;
before(async () => {
  directory = temporaryDirectory();
  server = await startServer();
});
after(async () => {
  await server.stop();
  directory.remove();
});

test("piplite installs a native wheel with what it needs", async () => {
  const options = ["--quiet", "--disable-pip-version-check", "--no-deps", "--only-binary=:all:", "--python-version=3.14"];
  execFileSync("python3", ["-m", "pip", "download", ...options, "--dest", directory.path, KERNEL]);
  const [kernel] = readdirSync(directory.path).filter((name) => name.endsWith(".whl"));
  const { loadPyodide } = await import(pathToFileURL(join(runtimeDirectory, "pyodide.mjs")).href);
  const { attach } = await import(loaderModule);
  const pyodide = await loadPyodide({ indexURL: `${runtimeDirectory}/` });
  const loader = await attach(pyodide, { repodata: `${server.base}/repodata/${abi}/` });
  await loader.install("micropip");
  pyodide.FS.writeFile("/kernel.whl", readFileSync(join(directory.path, kernel)));
  pyodide.globals.set("address", `${server.base}/${abi}/all.json`);
  const code = `
import io, sys, zipfile
kernel = zipfile.ZipFile("/kernel.whl")
[name] = [name for name in kernel.namelist() if "/piplite-" in name and name.endswith(".whl")]
zipfile.ZipFile(io.BytesIO(kernel.read(name))).extractall("/piplite")
sys.path.append("/piplite")
import piplite.piplite
piplite.piplite._PIPLITE_URLS.append(address)
piplite.piplite._PIPLITE_DISABLE_PYPI = True
try:
    await piplite.install("no-such-package")
    refused = "nothing"
except Exception as error:
    refused = type(error).__name__
await piplite.install("pydantic_core==2.50.4")
import pydantic_core
from importlib.metadata import distribution
[refused, pydantic_core.__version__, distribution("pydantic-core").read_text("PYODIDE_URL")]
`;
  const [refused, version, from] = (await pyodide.runPythonAsync(code)).toJs();
  assert.deepEqual([refused, version], ["PiplitePyPIDisabled", "2.50.4"]);
  assert.ok(new URL(from).href.startsWith(`${server.base}/blobs/`), from);
});
