// uv against the Simple API, with pure wheels, since it knows no platform of ours; and the `pyodide-lock` package, which
// refuses what it does not know, over the lockfile.
import assert from "node:assert/strict";
import { execFile, execFileSync } from "node:child_process";
import { readFileSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { pathToFileURL } from "node:url";
import { promisify } from "node:util";
import { run, startServer } from "../support/program.mjs";
import { abi, runtimeDirectory } from "../support/settings.mjs";
import { temporaryDirectory } from "../support/upstream.mjs";
import { pureWheel } from "../support/wheel.mjs";

/** The clients, which pip brings from where this machine has its packages. */
const UV = "uv==0.13.9";
const LOCK = "pyodide-lock==0.2.1";

let directory, clients, own, server;
before(async () => {
  directory = temporaryDirectory();
  clients = join(directory.path, "clients");
  const options = ["--quiet", "--disable-pip-version-check", "--only-binary=:all:", "--target", clients];
  execFileSync("python3", ["-m", "pip", "install", ...options, UV]);
  own = join(directory.path, "data");
  const files = { "many_helper.py": "answer = 42\n" };
  const wheels = [
    ["many_tool", "1.0", { "many_tool.py": "from many_helper import answer\n" }, "many-helper<2"],
    ["many_helper", "1.0", files],
    ["many_helper", "1.5", files],
    ["many_helper", "1.9", files],
    ["many_helper", "2.0", files],
  ];
  const paths = wheels.map(([name, version, ...rest]) => {
    const path = join(directory.path, `${name}-${version}-py3-none-any.whl`);
    writeFileSync(path, pureWheel(name, version, ...rest));
    return path;
  });
  await succeeds("publish", ...paths, "--no-import", "--data", own);
  await succeeds("yank", "many-helper==1.9", "--data", own);
  server = await startServer(["serve", "--prompt-listen", "off", "--data", own]);
});
after(async () => {
  await server?.stop();
  directory.remove();
});

async function succeeds(...words) {
  const { code, stderr } = await run(words);
  assert.equal(code, 0, stderr);
}

/** Runs uv with the index and nothing of the machine's own settings. */
async function uv(...words) {
  const env = { PATH: process.env.PATH, HOME: directory.path, UV_CACHE_DIR: join(directory.path, "cache"), UV_NO_CONFIG: "1" };
  const index = ["--default-index", `${server.base}/${abi}/simple/`];
  return promisify(execFile)(join(clients, "bin/uv"), ["pip", ...words, ...index], { env });
}

test("uv chooses by requirements and yanks, and installs what the wheels hold", async () => {
  const into = join(directory.path, "installed");
  await uv("install", "--target", into, "--python-version", "3.14", "many-tool");
  assert.equal(readFileSync(join(into, "many_tool.py"), "utf8"), "from many_helper import answer\n");
  assert.equal(readFileSync(join(into, "many_helper.py"), "utf8"), "answer = 42\n");
  assert.match(readFileSync(join(into, "many_helper-1.5.dist-info/METADATA"), "utf8"), /^Version: 1\.5$/m);
});

test("uv locks with the hashes of the index, and says what is not there", async () => {
  const requirements = join(directory.path, "requirements.in");
  writeFileSync(requirements, "many-tool\n");
  const { stdout } = await uv("compile", "--generate-hashes", "--python-version", "3.14", "--no-header", requirements);
  const headers = { Accept: "application/vnd.pypi.simple.v1+json" };
  const { files } = await (await fetch(`${server.base}/simple/many-helper/`, { headers })).json();
  const { sha256 } = files.find(({ filename }) => filename.startsWith("many_helper-1.5-")).hashes;
  assert.ok(stdout.includes(`many-helper==1.5 \\\n    --hash=sha256:${sha256}\n`), stdout);
  await assert.rejects(uv("install", "--target", join(directory.path, "none"), "nobody-has-this"), /was not found/);
});

test("the pyodide-lock package reads the lockfile and writes it as it was", async () => {
  const wheels = join(directory.path, "wheels");
  // It wants a newer Python than this machine's: that of the runtime.
  const options = ["--quiet", "--disable-pip-version-check", "--only-binary=:all:", "--python-version=3.14", "--dest", wheels];
  execFileSync("python3", ["-m", "pip", "download", ...options, LOCK]);
  const { loadPyodide } = await import(pathToFileURL(join(runtimeDirectory, "pyodide.mjs")).href);
  const pyodide = await loadPyodide({ indexURL: `${runtimeDirectory}/` });
  for (const name of readdirSync(wheels)) pyodide.unpackArchive(new Uint8Array(readFileSync(join(wheels, name))), "wheel");
  const full = await startServer();
  try {
    const lock = await (await fetch(`${full.base}/pyodide/${abi}/pyodide-lock.json`)).text();
    pyodide.FS.writeFile("/before.json", lock);
  } finally {
    await full.stop();
  }
  pyodide.runPython(`
from pathlib import Path
from pyodide_lock import PyodideLockSpec
PyodideLockSpec.from_json(Path("/before.json")).to_json(Path("/after.json"))`);
  const [before, after] = ["before", "after"].map((name) => JSON.parse(pyodide.FS.readFile(`/${name}.json`, { encoding: "utf8" })));
  // What it writes of its own is empty.
  for (const { tool } of [after, ...Object.values(after.packages)]) assert.deepEqual(tool ?? {}, {});
  for (const entry of [after, ...Object.values(after.packages)]) delete entry.tool;
  assert.ok(before.packages.numpy);
  assert.deepEqual(after, before);
});
