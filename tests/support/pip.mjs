// pip as a client of an index.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";

/** Options by which pip takes wheels for the runtime. */
export const target = ["--platform", "pyemscripten_2026_0_wasm32", "--python-version", "3.14", "--only-binary=:all:"];

const numpy = "numpy-2.4.6-cp314-cp314-pyemscripten_2026_0_wasm32.whl";

/** Runs pip with the index at an address, and with nothing of the machine's own settings; returns what it printed. */
export async function pip(base, ...args) {
  const env = { ...process.env, PIP_CONFIG_FILE: "/dev/null", PIP_NO_CACHE_DIR: "1", PIP_DISABLE_PIP_VERSION_CHECK: "1" };
  delete env.PIP_FIND_LINKS;
  const command = ["-m", "pip", ...args, "--index-url", `${base}/simple/`];
  return (await promisify(execFile)("python3", command, { env })).stdout;
}

/** The bytes of numpy as pip fetches them into a directory are those that the index names. */
export async function pipDownloadsNumpy(base, directory) {
  const into = join(directory, `pip-${createHash("sha256").update(base).digest("hex").slice(0, 8)}`);
  await pip(base, "download", "numpy", ...target, "--dest", into);
  assert.deepEqual(readdirSync(into), [numpy]);
  const headers = { Accept: "application/vnd.pypi.simple.v1+json" };
  const [file] = (await (await fetch(`${base}/simple/numpy/`, { headers })).json()).files;
  const sha256 = createHash("sha256").update(readFileSync(join(into, numpy))).digest("hex");
  assert.deepEqual([file.filename, file.hashes], [numpy, { sha256 }]);
}
