// pip against the Simple API.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { startServer } from "../support/program.mjs";
import { abi } from "../support/settings.mjs";

const target = ["--platform", "pyemscripten_2026_0_wasm32", "--python-version", "3.14", "--only-binary=:all:"];

let server, directory;
before(async () => {
  server = await startServer();
  directory = mkdtempSync(join(tmpdir(), "pkgsrv-pip-"));
});
after(async () => {
  rmSync(directory, { recursive: true, force: true });
  await server.stop();
});

function pip(...args) {
  const env = { ...process.env, PIP_CONFIG_FILE: "/dev/null", PIP_NO_CACHE_DIR: "1", PIP_DISABLE_PIP_VERSION_CHECK: "1" };
  delete env.PIP_FIND_LINKS;
  return execFileSync("python3", ["-m", "pip", ...args, "--index-url", `${server.base}/simple/`], { encoding: "utf8", env });
}

test("pip lists the versions of numpy for the target platform", () => {
  assert.match(pip("index", "versions", "numpy", ...target), /^numpy \(2\.4\.6\)\nAvailable versions: 2\.4\.6\n/);
});

test("pip downloads numpy for the target platform, the bytes that the index names", async () => {
  pip("download", "numpy", ...target, "--dest", directory);
  const name = "numpy-2.4.6-cp314-cp314-pyemscripten_2026_0_wasm32.whl";
  assert.deepEqual(readdirSync(directory), [name]);
  const page = await fetch(`${server.base}/simple/numpy/`, { headers: { Accept: "application/vnd.pypi.simple.v1+json" } });
  const [file] = (await page.json()).files;
  const sha256 = createHash("sha256").update(readFileSync(join(directory, name))).digest("hex");
  assert.deepEqual([file.filename, file.hashes], [name, { sha256 }]);
});

test("pip takes a stored twin too, and unpacks the same files", async () => {
  const lockAddress = `${server.base}/pyodide/${abi}/pyodide-lock.json`;
  const { file_name } = (await (await fetch(lockAddress)).json()).packages.markupsafe;
  const installed = (wanted, name) => {
    const into = join(directory, name);
    pip("install", wanted, ...target, "--no-deps", "--no-compile", "--target", into);
    const files = readdirSync(into, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
    // Where it came from is told of addresses only.
    const own = files.filter(({ name }) => !["direct_url.json", "RECORD", "REQUESTED"].includes(name));
    const path = ({ parentPath, name }) => join(parentPath, name).slice(into.length);
    return own.map((entry) => [path(entry), readFileSync(join(entry.parentPath, entry.name), "base64")]).sort();
  };
  const wheel = installed("markupsafe", "wheel");
  assert.ok(wheel.length > 5, wheel.join());
  assert.deepEqual(installed(new URL(file_name, lockAddress).href, "twin"), wheel);
});
