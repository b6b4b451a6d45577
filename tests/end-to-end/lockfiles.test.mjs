// The runtime's own loadPackage with the lockfile of an earlier head: from a server, and from an exported directory.
import assert from "node:assert/strict";
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { once } from "node:events";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { startBrowser } from "../support/browser.mjs";
import { run, startServer } from "../support/program.mjs";
import { abi, data, runtimeVersion } from "../support/settings.mjs";
import { temporaryDirectory } from "../support/upstream.mjs";
import { pureWheel } from "../support/wheel.mjs";

let directory, own, server, files, browser;
before(async () => {
  directory = temporaryDirectory();
  own = join(directory.path, "data");
  mkdirSync(own);
  symlinkSync(join(data, "runtime"), join(own, "runtime"));
  server = await startServer(["serve", "--data", own]);
  const exported = join(directory.path, "exported");
  mkdirSync(exported);
  files = createServer((request, response) => {
    response.setHeader("Access-Control-Allow-Origin", "*");
    response.end(readFileSync(join(exported, request.url)));
  });
  await once(files.listen(0, "127.0.0.1"), "listening");
  browser = await startBrowser();
});
after(async () => {
  await browser?.stop();
  await server?.stop();
  files?.close();
  files?.closeAllConnections();
  directory.remove();
});

async function succeeds(...words) {
  const { code, stderr } = await run([...words, "--data", own]);
  assert.equal(code, 0, stderr);
}

/** Runs in the browser. The runtime is the server's in both cases. */
async function pinned({ runtime, lockFileURL }) {
  const { loadPyodide } = await import(runtime);
  const pyodide = await loadPyodide({ lockFileURL });
  await pyodide.loadPackage("pinned");
  return pyodide.runPython("import pinned; pinned.version");
}

test("what was locked stays", async () => {
  const staticBase = `http://127.0.0.1:${files.address().port}`;
  const current = `${server.base}/pyodide/${abi}/pyodide-lock.json`;
  const runtime = `${server.base}/runtime/pyodide/${runtimeVersion}/pyodide.mjs`;
  const kept = [];
  for (const version of ["1.0", "2.0"]) {
    const path = join(directory.path, `pinned-${version}-py3-none-any.whl`);
    writeFileSync(path, pureWheel("pinned", version, { "pinned.py": `version = "${version}"\n` }));
    await succeeds("publish", path, "--no-import");
    await succeeds("export", "--to", `file://${directory.path}/exported`, "--base-url", staticBase);
    kept.push(new URL((await fetch(current)).headers.get("content-location"), current).pathname);
  }
  for (const base of [server.base, staticBase]) {
    for (const [path, version] of [[kept[0], "1.0"], [kept[1], "2.0"]]) {
      const lockFileURL = `${base}${path}`;
      assert.equal(await browser.inPage(pinned, { runtime, lockFileURL }), version, lockFileURL);
    }
  }
});
