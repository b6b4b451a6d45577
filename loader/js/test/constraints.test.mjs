// Requirements beyond names: constraints, markers, wheels by address.
import assert from "node:assert/strict";
import { after, before, beforeEach, test } from "node:test";

import { serveChannel, sha256 } from "./support/channel.mjs";
import { refused } from "./support/refused.mjs";
import { attach, startPyodide } from "./support/runtime.mjs";
import { uninstallAll } from "./support/uninstall.mjs";
import { wheel } from "./support/wheel.mjs";

const module = (name, version, more = {}) => wheel({ name, version, files: { [`${name}.py`]: `version = "${version}"\n` }, ...more });
const metadata = (lines) => `Metadata-Version: 2.4\nName: own\nVersion: 1.0\n${lines.join("\n")}\n`;
const own = module("own", "1.0", {
  tag: "py3-none-any",
  metadata: metadata([
    "Requires-Dist: base<2 ; sys_platform == 'emscripten'",
    "Requires-Dist: absent; python_version < '3.14'",
    "Provides-Extra: more",
    "Requires-Dist: other; extra == 'more'",
  ]),
});

let pyodide;
let channel;
let loader;

before(async () => {
  pyodide = await startPyodide();
  channel = await serveChannel([
    module("app", "1.0", { depends: ["base>=1"] }), module("base", "2.0"), module("base", "1.0"), module("other", "1.0"),
    module("own", "9.0"),
  ]);
  loader = await attach(pyodide, { repodata: channel.repodata });
});

beforeEach(() => uninstallAll(loader));

after(() => channel.close());

const names = ({ installed }) => installed.map(({ name, version }) => `${name} ${version}`);

/** Serves a wheel at an address of its own. */
function serve({ filename, bytes }) {
  channel.objects.set(`/elsewhere/${filename}`, bytes);
  return `${channel.address}/elsewhere/${filename}`;
}

test("constraints limit versions and ask for nothing", async () => {
  const constraints = ["base<2", "other==7", "unheard-of<1; sys_platform == 'win32'"];
  assert.deepEqual(names(await loader.install("app", { constraints })), ["base 1.0", "app 1.0"]);
});

test("a constraint that stands in the way is named", async () => {
  assert.deepEqual(await refused(loader.install("app", { constraints: ["base<1"] })), {
    code: "no_matching_version",
    message: "no version of `base` fits `base>=1` (needed by app 1.0), `base<1` (constraint); available: 2.0, 1.0",
  });
  assert.equal((await refused(loader.install("app", { constraints: ["base<"] }))).code, "invalid_requirement");
  assert.equal((await refused(loader.install("app", { constraints: "base<2" }))).code, "invalid_argument");
  await loader.install("app");
  const { code, message } = await refused(loader.install("app", { constraints: ["app<1"] }));
  assert.equal(code, "installed_conflict");
  assert.match(message, /`app<1` \(constraint\)/);
});

test("a requirement whose marker does not hold asks for nothing", async () => {
  const wanted = ["absent; sys_platform == 'win32'", "other; python_version >= '3.14' and sys_platform in 'emscripten'"];
  assert.deepEqual(names(await loader.install(wanted)), ["other 1.0"]);
  assert.equal((await refused(loader.install("other; nonsense"))).code, "invalid_requirement");
});

test("a wheel by its address; what it needs comes from the channel", async () => {
  const url = serve(own);
  const result = await loader.install(url);
  assert.deepEqual(names(result), ["base 1.0", "own 1.0"]);
  const { url: from, sha256: digest, size, requested, imports } = result.installed[1];
  assert.deepEqual([from, digest, size, requested, imports], [url, sha256(own.bytes), own.bytes.length, true, ["own"]]);
  const listed = (await loader.list()).find(({ name }) => name === "own");
  assert.equal(listed.source, url);
  channel.requests.length = 0;
  assert.deepEqual((await loader.install(url)).installed, []);
  assert.deepEqual(channel.requests, ["/repodata/2026_0/head.json"]);
  const lock = await loader.freeze();
  assert.equal(lock.packages[1].url, url);
  await loader.uninstall(["own", "base"]);
  assert.deepEqual(names(await loader.install(lock)), ["base 1.0", "own 1.0"]);
});

test("one with extras and a digest, as PEP 508 writes it", async () => {
  const url = serve(own);
  const digest = sha256(own.bytes);
  assert.deepEqual(names(await loader.install(`Own[more] @ ${url}#sha256=${digest} ; os_name == "posix"`)), ["base 1.0", "other 1.0", "own 1.0"]);
  assert.equal((await loader.freeze()).packages.at(-1).url, url);
});

test("a wheel with another digest", async () => {
  const url = serve(own);
  const { code, message } = await refused(loader.install(`${url}#sha256=${"0".repeat(64)}`), channel.address);
  assert.equal(code, "hash_mismatch");
  assert.equal(message, `/elsewhere/${own.filename} has SHA-256 ${sha256(own.bytes)}, expected ${"0".repeat(64)}; nothing of it is used`);
  assert.equal((await refused(loader.install(`${url}#sha256=12`))).code, "invalid_requirement");
});

test("wheels that do not fit are refused by what their names and metadata say", async () => {
  const linux = module("own", "1.0", { tag: "cp314-cp314-manylinux_2_27_x86_64" });
  const old = module("own", "1.0", { tag: "py3-none-any", metadata: metadata(["Requires-Python: <3.14"]) });
  const renamed = { ...own, filename: "other-1.0-py3-none-any.whl" };
  const remote = module("own", "1.0", { tag: "py3-none-any", metadata: metadata(["Requires-Dist: x @ https://packages.example/x.whl"]) });
  const answers = [];
  for (const one of [linux, old, renamed, remote, { ...own, bytes: own.bytes.subarray(100) }]) {
    answers.push(await refused(loader.install(serve(one))));
  }
  assert.deepEqual(answers.map(({ code }) => code), ["wrong_abi", "wrong_abi", "bad_wheel", "bad_wheel", "bad_wheel"]);
  assert.match(answers[0].message, /does not fit ABI 2026_0: its tags are cp314-cp314-manylinux_2_27_x86_64/);
  assert.match(answers[1].message, /requires Python <3\.14, but this interpreter has 3\.14\.2/);
  for (const text of [`base @ ${serve(own)}`, `${channel.address}/own.zip`, "https://", "own.whl"]) {
    assert.equal((await refused(loader.install(text))).code, "invalid_requirement", text);
  }
  assert.equal((await refused(loader.install(`${channel.address}/gone-1.0-py3-none-any.whl`))).code, "http_status");
  assert.deepEqual(await loader.list(), []);
});

test("what is installed, or asked for twice, in another version", async () => {
  await loader.install("own");
  assert.equal((await refused(loader.install(serve(own)))).code, "installed_conflict");
  await loader.uninstall("own");
  assert.equal((await refused(loader.install([serve(own), "own>2"]))).code, "no_matching_version");
  assert.deepEqual(names(await loader.install([serve(own), "own<2"], { constraints: ["base==1.0"] })), ["base 1.0", "own 1.0"]);
});
