// Every failure is a typed error, leaves the interpreter as it was, and can be tried again.
import assert from "node:assert/strict";
import { after, before, beforeEach, test } from "node:test";

import { serveChannel, sha256 } from "./support/channel.mjs";
import { refused } from "./support/refused.mjs";
import { attach, startPyodide } from "./support/runtime.mjs";
import { uninstall } from "./support/uninstall.mjs";
import { wheel, zip } from "./support/wheel.mjs";

const SITE = "/lib/python3.14/site-packages";
const foo = wheel({ name: "foo", depends: ["bar>=1"], files: { "foo/__init__.py": "answer = 42\n" } });
const bar = wheel({ name: "bar", files: { "bar.py": "word = 'bar'\n" } });

let pyodide;
let channel;
let loader;
let before_;

const state = () => JSON.stringify([pyodide.FS.readdir(SITE), pyodide.loadedPackages]);
const blob = ({ bytes, filename }) => `/blobs/${sha256(bytes)}/${filename}`;

before(async () => {
  pyodide = await startPyodide();
});

beforeEach(async () => {
  channel?.close();
  channel = await serveChannel([foo, bar]);
  loader = await attach(pyodide, { repodata: channel.repodata });
  before_ = state();
});

after(() => channel.close());

/** Installs foo, which must fail so; then repairs, and installs it. */
async function failsThenWorks(expected, repair, promise = loader.install("foo")) {
  assert.deepEqual(await refused(promise, channel.address), expected);
  assert.equal(state(), before_);
  repair();
  const { installed } = await loader.install("foo");
  assert.deepEqual(installed.map(({ name, requested }) => [name, requested]), [["bar", false], ["foo", true]]);
  assert.equal(pyodide.runPython("import foo, bar; foo.answer"), 42);
  uninstall(pyodide, "foo", "bar");
}

test("a wheel with other bytes", async () => {
  const altered = Buffer.from(bar.bytes);
  altered[40] ^= 1;
  channel.objects.set(blob(bar), altered);
  const message = `${blob(bar)} has SHA-256 ${sha256(altered)}, expected ${sha256(bar.bytes)}; nothing of it is used`;
  await failsThenWorks({ code: "hash_mismatch", message }, () => channel.objects.set(blob(bar), bar.bytes));
});

test("a truncated wheel", async () => {
  channel.objects.set(blob(foo), foo.bytes.subarray(0, 100));
  const message = `${blob(foo)} has 100 bytes, expected ${foo.bytes.length} bytes; nothing of it is used`;
  await failsThenWorks({ code: "hash_mismatch", message }, () => channel.objects.set(blob(foo), foo.bytes));
});

test("a wheel with more bytes than stated", async () => {
  channel.objects.set(blob(foo), Buffer.concat([foo.bytes, foo.bytes]));
  const size = foo.bytes.length;
  const message = `${blob(foo)} has more than ${size} bytes, expected ${size} bytes; nothing of it is used`;
  await failsThenWorks({ code: "hash_mismatch", message }, () => channel.objects.set(blob(foo), foo.bytes));
});

test("a wheel that is not there", async () => {
  channel.objects.delete(blob(bar));
  const message = `${blob(bar)} answered 404, expected 200`;
  await failsThenWorks({ code: "http_status", message }, () => channel.objects.set(blob(bar), bar.bytes));
});

test("a connection that breaks off", async () => {
  channel.objects.set(blob(foo), (request, response) => {
    response.writeHead(200, { "content-length": foo.bytes.length });
    response.write(foo.bytes.subarray(0, 50));
    setImmediate(() => response.destroy());
  });
  const repair = () => channel.objects.set(blob(foo), foo.bytes);
  await failsThenWorks({ code: "network", message: `cannot fetch ${blob(foo)}: terminated` }, repair);
});

test("cancelling while a wheel arrives", async () => {
  const controller = new AbortController();
  channel.objects.set(blob(foo), (request, response) => {
    response.writeHead(200, { "content-length": foo.bytes.length });
    response.write(foo.bytes.subarray(0, 50), () => controller.abort());
  });
  const promise = loader.install("foo", { signal: controller.signal });
  const message = "the installation was cancelled; nothing was installed";
  await failsThenWorks({ code: "aborted", message }, () => channel.objects.set(blob(foo), foo.bytes), promise);
});

test("cancelled before it begins", async () => {
  const { code } = await refused(loader.install("foo", { signal: AbortSignal.abort() }));
  assert.equal(code, "aborted");
  assert.deepEqual(channel.requests, []);
});

test("a damaged archive under the right digest", async () => {
  const damaged = { ...bar, bytes: bar.bytes.subarray(0, bar.bytes.length - 4) };
  channel.packages.bar = [];
  channel.close();
  channel = await serveChannel([damaged]);
  loader = await attach(pyodide, { repodata: channel.repodata });
  const { code, message } = await refused(loader.install("bar"));
  assert.equal(code, "bad_wheel");
  assert.equal(
    message,
    `${bar.filename}: not a zip archive: ${damaged.bytes.length} bytes without an end-of-directory record; the file may be truncated, fetch it again`,
  );
  assert.equal(state(), before_);
});

test("a wheel of another project", async () => {
  channel.close();
  channel = await serveChannel([{ ...bar, name: "baz" }]);
  loader = await attach(pyodide, { repodata: channel.repodata });
  assert.deepEqual(await refused(loader.install("baz")), {
    code: "bad_wheel",
    message: `${bar.filename} holds bar 1.0, expected baz 1.0; the repodata and the wheel disagree`,
  });
});

test("RECORD that disagrees with the archive", async () => {
  const info = "evil-1.0.dist-info";
  const files = {
    "evil.py": "",
    [`${info}/METADATA`]: "Metadata-Version: 2.4\nName: evil\nVersion: 1.0\n",
    [`${info}/WHEEL`]: "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    [`${info}/RECORD`]: `${info}/RECORD,,\n../../../etc/passwd,,\n`,
  };
  channel.close();
  channel = await serveChannel([
    { name: "evil", version: "1.0", filename: "evil-1.0-py3-none-any.whl", bytes: zip(files) },
  ]);
  loader = await attach(pyodide, { repodata: channel.repodata });
  assert.deepEqual(await refused(loader.install("evil")), {
    code: "bad_wheel",
    message: 'evil-1.0-py3-none-any.whl: RECORD lists "../../../etc/passwd", which is not in the archive',
  });
  assert.equal(state(), before_);
});

test("names that are one where case does not count", async () => {
  const before = state();
  for (const [one, other] of [["Ärger.txt", "ärger.txt"], ["STRASSE.txt", "straße.txt"], ["A.txt", "a.txt"]]) {
    channel.close();
    channel = await serveChannel([wheel({ name: "twice", files: { [one]: "", [other]: "" } })]);
    loader = await attach(pyodide, { repodata: channel.repodata });
    const { code, message } = await refused(loader.install("twice"));
    assert.equal(code, "bad_wheel");
    assert.ok(message.includes(one) && message.includes(other), message);
  }
  assert.equal(state(), before);
});

test("a file where a directory is", async () => {
  channel.close();
  pyodide.FS.mkdir(`${SITE}/taken.py`);
  before_ = state();
  channel = await serveChannel([wheel({ name: "clash", files: { "clash/__init__.py": "", "taken.py": "x = 1\n" } })]);
  loader = await attach(pyodide, { repodata: channel.repodata });
  const { code, message } = await refused(loader.install("clash"));
  assert.equal(code, "file_system");
  assert.match(message, /^cannot write \/lib\/python3\.14\/site-packages\/taken\.py: /);
  assert.equal(state(), before_);
  pyodide.FS.rmdir(`${SITE}/taken.py`);
});

test("a file that is replaced comes back", async () => {
  channel.close();
  pyodide.FS.writeFile(`${SITE}/shared_file.py`, "old = 1\n");
  pyodide.FS.mkdir(`${SITE}/taken.py`);
  const files = { "shared_file.py": "new = 1\n", "taken.py": "x = 1\n" };
  channel = await serveChannel([wheel({ name: "clash", files })]);
  loader = await attach(pyodide, { repodata: channel.repodata });
  await refused(loader.install("clash"));
  assert.equal(pyodide.FS.readFile(`${SITE}/shared_file.py`, { encoding: "utf8" }), "old = 1\n");
  pyodide.FS.rmdir(`${SITE}/taken.py`);
  pyodide.FS.unlink(`${SITE}/shared_file.py`);
});

test("what cannot be resolved", async () => {
  const answers = [];
  for (const requirement of ["baz", "bar>=2", "bar =! 1", "foo[x", ""]) {
    answers.push(await refused(loader.install(requirement)));
  }
  assert.deepEqual(answers.map(({ code }) => code), [
    "unknown_package",
    "no_matching_version",
    "invalid_requirement",
    "invalid_requirement",
    "invalid_requirement",
  ]);
  assert.equal(answers[0].message, "unknown package `baz`; did you mean `bar`?");
  assert.equal((await refused(loader.install([7]))).code, "invalid_argument");
});

test("an installed version that does not fit", async () => {
  await loader.install("foo");
  const { code, message } = await refused(loader.install("bar>1"));
  assert.equal(code, "installed_conflict");
  assert.match(message, /^`bar` 1\.0 is already installed/);
  assert.deepEqual((await loader.install(["foo", "bar"])).installed, []);
  uninstall(pyodide, "foo", "bar");
});

const headNaming = (repodata) => {
  const runtime = { name: "pyodide", version: "314.0.7", python: "3.14.2" };
  const head = { format: 2, abi: "2026_0", serial: 1, blobs: "../../blobs/", runtime, repodata };
  return Buffer.from(JSON.stringify(head));
};

test("heads and repodata that cannot be used", async () => {
  const head = "/repodata/2026_0/head.json";
  const codes = [];
  for (const object of [
    undefined,
    Buffer.from("<!doctype html>"),
    Buffer.from('{"format": 99, "abi": "2026_0"}'),
    headNaming({ sha256: "0".repeat(64), size: 2, entries: 1, weight: 2 }),
  ]) {
    channel.objects.set(head, object);
    codes.push((await refused(loader.install("foo"))).code);
  }
  channel.objects.set(`/repodata/2026_0/${"0".repeat(64)}.json`, Buffer.from("{}"));
  codes.push((await refused(loader.install("foo"))).code);
  channel.objects.set(head, headNaming({ sha256: "0".repeat(64), size: 2 ** 40, entries: 1, weight: 2 }));
  codes.push((await refused(loader.install("foo"))).code);
  assert.deepEqual(codes, [
    "http_status", "bad_repodata", "bad_repodata", "http_status", "hash_mismatch", "bad_repodata",
  ]);
  channel.publish();
  assert.equal((await loader.install("foo")).installed.length, 2);
  uninstall(pyodide, "foo", "bar");
});

test("repodata of another ABI", async () => {
  const head = { format: 1, abi: "2099_0", serial: 1, repodata: { sha256: "0".repeat(64), size: 2 } };
  channel.objects.set("/repodata/2026_0/head.json", Buffer.from(JSON.stringify(head)));
  assert.equal((await refused(loader.install("foo"))).code, "wrong_abi");
});

test("a server that is not there", async () => {
  channel.close();
  const { code, message } = await refused(loader.install("foo"), channel.address);
  assert.equal(code, "network");
  assert.equal(message, "cannot fetch /repodata/2026_0/head.json: fetch failed");
});

test("options and interpreters that do not fit", async () => {
  assert.equal((await refused(attach(pyodide, { repodata: "not an address" }))).code, "invalid_argument");
  assert.equal((await refused(attach(pyodide))).code, "invalid_argument");
  const { code, message } = await refused(attach({ version: "0" }, { repodata: channel.repodata }));
  assert.equal(code, "unsupported_runtime");
  assert.equal(
    message,
    "this interpreter (version 0) has no Emscripten module; the loader needs a Pyodide such as 314.0.7",
  );
});
