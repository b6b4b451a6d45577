// What Python remembers of directories, and of what it did not find in them.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { serveChannel } from "./support/channel.mjs";
import { attach, startPyodide } from "./support/runtime.mjs";
import { wheel } from "./support/wheel.mjs";

let channel;
let pyodide;
let loader;

before(async () => {
  const pure = (name) => wheel({ name, files: { [`shared/${name}.py`]: `NAME = "${name}"\n` }, tag: "py3-none-any" });
  channel = await serveChannel([pure("first"), pure("second")]);
  pyodide = await startPyodide();
  loader = await attach(pyodide, { repodata: channel.repodata });
});

after(() => channel.close());

/** What is left of a module's name, or its kind of error. */
const tried = (code) => pyodide.runPython(`
def attempt():
    try:
        return str(${code})
    except ImportError as error:
        return type(error).__name__
attempt()`);
const imported = (module) => tried(`__import__("importlib").import_module("${module}").NAME`);

test("what was missing is found after an installation", async () => {
  assert.equal(imported("shared.first"), "ModuleNotFoundError");
  await loader.install("first");
  assert.equal(imported("shared.first"), "first");
});

test("nothing is imported for that", () => {
  assert.equal(pyodide.runPython('"importlib.metadata" in __import__("sys").modules'), false);
});

test("neither is a namespace package taken as it was, nor what is installed", async () => {
  const version = () => tried('__import__("importlib.metadata").metadata.version("second")');
  assert.deepEqual([imported("shared.second"), version()], ["ModuleNotFoundError", "PackageNotFoundError"]);
  await loader.install("second");
  assert.deepEqual([imported("shared.second"), version()], ["second", "1.0"]);
});

test("what is uninstalled is not found any more", async () => {
  await loader.uninstall("first");
  pyodide.runPython('del __import__("sys").modules["shared.first"]');
  assert.deepEqual([imported("shared.first"), imported("shared.second")], ["ModuleNotFoundError", "second"]);
});
