// Wheels as others built them, in the real runtime.
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";

import { serveChannel } from "./support/channel.mjs";
import { attach, startPyodide } from "./support/runtime.mjs";

const directory = process.env.PKGSRV_TEST_WHEELS;

/** The wheel of a project in the directory that PKGSRV_TEST_WHEELS names. */
function foreign(name, version, depends = []) {
  const prefix = `${name.replaceAll("-", "_")}-${version}-`;
  const filename = directory && readdirSync(directory).find((file) => file.startsWith(prefix));
  if (!filename) {
    throw new Error(`PKGSRV_TEST_WHEELS must name a directory with ${prefix}*.whl, got by \`pip download\``);
  }
  return { name, version, depends, filename, bytes: readFileSync(join(directory, filename)) };
}

let channel;
let pyodide;
let loader;
const log = [];

before(async () => {
  channel = await serveChannel([
    foreign("pydantic-core", "2.50.4", ["typing-extensions>=4.14.1"]),
    foreign("typing-extensions", "4.16.0"),
  ]);
  pyodide = await startPyodide();
  loader = await attach(pyodide, { repodata: channel.repodata, log: (line) => log.push(line) });
});

after(() => channel.close());

test("pydantic_core installs, with progress", async () => {
  const events = [];
  const { installed } = await loader.install(["pydantic_core"], { onProgress: (event) => events.push(event) });
  assert.deepEqual(
    installed.map(({ name, version, requested }) => [name, version, requested]),
    [["typing-extensions", "4.16.0", false], ["pydantic-core", "2.50.4", true]],
  );
  assert.deepEqual(log, ["installing typing-extensions 4.16.0, pydantic-core 2.50.4"]);
  const last = new Map(events.map((event) => [event.stage, event]));
  assert.deepEqual([...last.keys()].sort(), ["compile", "download", "resolve", "unpack", "write"]);
  for (const { stage, done, total } of last.values()) assert.equal(done, total, stage);
  const sizes = installed.map(({ size }) => size);
  assert.equal(last.get("download").total, sizes[0] + sizes[1]);
  const downloads = events.filter(({ stage }) => stage === "download").map(({ done }) => done);
  assert.deepEqual(downloads, downloads.toSorted((one, other) => one - other));
});

test("it is imported and used", () => {
  const code = `
from pydantic_core import SchemaValidator, ValidationError, from_json
validator = SchemaValidator({"type": "list", "items_schema": {"type": "int"}})
try:
    validator.validate_python(["x"])
except ValidationError as error:
    problem = error.errors()[0]["type"]
[validator.validate_python(["42", 1]), from_json(b'{"a": [1, 2.5, null]}'), problem]
`;
  const result = pyodide.runPython(code).toJs({ dict_converter: Object.fromEntries });
  assert.deepEqual(result, [[42, 1], { a: [1, 2.5, undefined] }, "int_parsing"]);
});

test("Python and Pyodide know what is installed", async () => {
  const code = `
from importlib.metadata import distribution
core = distribution("pydantic-core")
[core.version, core.read_text("INSTALLER"), core.read_text("REQUESTED"), all(file.locate().exists() for file in core.files)]
`;
  assert.deepEqual(pyodide.runPython(code).toJs(), ["2.50.4", "pkgsrv", "", true]);
  assert.deepEqual(Object.keys(pyodide.loadedPackages).sort(), ["pydantic-core", "typing-extensions"]);
});

test("a second time there is nothing to do, and one small request", async () => {
  channel.requests.length = 0;
  assert.deepEqual((await loader.install("pydantic_core>=2")).installed, []);
  assert.deepEqual(channel.requests, ["/repodata/2026_0/head.json"]);
});

test("another loader sees it too", async () => {
  const other = await attach(pyodide, { repodata: channel.repodata });
  assert.deepEqual((await other.install("pydantic_core")).installed, []);
});
