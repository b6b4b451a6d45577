// Packages by what is imported, and all of it from Python.
import assert from "node:assert/strict";
import { after, before, beforeEach, test } from "node:test";

import { serveChannel, sha256 } from "./support/channel.mjs";
import { refused } from "./support/refused.mjs";
import { attach, startPyodide } from "./support/runtime.mjs";
import { uninstallAll } from "./support/uninstall.mjs";
import { wheel } from "./support/wheel.mjs";

const module = (name, imports, more = {}) =>
  wheel({ name, imports, files: Object.fromEntries(imports.map((one) => [`${one}.py`, `name = "${one}"\n`])), ...more });

let pyodide;
let channel;
let loader;

before(async () => {
  pyodide = await startPyodide();
  channel = await serveChannel([
    module("pyyaml", ["yaml", "_yaml"]), module("other", ["other", "shared"]), module("shared", ["shared"]),
    module("needing", ["needing"], { depends: ["other"] }), module("needing", ["needing"], { version: "2.0", depends: ["absent"] }),
  ]);
  loader = await attach(pyodide, { repodata: channel.repodata });
});

beforeEach(async () => {
  await uninstallAll(loader);
  pyodide.runPython("import sys\nfor name in ('yaml', 'other', 'shared', 'needing'): sys.modules.pop(name, None)");
});

after(() => channel.close());

const names = ({ installed }) => installed.map(({ name }) => name);

test("packages by the modules that they bring", async () => {
  const modules = ["yaml", "_yaml", "shared", "absent", "constructor"];
  assert.deepEqual(await loader.packagesFor(modules), ["pyyaml", "shared"]);
  assert.deepEqual(await loader.packagesFor([]), []);
  assert.equal((await refused(loader.packagesFor("yaml"))).code, "invalid_argument");
});

test("what code imports and is missing is installed", async () => {
  const code = "import os, json, yaml.nodes\nfrom shared import name\ndef f():\n  import absent\n# 'quoted' \\ \u{1f40d}\n";
  assert.deepEqual(names(await loader.installFromImports(code)), ["pyyaml", "shared"]);
  channel.requests.length = 0;
  assert.deepEqual(names(await loader.installFromImports("import yaml, json")), []);
  assert.deepEqual(names(await loader.installFromImports("import other and more")), []);
  assert.deepEqual(channel.requests, [], "nothing is missing");
  assert.equal((await refused(loader.installFromImports("import needing"))).code, "unknown_package");
  const constraints = ["needing<2"];
  assert.deepEqual(names(await loader.installFromImports("import needing", { constraints })), ["other", "needing"]);
});

test("a tree of modules with branches, of which nodes are checked and kept", async () => {
  const path = "/repodata/2026_0/head.json";
  const before_ = channel.objects.get(path);
  const head = JSON.parse(before_);
  const store = (node) => {
    const bytes = Buffer.from(JSON.stringify({ format: 2, ...node }));
    channel.objects.set(`/repodata/2026_0/${sha256(bytes)}.json`, bytes);
    return { sha256: sha256(bytes), size: bytes.length, entries: 1, weight: 1 };
  };
  const way = sha256("yaml");
  const leaf = store({ leaf: { yaml: ["pyyaml"] } });
  head.modules = store({ branch: { [way[0]]: store({ branch: { [way[1]]: leaf } }) } });
  channel.objects.set(path, Buffer.from(JSON.stringify(head)));
  const address = `/repodata/2026_0/${leaf.sha256}.json`;
  const right = channel.objects.get(address);
  channel.objects.set(address, Buffer.from(right.toString().replace("pyyaml", "pyxaml")));
  assert.equal((await refused(loader.packagesFor(["yaml"]))).code, "hash_mismatch");
  channel.objects.set(address, right);
  assert.deepEqual(await loader.packagesFor(["yaml", "shared"]), ["pyyaml"]);
  channel.requests.length = 0;
  assert.deepEqual(await loader.packagesFor(["yaml"]), ["pyyaml"]);
  assert.deepEqual(channel.requests, [path]);
  channel.objects.set(path, before_);
});

test("Python lists, locks, uninstalls, and installs within constraints", async () => {
  const code = `
import json, pkgsrv
first = await pkgsrv.install("needing", constraints="needing<2")
listed = await pkgsrv.list()
lock = await pkgsrv.freeze()
gone = await pkgsrv.uninstall(["other", "shared"][:1])
await pkgsrv.uninstall("needing")
try:
    await pkgsrv.uninstall("needing")
except pkgsrv.InstallError as error:
    refused = error.code
again = await pkgsrv.install(json.loads(json.dumps(lock)))
imported = await pkgsrv.install_from_imports("import yaml")
json.dumps([first, [(one.name, one.version, one.installer, one.requested) for one in listed], gone, refused, again, imported,
    pkgsrv.missing_imports("import yaml, nowhere, sys"), [package["name"] for package in (await pkgsrv.freeze())["packages"]]])`;
  const both = [["other", "1.0"], ["needing", "1.0"]];
  assert.deepEqual(JSON.parse(await pyodide.runPythonAsync(code)), [
    both, [["needing", "1.0", "pkgsrv", true], ["other", "1.0", "pkgsrv", false]], { other: [] }, "not_installed", both,
    [["pyyaml", "1.0"]], ["nowhere"], ["other", "needing", "pyyaml"],
  ]);
});

test("where an import cannot wait, it says what to do; what only asks gets its answer", async () => {
  const code = `
import sys, importlib.util, pkgsrv
pkgsrv.install_on_import()
pkgsrv.install_on_import()
try:
    import yaml
except ImportError as error:
    found = [error.name, str(error)]
await pkgsrv.install_from_imports("import yaml")
import yaml
try:
    import json.absent
except ModuleNotFoundError as error:
    found.append(str(error))
found += [yaml.name, importlib.util.find_spec("shared"), sum(type(one).__name__ == "_Finder" for one in sys.meta_path)]
sys.meta_path[:] = [one for one in sys.meta_path if type(one).__name__ != "_Finder"]
found`;
  const [name, message, other, there, asked, finders] = (await pyodide.runPythonAsync(code)).toJs();
  assert.equal(name, "yaml");
  assert.match(message, /^No module named 'yaml', and it cannot be installed by this import: .*install_from_imports\('import yaml'\)/);
  assert.match(other, /^No module named 'json\.absent'/);
  assert.deepEqual([there, asked, finders], ["yaml", undefined, 1]);
});

test("the module of an earlier version, from an image, is renewed and keeps its functions", async () => {
  const code = `
import sys, types
module = sys.modules["pkgsrv"] = types.ModuleType("pkgsrv")
module._install, module._functions = None, [len]
`;
  pyodide.runPython(code);
  await attach(pyodide, { repodata: channel.repodata });
  const found = pyodide.runPythonAsync("import pkgsrv; [await pkgsrv.list(), pkgsrv is module, pkgsrv._functions == [len]]");
  assert.deepEqual((await found).toJs(), [[], true, true]);
});
