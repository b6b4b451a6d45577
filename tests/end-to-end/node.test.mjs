// Our loader in Node, against a server started by the real command.
import assert from "node:assert/strict";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { after, before, test } from "node:test";
import { assertNumpy, expectedNumpy, numpyCode } from "../support/numpy.mjs";
import { startServer } from "../support/program.mjs";
import { abi, loaderModule, runtimeDirectory } from "../support/settings.mjs";

let server;
before(async () => (server = await startServer()));
after(() => server.stop());

async function fresh() {
  const { loadPyodide } = await import(pathToFileURL(join(runtimeDirectory, "pyodide.mjs")).href);
  const { attach } = await import(loaderModule);
  const pyodide = await loadPyodide({ indexURL: `${runtimeDirectory}/` });
  return { pyodide, loader: await attach(pyodide, { repodata: `${server.base}/repodata/${abi}/` }) };
}

test("numpy gives what CPython's numpy gives", async () => {
  const { pyodide, loader } = await fresh();
  const stages = new Set();
  const { installed } = await loader.install(["numpy"], { onProgress: ({ stage }) => stages.add(stage) });
  assert.deepEqual(installed.map(({ name }) => name), ["numpy"]);
  assert.ok(stages.has("download") && stages.has("compile"), [...stages].join());
  assertNumpy(pyodide.runPython(numpyCode), expectedNumpy());
  assert.deepEqual((await loader.install(["numpy"])).installed, []);
});

test("PyYAML round-trips a document through its C library", async () => {
  const { pyodide, loader } = await fresh();
  await loader.install(["pyyaml"]);
  const code = `
import json, yaml
document = {"list": [1, 2.5, None, True], "text": "a: b\\n", "nested": {"é": ["x", "y"]}}
text = yaml.dump(document, Dumper=yaml.CDumper, allow_unicode=True)
json.dumps([yaml.load(text, Loader=yaml.CLoader) == document, yaml.__with_libyaml__, yaml._yaml.get_version_string()])
`;
  assert.deepEqual(JSON.parse(pyodide.runPython(code)), [true, true, "0.2.5"]);
});

test("what the server answers to /resolve is installed as it is, taken down, taken out and installed again", async () => {
  const { pyodide, loader } = await fresh();
  const lock = await (await fetch(`${server.base}/resolve?requirement=pydantic_core&requirement=pyyaml&abi=${abi}`)).json();
  const { installed } = await loader.install(lock);
  assert.deepEqual(installed.map(({ name, version }) => [name, version]), lock.packages.map(({ name, version }) => [name, version]));
  const own = await loader.freeze();
  const addresses = own.packages.map(({ url }) => new URL(url, loader.repodata).href);
  assert.deepEqual(addresses, lock.packages.map(({ url }) => url));
  assert.deepEqual(own.packages.map(({ url, ...rest }) => rest), lock.packages.map(({ url, ...rest }) => rest));
  assert.deepEqual((await loader.uninstall(["typing-extensions", "pyyaml"])).neededBy, { "typing-extensions": ["pydantic-core"] });
  assert.deepEqual((await loader.list()).map(({ name }) => name), ["pydantic-core"]);
  assert.deepEqual((await loader.install(own)).installed.map(({ name }) => name).sort(), ["pyyaml", "typing-extensions"]);
  assert.equal(pyodide.runPython("import pydantic_core, yaml; yaml.__with_libyaml__"), true);
});

test("MarkupSafe escapes with its C extension", async () => {
  const { pyodide, loader } = await fresh();
  await loader.install(["markupsafe"]);
  const code = `import markupsafe; f"{markupsafe._escape_inner.__module__} {markupsafe.escape('<a>')}"`;
  assert.equal(pyodide.runPython(code), "markupsafe._speedups &lt;a&gt;");
});

test("pydantic_core, which others built with Rust, loads with what it depends on", async () => {
  const { pyodide, loader } = await fresh();
  const { installed } = await loader.install(["pydantic_core"]);
  assert.deepEqual(installed.map(({ name }) => name).sort(), ["pydantic-core", "typing-extensions"]);
  const code = `
import json
from pydantic_core import SchemaValidator, ValidationError, core_schema
validator = SchemaValidator(core_schema.list_schema(core_schema.int_schema()))
try:
    validator.validate_python(["x"])
except ValidationError as error:
    refused = error.errors()[0]["type"]
json.dumps([validator.validate_python(["1", 2]), refused])
`;
  assert.deepEqual(JSON.parse(pyodide.runPython(code)), [[1, 2], "int_parsing"]);
});
