// Whether building again makes the same bytes, and looking after the cache.
import assert from "node:assert/strict";
import { readdirSync, readFileSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { freshCache } from "../support/cache.mjs";
import { demoBuild, wheel } from "../support/demo-build.mjs";
import { run } from "../support/program.mjs";
import { demo, goodSource, sha256, unique } from "../support/upstream.mjs";

let build, cache;
before(async () => {
  build = await demoBuild();
  cache = await freshCache(build.path);
});
after(() => build.stop());

const verify = (from, ...more) => run(["verify", "demo", ...from, "--cache", cache, ...more]);
const care = (...args) => run(["cache", ...args, "--cache", cache]);
/** Everything that a directory of the cache has, by name. */
const names = (folder) => readdirSync(join(cache, folder)).sort();

test("a package without a result is built twice, and makes the same bytes", async () => {
  const { code, stdout, stderr } = await verify(build.from);
  assert.equal(code, 0, stderr);
  const [action] = names("actions");
  const digest = sha256(readFileSync(join(cache, "actions", action, wheel)));
  assert.equal(stdout, `demo 1.0: same bytes, SHA-256 ${digest}\n`);
  assert.equal(stderr.match(/^demo 1\.0 build: done$/gm).length, 2, stderr);
  // The first one left objects; the second did not take them.
  const log = readFileSync(join(cache, "logs/demo-1.0.log"), "utf8");
  assert.doesNotMatch(log, /### objects/);
  assert.match(readFileSync(join(cache, "actions", action, "build.log"), "utf8"), /### objects: 0 reused, /);
});

test("one with a result is built once more, and the result stays", async () => {
  const [action] = names("actions");
  const { code, stdout, stderr } = await verify(build.from, "--json");
  assert.equal(code, 0, stderr);
  const digest = sha256(readFileSync(join(cache, "actions", action, wheel)));
  const demo = { name: "demo", version: "1.0", action, same: true, cached: digest, built: digest, differences: [], different: 0 };
  assert.deepEqual(JSON.parse(stdout), { packages: [demo], same: true });
  assert.equal(stderr.match(/^demo 1\.0 build: done$/gm).length, 1, stderr);
  assert.deepEqual(names("actions"), [action]);
  assert.deepEqual(names("work"), []);
});

test("a package that builds a random value in is told with the file that differs", async () => {
  const setup = `import os
from setuptools import Extension, setup
noise = '"' + os.urandom(16).hex() + '"'
setup(ext_modules=[Extension("demo", ["demo.c"], define_macros=[("NOISE", noise)])], py_modules=[])
`;
  const source = unique(`${goodSource}__attribute__((used)) const char noise[] = NOISE;\n`);
  const random = await demoBuild({ files: { ...demo(source), "setup.py": setup } });
  try {
    const before = names("actions");
    const { code, stdout, stderr } = await verify(random.from, "--json");
    assert.equal(code, 1, stderr);
    const { packages, same } = JSON.parse(stdout);
    assert.equal(same, false);
    const [{ action, cached, built, differences, different }] = packages;
    const kept = () => sha256(readFileSync(join(cache, "actions", action, wheel)));
    assert.equal(cached, kept());
    assert.notEqual(built, cached);
    assert.equal(different, 1);
    const [{ path, cached: size }] = differences;
    assert.match(path, /^demo\.cpython-314-wasm32-emscripten\.so$/);
    assert.deepEqual(differences, [{ path, cached: size, built: size }]);
    assert.deepEqual(names("actions"), [...before, action].sort());
    const again = await verify(random.from);
    assert.equal(again.code, 1, again.stderr);
    const [, other] = /^ {2}built again {2}([0-9a-f]{64})$/m.exec(again.stdout);
    assert.equal(
      again.stdout,
      `demo 1.0: other bytes\n  in the cache ${cached}\n  built again  ${other}\n  ${path}: ${size} bytes in the cache, ${size} built again\n`,
    );
    assert.equal(kept(), cached);
  } finally {
    random.stop();
  }
});

test("the cache shows its parts, in bytes for a script", async () => {
  const { stdout } = await care("--json");
  const { bytes, directory, parts } = JSON.parse(stdout);
  assert.equal(directory, cache);
  assert.equal(parts.reduce((sum, part) => sum + part.bytes, 0), bytes);
  const part = (name) => parts.find((part) => part.name === name);
  assert.equal(part("actions").entries, 2);
  assert.equal(part("work").bytes, 0);
  assert.match((await care()).stdout, /^runtimes +[\d.]+ MiB {2}2 entries$/m);
});

test("a prune without effect tells what would go, and one with effect removes just that", async () => {
  const forgotten = join(cache, "actions", names("actions")[0]);
  const long = Date.now() / 1000 - 40 * 24 * 60 * 60;
  utimesSync(forgotten, long, long);
  const before = names("actions");
  const ofDemo = (entries) => entries.filter(({ kind }) => kind === "result");
  const dry = await care("prune", "--dry-run");
  assert.equal(dry.code, 0, dry.stderr);
  assert.match(dry.stdout, /^result demo 1\.0 +[\d.]+ KiB {2}unused for 40 days$/m);
  assert.match(dry.stdout, /^would remove \d+ entr(?:y|ies), [\d.]+ .iB; nothing was removed\n$/m);
  const all = JSON.parse((await care("prune", "--older-than", "0", "--dry-run", "--json")).stdout);
  assert.ok(all.entries.some(({ kind }) => kind === "source"));
  assert.ok(all.entries.every(({ path }) => !path.includes("/toolchains/") && !path.includes("/runtimes/")));
  assert.deepEqual(names("actions"), before);
  const { entries } = JSON.parse((await care("prune", "--json")).stdout);
  assert.deepEqual(ofDemo(entries).map(({ path }) => path), [forgotten]);
  assert.equal(names("actions").length, before.length - 1);
});

test("a changed byte is noticed, and taken out only when that is asked for", async () => {
  const whole = await care("verify");
  assert.equal(whole.code, 0, whole.stdout);
  assert.match(whole.stdout, /^checked \d+ sources, 2 runtimes, 1 cross environments, \d+ installations of tools, 0 resolutions, 1 results: 0 damaged\n$/);
  const source = join(cache, "sources", sha256(build.bytes));
  const changed = Buffer.from(build.bytes);
  changed[changed.length >> 1] ^= 1;
  writeFileSync(join(source, "demo-1.0.tar.gz"), changed);
  const reason = `demo-1.0.tar.gz has SHA-256 ${sha256(changed)}, expected ${sha256(build.bytes)}`;
  const told = await care("verify", "--json");
  assert.equal(told.code, 1);
  assert.deepEqual(JSON.parse(told.stdout).damaged, [{ kind: "source", path: source, reason, removed: false }]);
  assert.ok(names("sources").includes(sha256(build.bytes)));
  const removed = await care("verify", "--remove");
  assert.equal(removed.code, 1);
  assert.ok(removed.stdout.startsWith(`damaged source: ${reason}; removed\n  ${source}\n`), removed.stdout);
  assert.ok(!names("sources").includes(sha256(build.bytes)));
  assert.equal((await care("verify")).code, 0);
});
