// A later release in a browser that has the one before: our loader fetches it as a delta.
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { startBrowser } from "../support/browser.mjs";
import { ownData, run, startServer } from "../support/program.mjs";
import { abi, runtimeVersion } from "../support/settings.mjs";
import { temporaryDirectory } from "../support/upstream.mjs";
import { pureWheel } from "../support/wheel.mjs";

let directory, server, browser;
before(async () => {
  directory = temporaryDirectory();
  const own = ownData(directory.path);
  // Text that is the same in all releases, and does not compress well.
  const words = readFileSync(join(own, "loader/index.js"), "utf8").replaceAll('"""', "");
  for (const version of ["1.0.0", "1.0.1", "1.0.2"]) {
    const path = join(directory.path, `many-${version}-py3-none-any.whl`);
    const files = { "many/__init__.py": `version = "${version}"\n`, "many/text.py": `text = r"""${words}"""\n` };
    writeFileSync(path, pureWheel("many", version, files));
    const { code, stderr } = await run(["publish", path, "--no-import", "--data", own]);
    assert.equal(code, 0, stderr);
  }
  server = await startServer(["serve", "--data", own]);
  browser = await startBrowser();
});
after(async () => {
  await browser?.stop();
  await server?.stop();
  directory?.remove();
});

/** Runs in the browser: each visit installs the next release. */
async function nextRelease({ base, abi, runtime }) {
  const version = `1.0.${localStorage.visits ?? 0}`;
  localStorage.visits = Number(localStorage.visits ?? 0) + 1;
  const { loadPyodide } = await import(`${base}/runtime/pyodide/${runtime}/pyodide.mjs`);
  const { attach } = await import(`${base}/loader/index.js`);
  const pyodide = await loadPyodide();
  const loader = await attach(pyodide, { repodata: `${base}/repodata/${abi}/` });
  await loader.install([`many==${version}`]);
  return pyodide.runPython("from many import version; from many.text import text; [version, len(text)]").toJs();
}

test("each release comes as what is new in it", async () => {
  const argument = { base: server.base, abi, runtime: runtimeVersion };
  const [version, length] = await browser.inPage(nextRelease, argument, { visits: 3 });
  assert.equal(version, "1.0.2");
  assert.ok(length > 1000, `${length}`);
  const wheels = browser.responses.filter(({ url }) => url.endsWith(".whl"));
  const sent = wheels.map(({ url, status, headers }) => [url.split("/").at(-1), status, headers["content-encoding"]]);
  const many = (version) => `many-${version}-py3-none-any.whl`;
  assert.deepEqual(sent, [[many("1.0.0"), 200, "br"], [many("1.0.1"), 200, "dcz"], [many("1.0.2"), 200, "dcz"]]);
  const [whole, ...deltas] = wheels.map(({ headers }) => Number(headers["content-length"]));
  for (const delta of deltas) assert.ok(5 * delta < whole, `${delta} of ${whole} bytes`);
});
