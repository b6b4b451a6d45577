// `pkgsrv recipe update`: another release, which must build and be admitted before the recipe is changed.
import assert from "node:assert/strict";
import { mkdirSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, beforeEach, test } from "node:test";
import { wheel as wheelOf } from "../../loader/js/test/support/wheel.mjs";
import { freshCache } from "../support/cache.mjs";
import { run } from "../support/program.mjs";
import { demo, goodSource, recipes, sdist, sha256, startProjects, temporaryDirectory, unique } from "../support/upstream.mjs";

/** The sdist of a version of demo. */
const release = (version, source = unique(goodSource)) => {
  const files = demo(source);
  return sdist(`demo-${version}`, { ...files, "pyproject.toml": files["pyproject.toml"].replace('"1.0"', `"${version}"`) });
};

let directory, cache, upstream, folder, sources, path;
before(async () => {
  directory = temporaryDirectory();
  cache = await freshCache(directory.path);
  const pure = (version) => wheelOf({ name: "pure", version, tag: "py3-none-any", files: { "pure.py": "" } });
  const wheels = [pure("1.0"), pure("1.1")];
  sources = {
    "demo-1.0.tar.gz": release("1.0"),
    "demo-1.1.tar.gz": release("1.1"),
    "demo-1.2.tar.gz": release("1.2", "this is no C\n"),
    "demo-2.0rc1.tar.gz": release("2.0rc1"),
    "demo-3.0.tar.gz": release("3.0"),
    "demo-4.0.tar.gz": release("4.0"),
    "user-1.0.tar.gz": sdist("user-1.0", { "PKG-INFO": "Metadata-Version: 2.4\nName: user\nVersion: 1.0\nRequires-Dist: demo<1.1\n", unique: unique("") }),
    ...Object.fromEntries(wheels.map(({ filename, bytes }) => [filename, Buffer.from(bytes)])),
  };
  const extra = { "demo-3.0.tar.gz": { yanked: "broken" }, "demo-4.0.tar.gz": { "requires-python": ">=3.99" }, "demo-1.2.tar.gz": { yanked: true } };
  upstream = await startProjects(sources, (filename) => extra[filename] ?? {});
  folder = recipes(directory.path, "");
  path = join(folder, "demo/recipe.toml");
});
after(() => {
  upstream.stop();
  directory.remove();
});

/** The recipe's text for a version, with comments in it. */
const text = (version, hash = sha256(sources[`demo-${version}.tar.gz`]), source = "") => `# Ours.
[package]
name   = "demo"
version = "${version}"   # the newest

[source]
pypi = "demo"
${source}sha256 = '${hash}'

[requirements]
build = [
    "setuptools", # and no more
]
`;
beforeEach(() => writeFileSync(path, text("1.0")));

const update = (...args) => run(["recipe", "update", ...args, "--recipes", folder, "--upstream", upstream.url, "--cache", cache]);
const kept = () => readFileSync(path, "utf8");
const untouched = () => {
  assert.equal(kept(), text("1.0"));
  assert.deepEqual(readdirSync(join(folder, "demo")).filter((name) => !name.endsWith(".patch")), ["recipe.toml"]);
  assert.deepEqual(readdirSync(join(cache, "work")), []);
};

test("with --dry-run, the newest release that fits is told and nothing is done", async () => {
  const { code, stdout, stderr } = await update("demo", "--dry-run");
  assert.equal(code, 0, stderr);
  assert.equal(stdout, "demo: 1.0 → 1.1 (demo-1.1.tar.gz) would be tried; nothing was changed\n");
  assert.equal(kept(), text("1.0"));
});

test("version and hash are changed after the build, and nothing else is", async () => {
  const { code, stdout, stderr } = await update("demo");
  assert.equal(code, 0, stderr);
  assert.equal(stdout, "demo: 1.0 → 1.1 (demo-1.1.tar.gz)\n");
  assert.match(stderr, /^demo 1\.1 build: done$/m);
  assert.equal(kept(), text("1.1"));
  assert.deepEqual(readdirSync(join(folder, "demo")), ["recipe.toml"]);
  assert.deepEqual(readdirSync(join(cache, "work")), []);
  const again = await update("demo", "--json");
  assert.equal(again.code, 0, again.stderr);
  const same = { name: "demo", from: "1.1", to: "1.1", changed: false, problems: [], others: [] };
  assert.deepEqual(JSON.parse(again.stdout), same);
  assert.equal((await update("demo")).stdout, "demo 1.1: there is nothing newer\n");
  // What was built for it is what is built from it.
  const build = await run(["build", "demo", "--dry-run", "--json", "--recipes", folder, "--upstream", upstream.url, "--cache", cache]);
  assert.equal(JSON.parse(build.stdout).packages[0].state, "cached", build.stdout);
});

test("a version that is named is taken, be it a pre-release", async () => {
  const { code, stdout, stderr } = await update("demo", "--to", "2.0rc1", "--json");
  assert.equal(code, 0, stderr);
  const file = "demo-2.0rc1.tar.gz";
  const expected = { name: "demo", from: "1.0", to: "2.0rc1", filename: file, sha256: sha256(sources[file]), changed: true, problems: [], others: [] };
  assert.deepEqual(JSON.parse(stdout), expected);
  assert.equal(kept(), text("2.0rc1"));
});

test("a release that does not build leaves the recipe as it is", async () => {
  const { code, stdout, stderr } = await update("demo", "--to", "1.2");
  assert.equal(code, 1);
  assert.equal(stdout, "");
  assert.match(stderr, /demo 1\.2: step `build` failed[^]*demo\.c/);
  untouched();
});

test("a version that is not there, or for another Python, is refused with those that are", async () => {
  for (const version of ["4.0", "7"]) {
    const { code, stderr } = await update("demo", "--to", version);
    assert.equal(code, 1);
    assert.match(stderr, /the upstream index has no file of .* for Python 3\.14; the newest that it has, for any Python, are 4\.0, 3\.0, 2\.0rc1, 1\.2, 1\.1\n/);
  }
  untouched();
});

test("a patch that does not apply any more is named", async () => {
  writeFileSync(join(folder, "demo/ours.patch"), "--- a/demo.c\n+++ b/demo.c\n@@ -1 +1 @@\n-nowhere\n+there\n");
  const patched = text("1.0", undefined, 'patches = ["ours.patch"]\n');
  writeFileSync(path, patched);
  const { code, stdout } = await update("demo");
  assert.equal(code, 1);
  assert.ok(stdout.startsWith(`demo: source.patches (${path})\n  found    ours.patch does not apply`), stdout);
  assert.match(stdout, /Hunk #1 FAILED/);
  assert.match(stdout, /demo: stays at 1\.0, since 1\.1 has the problems above\n$/);
  assert.equal(kept(), patched);
});

test("a patch that applies to the release goes with it", async () => {
  const patch = '--- a/demo.c\n+++ b/demo.c\n@@ -1 +1,2 @@\n #include <Python.h>\n+/* ours */\n';
  writeFileSync(join(folder, "demo/ours.patch"), patch);
  writeFileSync(path, text("1.0", undefined, 'patches = ["ours.patch"]\n'));
  const { code, stdout, stderr } = await update("demo");
  assert.equal(code, 0, `${stdout}${stderr}`);
  assert.equal(stdout, "demo: 1.0 → 1.1 (demo-1.1.tar.gz)\n");
  assert.equal(kept(), text("1.1", undefined, 'patches = ["ours.patch"]\n'));
});

test("a recipe that needs this one and does not take the new version is named", async () => {
  mkdirSync(join(folder, "user"), { recursive: true });
  const place = join(folder, "user/recipe.toml");
  const hash = sha256(sources["user-1.0.tar.gz"]);
  writeFileSync(place, `[package]\nname = "user"\nversion = "1.0"\n[source]\npypi = "user"\nsha256 = "${hash}"\npatches = ["none.patch"]\n[requirements]\nrun = ["demo"]\n`);
  writeFileSync(join(folder, "user/none.patch"), "--- a/setup.cfg\n+++ b/setup.cfg\n@@ -0,0 +1 @@\n+[metadata]\n");
  // Its source is in the cache by that.
  const check = await run(["recipe", "check", "user", "--recipes", folder, "--upstream", upstream.url, "--cache", cache]);
  assert.equal(check.stdout, "1 recipe: 0 problems\n");
  const { code, stdout, stderr } = await update("demo");
  assert.equal(code, 0, stderr);
  assert.ok(stdout.startsWith(`demo: 1.0 → 1.1 (demo-1.1.tar.gz)\nnow to be looked at, user: requirements.run (${place})\n`), stdout);
  assert.match(stdout, /found {4}PKG-INFO of user-1\.0\.tar\.gz requires demo<1\.1, and the recipe of demo is of 1\.1\n/);
  assert.equal(kept(), text("1.1"));
});

test("a recipe whose source is a wheel gets the next wheel", async () => {
  const file = (version) => `pure-${version}-py3-none-any.whl`;
  const named = (version) =>
    `[package]\nname = "pure"\nversion = "${version}"\n[source]\npypi = "pure"\nwheel = "${file(version)}"\nsha256 = "${sha256(sources[file(version)])}"\n`;
  const place = join(folder, "pure/recipe.toml");
  mkdirSync(join(folder, "pure"), { recursive: true });
  writeFileSync(place, named("1.0"));
  const { code, stdout, stderr } = await update("pure");
  assert.equal(code, 0, stderr);
  assert.equal(stdout, `pure: 1.0 → 1.1 (${file("1.1")})\n`);
  assert.equal(readFileSync(place, "utf8"), named("1.1"));
});
