// A lock of what is installed, and what it installs.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { serveChannel, sha256 } from "./support/channel.mjs";
import { refused } from "./support/refused.mjs";
import { attach, startPyodide } from "./support/runtime.mjs";
import { wheel } from "./support/wheel.mjs";

const wheels = [
  wheel({ name: "app", depends: ["lib>=1"], files: { "app.py": "import lib\n" } }),
  wheel({ name: "lib", files: { "lib.py": "version = 1\n" } }),
  wheel({ name: "newer-lib", files: { "newer_lib.py": "" } }),
  wheel({ name: "calendar-days", version: "2024.01.02", files: { "calendar_days.py": "" } }),
];

let channel;
let lock;

before(async () => {
  channel = await serveChannel(wheels);
});

after(() => channel.close());

const fresh = async () => {
  const pyodide = await startPyodide();
  return { pyodide, loader: await attach(pyodide, { repodata: channel.repodata }) };
};

test("a lock says exactly what was installed", async () => {
  const { loader } = await fresh();
  assert.deepEqual((await loader.freeze()).packages, []);
  await loader.install("newer_lib");
  await loader.install("app");
  await loader.uninstall("newer-lib");
  lock = await loader.freeze();
  const locked = ({ name, filename, bytes }, depends, requested) => ({
    name, version: "1.0", filename, url: `../../blobs/${sha256(bytes)}/${filename}`,
    sha256: sha256(bytes), size: bytes.length, depends, imports: [name], requested,
  });
  const [app, lib] = wheels;
  assert.deepEqual(lock, {
    format: 1,
    abi: "2026_0",
    runtime: { name: "pyodide", version: "314.0.7", python: "3.14.2" },
    packages: [locked(lib, [], false), locked(app, ["lib"], true)],
  });
});

test("it installs exactly that, and asks for nothing but the wheels", async () => {
  channel.packages.lib.push({ ...channel.packages.lib[0], version: "2.0" });
  const { pyodide, loader } = await fresh();
  channel.requests.length = 0;
  const { installed } = await loader.install(JSON.parse(JSON.stringify(lock)));
  assert.deepEqual(installed.map(({ name, requested }) => [name, requested]), [["lib", false], ["app", true]]);
  assert.ok(channel.requests.every((path) => path.startsWith("/blobs/")), channel.requests.join("\n"));
  assert.equal(channel.requests.length, 2);
  assert.equal(pyodide.runPython("import app; app.lib.version"), 1);
  assert.deepEqual(await loader.freeze(), lock);
  channel.requests.length = 0;
  assert.deepEqual((await loader.install(lock)).installed, []);
  assert.deepEqual(channel.requests, []);

  const other = { ...lock, packages: [{ ...lock.packages[0], version: "2.0", filename: "lib-2.0-py3-none-any.whl" }] };
  assert.deepEqual(await refused(loader.install(other)), {
    code: "installed_conflict",
    message: "lib 1.0 is installed, the lock has 2.0; uninstall it, or restart the interpreter",
  });
});

test("what a server answers to /resolve is a lock too, with absolute addresses", async () => {
  const { loader } = await fresh();
  const packages = lock.packages.map((locked) => ({ ...locked, url: new URL(locked.url, channel.repodata).href }));
  const answer = { ...lock, channel: "main", serial: 7, repodata: "0".repeat(64), packages };
  assert.equal((await loader.install(answer)).installed.length, 2);
  assert.deepEqual(await loader.freeze(), lock);
});

test("locks that cannot be used", async () => {
  const { pyodide, loader } = await fresh();
  const [first, ...others] = lock.packages;
  const changed = (change) => ({ ...lock, packages: [{ ...first, ...change }, ...others] });
  const answers = [];
  for (const bad of [
    {},
    { ...lock, format: 2 },
    { ...lock, packages: "lib" },
    changed({ sha256: "abc" }),
    changed({ size: -1 }),
    changed({ name: "Lib" }),
    changed({ name: "app" }),
    changed({ filename: "../lib.whl" }),
    { ...lock, packages: [null] },
    { ...lock, abi: "2026_5" },
  ]) {
    answers.push(await refused(loader.install(bad)));
  }
  assert.deepEqual(answers.map(({ code }) => code), [...Array(9).fill("bad_lock"), "wrong_abi"]);
  assert.equal(answers[1].message, "this lock cannot be used: it has the format 2, this loader reads 1");
  assert.equal(answers[3].message, 'this lock cannot be used: `sha256` of lib is "abc", expected 64 hexadecimal digits');
  assert.equal(answers[9].message, "the lock is for the ABI 2026_5, but this interpreter has 2026_0; lock for 2026_0");
  assert.equal((await refused(loader.install(changed({ sha256: "0".repeat(64) })))).code, "hash_mismatch");
  assert.equal((await refused(loader.install(changed({ version: "3.0" })))).code, "bad_wheel");
  assert.equal(pyodide.runPython("__import__('importlib.util').util.find_spec('lib')"), undefined);
});

test("a version that the wheel's name spells otherwise", async () => {
  const { loader } = await fresh();
  await loader.install("calendar-days");
  const days = await loader.freeze();
  assert.deepEqual(days.packages.map(({ version }) => version), ["2024.1.2"]);
  assert.deepEqual((await loader.install(days)).installed, []);
  await loader.uninstall("calendar_days");
  assert.equal((await loader.install(days)).installed.length, 1);
});
