// Several repodata: a package comes from the first that has it.
import assert from "node:assert/strict";
import { after, before, beforeEach, test } from "node:test";

import { serveChannel } from "./support/channel.mjs";
import { refused } from "./support/refused.mjs";
import { attach, startPyodide } from "./support/runtime.mjs";
import { uninstallAll } from "./support/uninstall.mjs";
import { wheel } from "./support/wheel.mjs";

const module = (name, version, more = {}) =>
  wheel({ name, version, files: { [`${name}.py`]: `version = "${version}"\n` }, ...more });

let pyodide;
let own;
let open;
let loader;

before(async () => {
  pyodide = await startPyodide();
  own = await serveChannel([module("app", "1.0", { depends: ["lib", "far"] }), module("lib", "1.0")]);
  open = await serveChannel([module("lib", "9.0"), module("far", "2.0", { depends: ["lib<2"] }), module("app", "9.0"), module("more", "1.0")]);
  loader = await attach(pyodide, { repodata: [own.repodata, new URL(open.repodata)] });
});

beforeEach(async () => {
  await uninstallAll(loader);
  for (const channel of [own, open]) channel.requests.length = 0;
});

after(() => {
  own.close();
  open.close();
});

test("higher versions elsewhere bring nothing", async () => {
  assert.equal(loader.repodata, own.repodata);
  const { installed } = await loader.install("app");
  const origin = (url) => (url.startsWith(`${own.address}/blobs/`) ? "own" : url.startsWith(`${open.address}/blobs/`) ? "open" : url);
  assert.deepEqual(installed.map(({ name, version, url }) => [name, version, origin(url)]), [
    ["lib", "1.0", "own"], ["far", "2.0", "open"], ["app", "1.0", "own"],
  ]);
  assert.equal(pyodide.runPython("import app, lib, far; lib.version + far.version"), "1.02.0");
  const { packages } = await loader.freeze();
  assert.deepEqual(packages.map(({ url }) => url.startsWith("../../blobs/")), [true, false, true]);
  const { code, message } = await refused(loader.install("lib>1"));
  assert.equal(code, "installed_conflict", message);
});

test("the others are not asked about what the first has", async () => {
  await loader.install("lib");
  assert.deepEqual(open.requests, ["/repodata/2026_0/head.json"]);
  assert.equal((await refused(loader.install("lib>1"))).code, "installed_conflict");
  await loader.uninstall("lib");
  assert.equal((await refused(loader.install("lib>1"))).code, "no_matching_version");
  assert.equal((await refused(loader.install("absent"))).code, "unknown_package");
});

test("modules are looked up in the same order", async () => {
  assert.deepEqual(await loader.packagesFor(["more", "lib", "absent"]), ["more", "lib"]);
  assert.deepEqual((await loader.installFromImports("import more")).installed.map(({ name }) => name), ["more"]);
});

test("all of them have to answer, and be of one ABI", async () => {
  const head = open.objects.get("/repodata/2026_0/head.json");
  open.objects.delete("/repodata/2026_0/head.json");
  assert.equal((await refused(loader.install("lib"))).code, "http_status");
  const other = Buffer.from(head.toString().replace('"abi":"2026_0"', '"abi":"2026_5"'));
  open.objects.set("/repodata/2026_0/head.json", other);
  const { code, message } = await refused(loader.install("lib"));
  assert.equal(code, "wrong_abi");
  assert.equal(message, "one repodata is for the ABI 2026_0, another for 2026_5; use those of one ABI");
  open.objects.set("/repodata/2026_0/head.json", head);
  assert.equal((await loader.install("lib")).installed.length, 1);
  for (const repodata of [[], [own.repodata, "not an address"]]) {
    assert.equal((await refused(attach(pyodide, { repodata }))).code, "invalid_argument");
  }
});
