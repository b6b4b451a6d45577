// `pkgsrv mirror`: pages start from the copy alone, while nobody serves what it was copied from.
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { startBrowser } from "../support/browser.mjs";
import { numpyClients } from "../support/numpy-clients.mjs";
import { run, startServer } from "../support/program.mjs";
import { abi, data, runtimeVersion } from "../support/settings.mjs";
import { temporaryDirectory } from "../support/upstream.mjs";

let directory, browser, clients, server, place;
before(async () => {
  directory = temporaryDirectory();
  browser = await startBrowser();
  clients = numpyClients(browser);
  const theirs = await startServer();
  try {
    const baked = await run(["bake", "numpy", "--data", data]);
    assert.equal(baked.code, 0, baked.stderr);
    place = join(directory.path, "copy");
    const { files } = await mirrored(theirs.base, "--data", place);
    assert.ok(files > 20, `${files} files`);
    assert.equal((await mirrored(theirs.base, "--data", place)).files, 0);
    const packages = join(directory.path, "packages");
    assert.equal((await mirrored(theirs.base, "--packages-only", "--data", packages)).files, 0);
    assert.ok(!existsSync(join(packages, "runtime")) && existsSync(join(packages, "store")));
  } finally {
    await theirs.stop();
  }
  server = await startServer(["serve", "--data", place]);
});
after(async () => {
  await browser?.stop();
  await server?.stop();
  directory?.remove();
});

async function mirrored(...args) {
  const { code, stdout, stderr } = await run(["mirror", ...args, "--json"]);
  assert.equal(code, 0, stderr);
  return JSON.parse(stdout);
}

test("the interpreter's image is restored, with packages", () => clients.boot(server.base));
test("an environment is restored", () => clients.environment(server.base));
test("Pyodide's own way", () => clients.loadPackage(server.base));

test("lists tell what there is", async () => {
  for (const [list, file] of [[`runtime/pyodide/${runtimeVersion}`, "pyodide.asm.wasm"], ["loader", "index.js"], [`environments/${abi}`, "numpy.json"]]) {
    const { format, files } = await (await fetch(`${server.base}/${list}/file_list.json`)).json();
    const { size } = files.find(({ name }) => name === file);
    const answer = await fetch(`${server.base}/${list}/${file}`);
    assert.deepEqual([format, (await answer.arrayBuffer()).byteLength], [1, size], list);
  }
});
