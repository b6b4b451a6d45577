// pip as a client of an index.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";

const numpy = "numpy-2.4.6-cp314-cp314-pyemscripten_2026_0_wasm32.whl";
const target = ["--platform", "pyemscripten_2026_0_wasm32", "--python-version", "3.14", "--only-binary=:all:"];

/** The bytes of numpy as pip fetches them into a directory are those that the index names. */
export async function pipDownloadsNumpy(base, directory) {
  const into = join(directory, `pip-${createHash("sha256").update(base).digest("hex").slice(0, 8)}`);
  const env = { ...process.env, PIP_CONFIG_FILE: "/dev/null", PIP_NO_CACHE_DIR: "1", PIP_DISABLE_PIP_VERSION_CHECK: "1" };
  delete env.PIP_FIND_LINKS;
  const command = ["-m", "pip", "download", "numpy", ...target, "--dest", into, "--index-url", `${base}/simple/`];
  await promisify(execFile)("python3", command, { env });
  assert.deepEqual(readdirSync(into), [numpy]);
  const headers = { Accept: "application/vnd.pypi.simple.v1+json" };
  const [file] = (await (await fetch(`${base}/simple/numpy/`, { headers })).json()).files;
  assert.equal(createHash("sha256").update(readFileSync(join(into, numpy))).digest("hex"), file.hashes.sha256);
}
