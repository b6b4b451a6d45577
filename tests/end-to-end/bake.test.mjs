// `pkgsrv bake`, and `boot` with what it makes, in browsers and Node.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { pathToFileURL } from "node:url";
import { promisify } from "node:util";
import { startBrowser } from "../support/browser.mjs";
import { withEnvironment } from "../support/clients.mjs";
import { inNode } from "../support/node-clients.mjs";
import { assertNumpy, expectedNumpy, numpyCode } from "../support/numpy.mjs";
import { startServer } from "../support/program.mjs";
import { abi, data, loaderModule, program, root, runtimeDirectory } from "../support/settings.mjs";
import { temporaryDirectory } from "../support/upstream.mjs";

const directory = join(data, "environments/main", abi);
const { boot, LoaderError } = await import(loaderModule);

let server, browser, argument, expected, work;
before(async () => {
  server = await startServer();
  work = temporaryDirectory();
  await bake("numpy");
  browser = await startBrowser();
  expected = expectedNumpy();
  argument = { base: server.base, abi, environment: "numpy", packages: [], code: numpyCode };
});
after(async () => {
  await browser?.stop();
  await server?.stop();
  work?.remove();
});

async function bake(...args) {
  const { stdout } = await promisify(execFile)(program, ["bake", ...args, "--data", data, "--json"], { cwd: root });
  return JSON.parse(stdout);
}

/** In this process. */
const inThisNode = (options) =>
  boot({ repodata: `${server.base}/repodata/${abi}/`, runtime: pathToFileURL(`${runtimeDirectory}/`), ...options });

test("numpy is there in a page, a module worker and Node", async () => {
  assertNumpy(await browser.inPage(withEnvironment, argument), expected);
  assertNumpy(await browser.inWorker(withEnvironment, argument), expected);
  assert.ok((await inNode(withEnvironment, { ...argument, code: "import numpy; numpy.linalg.svd(numpy.eye(3))" })) > 0);
});

test("numpy is there in Firefox", async () => {
  const firefox = await startBrowser("firefox");
  try {
    assertNumpy(await firefox.inPage(withEnvironment, argument), expected);
    assertNumpy(await firefox.inWorker(withEnvironment, argument), expected);
  } finally {
    await firefox.stop();
  }
});

test("the restored interpreter is a whole one", async () => {
  const goOn = async ({ base, abi, environment }) => {
    const { boot } = await import(`${base}/loader/index.js`);
    const { pyodide, loader, restored } = await boot({ repodata: `${base}/repodata/${abi}/`, environment, packages: ["markupsafe"] });
    const before = Object.keys(pyodide.loadedPackages).sort();
    const again = await loader.install(["numpy"]);
    await pyodide.loadPackage(["micropip", "pyyaml"]);
    const micropip = pyodide.pyimport("micropip");
    await micropip.install.callKwargs("typing_extensions", { index_urls: `${base}/simple` });
    await loader.install(["pydantic_core"]);
    const code = `
import ctypes, importlib.metadata, json, sys
imported = "numpy" in sys.modules and "numpy._core._multiarray_umath" in sys.modules
import markupsafe, micropip, numpy, numpy.fft, numpy.random, numpy.testing, pydantic_core, yaml
class Number(ctypes.Structure):
    _fields_ = [("value", ctypes.c_int)]
callback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_int)(lambda value: value + 1)
json.dumps({
    "imported": imported,
    "listed": sorted({name.lower() for name in micropip.list()} & {"numpy", "micropip", "pyyaml", "markupsafe"}),
    "version": importlib.metadata.version("numpy"),
    "fft": [value.real for value in numpy.fft.fft([1, 1])],
    "random": numpy.random.default_rng(0).integers(10, size=3).tolist(),
    "yaml": yaml.load("a: 1", Loader=yaml.CLoader),
    "escaped": markupsafe.escape("<"),
    "schema": pydantic_core.SchemaValidator({"type": "int"}).validate_python("3"),
    "library": ctypes.CDLL(numpy._core._multiarray_umath.__file__) is not None,
    "callback": callback(1),
    "source": len(numpy.linalg.svd.__wrapped__.__doc__ or "") > 0,
})`;
    return { restored, before, again: again.installed, found: JSON.parse(pyodide.runPython(code)) };
  };
  const { restored, before, again, found } = await browser.inPage(goOn, argument);
  assert.equal(restored, true);
  assert.deepEqual([before, again], [["markupsafe", "numpy"], []]);
  assert.deepEqual(found, {
    imported: true,
    listed: ["markupsafe", "micropip", "numpy", "pyyaml"],
    version: expected.version,
    fft: [2, 0],
    random: [8, 6, 5],
    yaml: { a: 1 },
    escaped: "&lt;",
    schema: 3,
    library: true,
    callback: 2,
    source: true,
  });
});

/** In a page, a worker or Node: the files of the environment do not arrive by themselves. */
const readBeforeFiles = async ({ base, abi, loader = `${base}/loader/index.js`, runtime, alter = false }) => {
  const { boot } = await import(loader);
  const { fetch } = globalThis;
  let files;
  globalThis.fetch = async (address, options) => {
    if (files !== undefined && String(address).endsWith(files.file)) {
      return new Promise((_, reject) => options.signal.addEventListener("abort", () => reject(options.signal.reason)));
    }
    const response = await fetch(address, options);
    if (!String(address).endsWith("/numpy.json")) return response;
    const index = await response.json();
    ({ later: files } = index.environment);
    if (alter) files.file = "numpy-0000000000000000.bin";
    return new Response(JSON.stringify(index));
  };
  try {
    const { pyodide, restored } = await boot({ repodata: `${base}/repodata/${abi}/`, environment: "numpy", ...(runtime && { runtime }) });
    const code = `
import numpy
def lines():
    try:
        with open(numpy.__file__) as file:
            return len(file.readlines())
    except OSError as error:
        return error.errno
f"{numpy.eye(2).sum()} {lines()}"`;
    const found = [pyodide.runPython(code)];
    // Side modules that nothing had opened are among the files.
    if (!alter) found.push(pyodide.runPython("len(numpy.random.default_rng().bytes(3))"));
    return { restored, found };
  } finally {
    globalThis.fetch = fetch;
  }
};

test("whoever reads a file that has not arrived waits for it", async () => {
  const here = { loader: loaderModule, runtime: String(pathToFileURL(`${runtimeDirectory}/`)) };
  const answers = [await readBeforeFiles({ ...argument, ...here }), await browser.inPage(readBeforeFiles, argument), await browser.inWorker(readBeforeFiles, argument)];
  for (const { restored, found } of answers) {
    assert.equal(restored, true);
    assert.match(found.join(), /^2\.0 \d{3,},3$/);
  }
});

test("a file that cannot be had is an error of the disk", async () => {
  const { restored, found } = await browser.inPage(readBeforeFiles, { ...argument, alter: true });
  assert.equal(restored, true);
  assert.deepEqual(found, ["2.0 29"]);
});

test("random numbers are fresh, in several interpreters at once", async () => {
  const interpreters = await Promise.all([inThisNode({ environment: "numpy" }), inThisNode({ environment: "numpy" })]);
  const numbers = interpreters.map(({ pyodide, restored }) => {
    assert.equal(restored, true);
    return JSON.parse(pyodide.runPython("import json, random, numpy; json.dumps([random.random(), numpy.random.random(), numpy.random.default_rng().random()])"));
  });
  for (const [at, number] of numbers[0].entries()) assert.notEqual(number, numbers[1][at]);
});

test("code of one's own is in the environment: names, modules, files, C libraries of several packages", async () => {
  const path = join(work.path, "warm.py");
  writeFileSync(path, `
import importlib.metadata, os, numpy.fft, numpy.random, pkgsrv, yaml
from markupsafe import escape
# Looks into the standard library's archive first.
importlib.metadata.version("numpy")
generator = numpy.random.default_rng(1)
restorations = []
@pkgsrv.after_restore
def renew():
    global generator
    generator = numpy.random.default_rng()
    restorations.append(pkgsrv.restored)
answer = yaml.load("[1, 2]", Loader=yaml.CLoader) + [numpy.fft.fft([1.0, 2.0]).real.tolist(), escape("<")]
os.makedirs("/home/pyodide/notes/deep")
with open("/home/pyodide/notes/deep/one.bin", "wb") as file:
    file.write(bytes(range(256)))
os.chmod("/home/pyodide/notes/deep/one.bin", 0o640)
os.makedirs("/home/pyodide/notes/empty")
restored = "mine"
import markupsafe
with open(markupsafe.__file__, "a") as file:
    file.write("\\n# changed\\n")
`);
  const { environment, prompt } = await bake("numpy", "pyyaml", "markupsafe", "--name", "three", "--warm", path);
  assert.equal(prompt, "/?environment=three");
  assert.deepEqual(environment.packages.map(({ name }) => name).sort(), ["markupsafe", "numpy", "pyyaml"]);
  const listed = await (await fetch(`${server.base}/environments/${abi}/`)).json();
  assert.deepEqual(listed.environments.find(({ name }) => name === "three"), environment);
  const { pyodide, reason } = await inThisNode({ environment: "three" });
  assert.equal(reason, undefined);
  const code = `
import json, os, sys
path = "/home/pyodide/notes/deep/one.bin"
json.dumps([*answer, open(path, "rb").read() == bytes(range(256)), oct(os.stat(path).st_mode & 0o777),
    yaml.load("b: 2", Loader=yaml.CLoader), numpy.random.default_rng(1).integers(5), "numpy.fft" in sys.modules,
    restored, os.path.isdir("/home/pyodide/notes/empty"), open(sys.modules["markupsafe"].__file__).read().endswith("# changed\\n"),
    restorations, generator.random() != numpy.random.default_rng(1).random()], default=int)`;
  assert.deepEqual(JSON.parse(pyodide.runPython(code)), [1, 2, [3, -1], "&lt;", true, "0o640", { b: 2 }, 2, true, "mine", true, true, [true], true]);
  const { installed } = JSON.parse(
    await pyodide.runPythonAsync("json.dumps({'installed': await pkgsrv.install(['numpy', 'typing_extensions'])})"),
  );
  assert.deepEqual(installed, [["typing-extensions", "4.16.0"]]);
});

const index = () => JSON.parse(readFileSync(join(directory, "numpy.json")));

/** Boots where an address that ends so answers otherwise. */
function bootWith(end, bytes) {
  const lines = [];
  const answer = (url, options) =>
    String(url).endsWith(end) ? Promise.resolve(bytes === undefined ? new Response("", { status: 404 }) : new Response(bytes)) : fetch(url, options);
  return { lines, booted: inThisNode({ environment: "numpy", fetch: answer, log: (line) => lines.push(line) }) };
}

const changed = (path) => {
  const bytes = readFileSync(path);
  bytes[bytes.length >> 1] ^= 1;
  return bytes;
};
const altered = (change) => {
  const it = index();
  change(it);
  return JSON.stringify(it);
};

const INDEX = "numpy.json";
const damaged = (part) => (it) => [part(it).file, changed(join(directory, part(it).file))];
const without = (part) => (it) => [part(it).file, undefined];
for (const [what, other, reason] of [
  ["a changed byte of memory", damaged((it) => it.memory), /numpy-\w+\.bin has SHA-256/],
  ["a changed byte of a side module", damaged((it) => it.environment.first), /numpy-\w+\.bin has SHA-256/],
  ["a changed byte of a file", damaged((it) => it.environment.later), /numpy-\w+\.bin has SHA-256/],
  ["no memory", without((it) => it.memory), /answered 404/],
  ["no files", without((it) => it.environment.later), /answered 404/],
  ["a side module elsewhere", () => [INDEX, altered((it) => (it.environment.linked[0].plan.path += "x"))], /has no module/],
  ["a side module less", () => [INDEX, altered((it) => (it.environment.first.entries.find(([path]) => path.endsWith(".so"))[0] += "x"))], /has no module/],
  ["a function that is not there", () => [INDEX, altered((it) => it.environment.table.functions.push([15000, "", "no_such"]))], /no_such/],
  ["a longer table of the runtime", () => [INDEX, altered((it) => (it.environment.table.start = 100))], /function table is longer/],
]) {
  test(`with ${what} the packages are installed`, async () => {
    const { lines, booted } = bootWith(...other(index()));
    const { pyodide, restored, installed, reason: told } = await booted;
    assert.equal(restored, false);
    assert.match(told, reason);
    assert.ok(lines.some((line) => line.endsWith(told)));
    assert.deepEqual(installed.map(({ name }) => name), ["numpy"]);
    assertNumpy(pyodide.runPython(numpyCode), expected);
    assert.equal(pyodide.runPython("import sys; 'numpy' in sys.modules"), true);
  });
}

test("without an image the same versions are installed, before what is asked for beside them", async () => {
  const { installed, reason } = await inThisNode({ environment: "numpy", image: false, packages: ["markupsafe"] });
  assert.equal(reason, "the option `image` is false");
  assert.deepEqual(installed.map(({ name }) => name), ["numpy", "markupsafe"]);
  assert.equal(installed[0].version, expected.version);
});

test("an index that cannot be read is an error of its own", async () => {
  for (const [bytes, message] of [
    [altered((it) => (it.format = 1)), /has the format 1, expected 3: .*; update the loader, or bake numpy again$/],
    [altered((it) => delete it.memory.before), /is no index of an image/],
    ["{", /is no JSON/],
  ]) {
    await assert.rejects(bootWith(INDEX, bytes).booted, (error) => error.code === "bad_environment" && message.test(error.message));
  }
});

test("an environment that is not there is an error of its own", async () => {
  await assert.rejects(inThisNode({ environment: "nothing" }), (error) => {
    assert.ok(error instanceof LoaderError);
    assert.equal(error.code, "unknown_environment");
    assert.match(error.message, /has no environment nothing: .*answered 404.*; `pkgsrv bake` makes one$/);
    return true;
  });
});

test("what cannot be baked is refused by name", async () => {
  const refused = async (code, message) => {
    const path = join(work.path, "refused.py");
    writeFileSync(path, code);
    await assert.rejects(bake("markupsafe", "--name", "refused", "--warm", path), ({ stderr }) => {
      assert.match(stderr, message);
      return true;
    });
  };
  await refused("kept = open('/tmp/kept', 'w')", /cannot be restored: \/tmp\/kept is open/);
  await refused("import ctypes; kept = ctypes.CFUNCTYPE(None)(lambda: None)", /cannot be restored: slot \d+ of the function table .* ctypes/);
  await refused("from pyodide.code import run_js; kept = run_js('({})')", /cannot be restored: .*JavaScript/);
  await refused("import os; os.rmdir('/home/web_user')", /cannot be restored: \/home\/web_user was deleted/);
  await refused("import os; os.symlink('/tmp', '/home/pyodide/link')", /cannot be restored: \/home\/pyodide\/link is a link/);
  await refused("import os; os.chdir('/tmp')", /cannot be restored: the working directory is \/tmp, at the start it was \/home\/pyodide/);
  await refused("import asyncio\nasync def wait():\n    await asyncio.sleep(60)\nkept = asyncio.ensure_future(wait())", /cannot be restored: wait waits in asyncio/);
  await refused("raise ValueError('not today')", /ValueError: not today/);
  await assert.rejects(bake("nosuch"), ({ stderr }) => /unknown package `nosuch`/.test(stderr));
  await assert.rejects(bake("numpy", "--name", "../x"), ({ stderr }) => /`\.\.\/x` is not a name for an environment/.test(stderr));
  const listed = await (await fetch(`${server.base}/environments/${abi}/`)).json();
  assert.ok(listed.environments.some(({ name }) => name === "numpy"));
  assert.ok(!listed.environments.some(({ name }) => name === "refused"));
});
