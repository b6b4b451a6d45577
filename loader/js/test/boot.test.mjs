// `boot`: the interpreter from its image, as far as Node can show it.
import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { pathToFileURL } from "node:url";

import { serveChannel, sha256 } from "./support/channel.mjs";
import { boot, directory, LoaderError, prefetch } from "./support/runtime.mjs";
import { wheel } from "./support/wheel.mjs";

const runtime = pathToFileURL(`${directory}/`);
const place = "/runtime/pyodide/314.0.7/";
const facts = readFileSync(new URL("./support/facts.py", import.meta.url), "utf8");

let channel;
/** Files of the image, by name; `image.json` among them. */
const image = new Map();

before(async () => {
  if (!existsSync(join(directory, "image.json"))) {
    throw new Error("PKGSRV_TEST_PYODIDE must name a runtime that `pkgsrv up` has laid out, with its image");
  }
  channel = await serveChannel([
    wheel({ name: "demo", files: { "demo.py": "answer = 42\n" }, depends: ["other"] }),
    wheel({ name: "other", files: { "other.py": "" } }),
  ]);
  const index = JSON.parse(readFileSync(join(directory, "image.json")));
  for (const name of ["image.json", index.memory.file, index.stdlib.file]) image.set(name, readFileSync(join(directory, name)));
});

after(() => channel.close());

/** Lays the image out as the server does, with some files replaced, and boots. */
function bootWith(replaced = {}, options = {}) {
  const files = new Map([...image, ...Object.entries(replaced)]);
  for (const [name, bytes] of files) channel.objects.set(`${place}${name}`, bytes);
  return boot({ repodata: channel.repodata, runtime, ...options });
}

/** The index of the image, changed. */
function index(change) {
  const changed = JSON.parse(image.get("image.json"));
  change(changed);
  return Buffer.from(JSON.stringify(changed));
}

test("a restored interpreter says of itself what one says that started", async () => {
  const options = { pyodide: { env: { HOME: "/home/someone", GREETING: "grüße 😀" } } };
  const restored = await bootWith({}, options);
  assert.deepEqual([restored.restored, restored.reason], [true, undefined]);
  const started = await bootWith({}, { ...options, image: false });
  assert.deepEqual([started.restored, started.reason], [false, "the option `image` is false"]);
  assert.deepEqual(JSON.parse(restored.pyodide.runPython(facts)), JSON.parse(started.pyodide.runPython(facts)));
  assert.deepEqual(restored.pyodide.loadedPackages, started.pyodide.loadedPackages);
});

test("the functions of the runtime are placed at once, or one by one where they do not fit", async (t) => {
  const grow = t.mock.method(WebAssembly.Table.prototype, "grow");
  const { restored } = await bootWith();
  assert.deepEqual([restored, grow.mock.callCount() < 100], [true, true]);
  for (const change of [
    (it) => (it.functions.start += 1),
    (it) => (it.functions.exported[5] += 7),
    (it) => it.functions.exported.pop(),
    (it) => (it.functions.others[Object.keys(it.functions.others)[0]] = 1e9),
    (it) => (it.functions.others["no such function"] = it.functions.length - 1),
    (it) => (it.functions.length = 2e9),
  ]) {
    grow.mock.resetCalls();
    const { restored, reason, pyodide } = await bootWith({ "image.json": index(change) });
    assert.deepEqual([restored, reason, grow.mock.callCount() > 1000], [true, undefined, true], String(change));
    assert.equal(pyodide.runPython("import decimal; int(decimal.Decimal(42))"), 42);
  }
});

test("two restored interpreters live side by side, each with its own random numbers", async () => {
  const both = await Promise.all([bootWith(), bootWith()]);
  const code = "import random, uuid; kept = [random.random(), str(uuid.uuid4())]; kept";
  const [one, other] = both.map(({ pyodide }) => pyodide.runPython(code).toJs());
  assert.notEqual(one[0], other[0]);
  assert.notEqual(one[1], other[1]);
  both[0].pyodide.runPython("kept = None");
  assert.deepEqual(both[1].pyodide.runPython("kept").toJs(), other);
});

test("a restored interpreter imports, computes, waits, calls JavaScript and raises", async () => {
  const { pyodide } = await bootWith();
  assert.equal(pyodide.runPython("import decimal, sqlite3, json; str(decimal.Decimal(1) / 3)"), "0.3333333333333333333333333333");
  assert.equal(pyodide.runPython("sqlite3.connect(':memory:').execute('select 6 * 7').fetchone()[0]"), 42);
  assert.equal(await pyodide.runPythonAsync("import asyncio; await asyncio.sleep(0.001, 'slept')"), "slept");
  assert.equal(pyodide.runPython("from js import Math; Math.max(1, 2)"), 2);
  assert.equal(pyodide.runPython("from pyodide.code import run_js; run_js('(f) => f(20)')(lambda x: x + 1)"), 21);
  assert.throws(() => pyodide.runPython("def f(): 1 / 0\nf()"), /ZeroDivisionError/);
  const text = "import ctypes; ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_int)(lambda x: x * 2)(21)";
  assert.equal(pyodide.runPython(text), 42);
});

test("packages arrive while the interpreter starts, and more can come later", async () => {
  const seen = new Set();
  const { pyodide, loader, installed } = await bootWith({}, {
    packages: "other",
    onProgress: ({ stage }) => seen.add(stage),
  });
  assert.deepEqual(installed.map(({ name }) => name), ["other"]);
  assert.deepEqual([...seen].sort(), ["download", "resolve", "unpack", "write"]);
  const later = await loader.install("demo");
  assert.deepEqual(later.installed.map(({ name }) => name), ["demo"]);
  assert.equal(pyodide.runPython("import demo, other; demo.answer"), 42);
});

test("a lock is installed while the interpreter starts, and no repodata is read for it", async () => {
  const first = await bootWith({}, { packages: "demo" });
  const lock = await first.loader.freeze();
  assert.deepEqual(lock.packages.map(({ name, requested }) => [name, requested]), [["other", false], ["demo", true]]);
  channel.requests.length = 0;
  const { pyodide, installed } = await bootWith({}, { packages: lock });
  assert.deepEqual(installed.map(({ name }) => name), ["other", "demo"]);
  assert.equal(pyodide.runPython("import demo, other; demo.answer"), 42);
  assert.deepEqual(channel.requests.filter((path) => path.startsWith("/repodata/") && !path.endsWith("head.json")), []);
  const within = bootWith({}, { packages: ["demo"], constraints: ["other<1"] });
  await assert.rejects(within, { name: "LoaderError", code: "no_matching_version" });
});

test("Python code installs by itself", async () => {
  for (const image of [true, false]) {
    const { pyodide } = await bootWith({}, { image });
    const code = `
import json, pkgsrv
first = await pkgsrv.install("demo")
again = await pkgsrv.install(["demo", "other>=1"])
try:
    await pkgsrv.install("missing")
except pkgsrv.InstallError as error:
    refused = [error.code, str(error)]
import demo
json.dumps([first, again, refused, demo.answer, pkgsrv.restored])`;
    const [first, again, refused, answer, restored] = JSON.parse(await pyodide.runPythonAsync(code));
    assert.deepEqual([first, again, answer, restored], [[["other", "1.0"], ["demo", "1.0"]], [], 42, image]);
    assert.equal(refused[0], "unknown_package");
    assert.match(refused[1], /missing/);
  }
});

test("what was fetched ahead starts without a server", async () => {
  const directory = mkdtempSync(join(tmpdir(), "pkgsrv-boot-"));
  const options = { repodata: channel.repodata, packages: ["demo"], cache: { directory } };
  for (const [name, bytes] of image) channel.objects.set(`${place}${name}`, bytes);
  try {
    const { packages, bytes, kept } = await prefetch({ ...options, image: true });
    assert.deepEqual([packages.map(({ name }) => name), kept], [["other", "demo"], true]);
    const { memory, stdlib } = JSON.parse(image.get("image.json"));
    assert.equal(bytes, [memory, stdlib, ...packages].reduce((total, { size }) => total + size, 0));
    const gone = () => Promise.reject(new TypeError("the network is gone"));
    const { pyodide, installed, restored, reason } = await boot({ ...options, runtime, fetch: gone });
    assert.deepEqual([installed.map(({ name }) => name), restored, reason], [["other", "demo"], true, undefined]);
    assert.equal(pyodide.runPython("import demo; demo.answer"), 42);
  } finally {
    rmSync(directory, { recursive: true });
  }
});

test("the head is read once", async () => {
  channel.requests.length = 0;
  await bootWith({}, { packages: ["demo"] });
  assert.equal(channel.requests.filter((url) => url.endsWith("head.json")).length, 1);
});

test("a channel that has nothing yet has no image, and Python starts", async () => {
  const head = channel.objects.get("/repodata/2026_0/head.json");
  channel.objects.delete("/repodata/2026_0/head.json");
  const { pyodide, loader, reason } = await bootWith().finally(() => channel.objects.set("/repodata/2026_0/head.json", head));
  assert.match(reason, /head\.json answered 404/);
  assert.equal((await loader.install("demo")).installed.length, 2);
  assert.equal(pyodide.runPython("import demo; demo.answer"), 42);
});

const changed = (name) => {
  const bytes = Buffer.from(image.get(name));
  bytes[bytes.length >> 1] ^= 1;
  return { [name]: bytes };
};
const memory = () => JSON.parse(image.get("image.json")).memory.file;
const stdlib = () => JSON.parse(image.get("image.json")).stdlib.file;

for (const [what, replaced, reason] of [
  ["no image", () => ({ "image.json": undefined }), /image\.json answered 404/],
  ["an index that is no JSON", () => ({ "image.json": Buffer.from("{") }), /is no JSON/],
  ["an index that lacks something", () => ({ "image.json": index((it) => delete it.memory.before) }), /is no index of an image/],
  ["another format", () => ({ "image.json": index((it) => (it.format = 9)) }), /has the format 9, expected 2/],
  ["a changed byte of memory", () => changed(memory()), /memory-\w+\.bin has SHA-256/],
  ["half of the memory", () => ({ [memory()]: image.get(memory()).subarray(0, 1_000_000) }), /memory-\w+\.bin has 1000000 bytes/],
  ["a changed byte of the standard library", () => changed(stdlib()), /stdlib-\w+\.zip has SHA-256/],
  ["no standard library", () => ({ [stdlib()]: undefined }), /stdlib-\w+\.zip answered 404/],
  [
    "another module",
    () => ({ "image.json": index((it) => (it.memory.before.sha256 = sha256(Buffer.from("another")))) }),
    /module is another/,
  ],
  [
    "another build",
    () => ({
      "image.json": index((it) => {
        const header = Buffer.from(it.header, "base64");
        header[20] ^= 1;
        it.header = header.toString("base64");
      }),
    }),
    /build id mismatch/,
  ],
  [
    "more memory than there can be",
    () => ({ "image.json": index((it) => (it.memory.length = 2 ** 33)) }),
    /no memory of the image's size/,
  ],
]) {
  test(`with ${what} the interpreter starts without the image`, async () => {
    const lines = [];
    const { pyodide, loader, ...result } = await bootWith(replaced(), { packages: ["demo"], log: (line) => lines.push(line) });
    assert.equal(result.restored, false);
    assert.match(result.reason, reason);
    assert.ok(lines.includes(`the interpreter starts without its image: ${result.reason}`), lines.join("\n"));
    assert.equal(pyodide.runPython("import demo, decimal; demo.answer"), 42);
  });
}

test("options that hold while Python starts are heeded", async () => {
  const variable = await bootWith({}, { pyodide: { env: { PYTHONHASHSEED: "0" } } });
  assert.equal(variable.reason, "the variable PYTHONHASHSEED holds while Python starts, which it has");
  assert.equal(variable.pyodide.runPython("import sys; sys.flags.hash_randomization"), 0);
  const locale = await bootWith({}, { pyodide: { env: { LC_ALL: "C" } } });
  assert.equal(locale.reason, "the variable LC_ALL holds while Python starts, which it has");
  const argument = await bootWith({}, { pyodide: { args: ["-O"] } });
  assert.equal(argument.reason, "the option `pyodide.args` holds while Python starts, which it has");
  assert.equal(argument.pyodide.runPython("import sys; sys.flags.optimize"), 1);
});

test("what cannot be installed fails the boot, with the installation's code", async () => {
  await assert.rejects(bootWith({}, { packages: ["missing"] }), (error) => {
    assert.ok(error instanceof LoaderError);
    assert.equal(error.code, "unknown_package");
    return true;
  });
});

test("a cancelled boot fails at once", async () => {
  const code = (expected) => (error) => error instanceof LoaderError && error.code === expected;
  await assert.rejects(bootWith({}, { signal: AbortSignal.abort() }), code("aborted"));
  const controller = new AbortController();
  const booting = bootWith({}, { signal: controller.signal, packages: ["demo"] });
  channel.objects.set(`${place}${memory()}`, () => controller.abort());
  await assert.rejects(booting, code("aborted"));
});

test("what is wrong with an option is said", async () => {
  const refused = async (options, message) =>
    assert.rejects(boot({ repodata: channel.repodata, ...options }), (error) => {
      assert.equal(error.code, "invalid_argument");
      assert.match(error.message, message);
      return true;
    });
  await refused({}, /Node imports nothing from http:\/\/127\.0\.0\.1:\d+\/runtime\/pyodide\/314\.0\.7\/; give the directory/);
  await refused({ runtime: "http://" }, /the option `runtime` is http:\/\//);
  await refused({ repodata: "//" }, /the option `repodata` is/);
});
