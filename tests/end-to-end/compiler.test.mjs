// The compiler wrapper goes around Emscripten where it can: what it makes, and what it answers, must stay the same.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { run } from "../support/program.mjs";
import { recipes, runningCheck, sdist, sha256, startUpstream, temporaryDirectory } from "../support/upstream.mjs";
import { root } from "../support/settings.mjs";

test("inside a build, compiles, links and configure checks are those of Emscripten", async () => {
  const directory = temporaryDirectory();
  // Made unique, so that no cache has the answer.
  const check = `${readFileSync(join(root, "tests/support/compiler-check.py"), "utf8")}# ${process.pid} ${Date.now()}\n`;
  const bytes = sdist("demo-1.0", { "check.py": check });
  const upstream = await startUpstream(sha256(bytes), (response) => response.end(bytes));
  try {
    const folder = recipes(directory.path, sha256(bytes), runningCheck());
    const out = join(directory.path, "dist");
    const { code, stderr } = await run(["build", "demo", "--recipes", folder, "--upstream", upstream.url, "--out", out]);
    assert.equal(code, 0, stderr);
  } finally {
    upstream.stop();
    directory.remove();
  }
});
