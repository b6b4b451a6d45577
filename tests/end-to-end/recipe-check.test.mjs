// `pkgsrv recipe check`: all that is wrong with recipes, without building them.
import assert from "node:assert/strict";
import { mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { freshCache } from "../support/cache.mjs";
import { run } from "../support/program.mjs";
import { recipes, sdist, sha256, startProjects, temporaryDirectory, unique } from "../support/upstream.mjs";

/** A patch of the file `text` of a source, which says `one`. */
const patch = (one, two) => `--- a/text\n+++ b/text\n@@ -1 +1 @@\n-${one}\n+${two}\n`;

let directory, cache, upstream, folder;
/** Sdists by project. */
const sources = {};
before(async () => {
  directory = temporaryDirectory();
  cache = await freshCache(directory.path);
  const info = (name, more = "") => `Metadata-Version: 2.4\nName: ${name}\nVersion: 1.0\n${more}`;
  const requires = "Requires-Dist: demo>=2\nRequires-Dist: other\n";
  for (const name of ["demo", "hash", "version", "needs", "unfit"]) {
    const files = { "PKG-INFO": info(name, name === "needs" ? requires : ""), text: "one\n", unique: unique("") };
    sources[name] = sdist(`${name}-1.0`, files);
  }
  upstream = await startProjects(Object.fromEntries(Object.entries(sources).map(([name, bytes]) => [`${name}-1.0.tar.gz`, bytes])));
  folder = recipes(directory.path, sha256(sources.demo), (text) =>
    text.replace("[requirements]", 'patches = ["fits.patch"]\n[requirements]'),
  );
  writeFileSync(join(folder, "demo/fits.patch"), patch("one", "two"));
});
after(() => {
  upstream.stop();
  directory.remove();
});

/** Writes a recipe; `more` may stand in for its parts. */
function recipe(name, { version = "1.0", hash = sha256(sources[name] ?? "none"), source = "", more = "" } = {}) {
  mkdirSync(join(folder, name), { recursive: true });
  const text = `[package]\nname = "${name}"\nversion = "${version}"\n[source]\npypi = "${name}"\nsha256 = "${hash}"\n${source}\n${more}\n`;
  writeFileSync(join(folder, name, "recipe.toml"), text);
}

const check = (...args) => run(["recipe", "check", ...args, "--upstream", upstream.url, "--cache", cache]);
const fields = ({ stdout }) => JSON.parse(stdout).problems.map(({ recipe, field }) => `${recipe} ${field}`);

test("a recipe without problems, by name, file, folder and tree", async () => {
  const file = join(folder, "demo/recipe.toml");
  for (const wanted of [["demo", "--recipes", folder], ["--recipes", folder], [file], [join(folder, "demo")], [folder]]) {
    const { code, stdout, stderr } = await check(...wanted);
    assert.equal(code, 0, stdout + stderr);
    assert.equal(stdout, "1 recipe: 0 problems\n");
  }
  assert.deepEqual(readdirSync(join(cache, "work")), []);
});

test("all problems of all recipes are told", async () => {
  recipe("circle-a", { more: '[requirements]\nrun = ["circle-b"]' });
  recipe("circle-b", { more: '[requirements]\nhost = ["circle-a"]' });
  recipe("hash", { hash: "0".repeat(64) });
  recipe("needs", { source: 'patches = ["fits.patch"]', more: '[requirements]\nrun = ["demo", "hash"]' });
  writeFileSync(join(folder, "needs/fits.patch"), patch("one", "two"));
  recipe("text", { more: "[biuld]" });
  const missing = '[requirements]\nbuild = ["setuptolls"]\nhost = ["nothing"]\n[test]\nscript = "test.py"';
  recipe("unfit", { source: 'patches = ["unfit.patch", "missing.patch"]', more: missing });
  writeFileSync(join(folder, "unfit/unfit.patch"), patch("three", "four"));
  recipe("version", { version: "2.0", hash: "1".repeat(64) });
  const json = await check("--recipes", folder, "--json");
  assert.equal(json.code, 1);
  assert.deepEqual(fields(json).sort(), [
    "circle-a requirements",
    "circle-a source.pypi",
    "circle-b source.pypi",
    "hash source.sha256",
    "needs requirements.run",
    "needs requirements.run",
    "needs requirements.run",
    "text biuld",
    "unfit requirements.build",
    "unfit requirements.host",
    "unfit source.patches",
    "unfit source.patches",
    "unfit test.script",
    "version package.version",
  ]);
  assert.deepEqual(JSON.parse(json.stdout).unchecked, []);
  const { code, stdout } = await check("--recipes", folder, "hash", "text", "unfit", "circle-a", "version", "needs");
  assert.equal(code, 1);
  const place = (name) => join(folder, name, "recipe.toml");
  assert.ok(stdout.includes(`hash: source.sha256 (${place("hash")})\n  found    ${"0".repeat(64)}, which no file of hash has\n  expected ${sha256(sources.hash)}, that of hash-1.0.tar.gz\n  to do    see why`), stdout);
  assert.ok(stdout.includes(`text: biuld (${place("text")}:8)\n  found    unknown key \`biuld\`: not a key of this table\n`), stdout);
  assert.match(stdout, /to do {4}did you mean `build`\?/);
  assert.match(stdout, /found {4}recipes depend on each other in a circle: circle-a → circle-b → circle-a\n/);
  assert.match(stdout, /found {4}unfit\.patch does not apply \(exit status: 1\):\n[^]*Hunk #1 FAILED/);
  assert.match(stdout, /found {4}the upstream index has no sdist of version 2\.0\n {2}expected one of those that are there: 1\.0\n/);
  const needs = (found) => assert.ok(stdout.includes(`needs: requirements.run (${place("needs")})\n  found    ${found}\n`), stdout);
  needs("PKG-INFO of needs-1.0.tar.gz requires other, and `run` does not name it");
  needs("PKG-INFO of needs-1.0.tar.gz requires demo>=2, and the recipe of demo is of 1.0");
  needs("`run` names hash, and PKG-INFO of needs-1.0.tar.gz does not require it");
  assert.match(stdout, /\n6 recipes: \d+ problems\n$/);
});

test("offline, no index is asked, and what could not be looked at is said", async () => {
  const asked = upstream.answered();
  const cold = await freshCache(directory.path, "cold");
  const { code, stdout } = await run(["recipe", "check", "--offline", "demo", "hash", "--recipes", folder, "--upstream", upstream.url, "--cache", cold]);
  assert.equal(code, 0, stdout);
  assert.match(stdout, /^demo: source was not checked: it is not in the cache, and nothing is fetched with --offline\n2 recipes: 0 problems\n$/);
  assert.equal(upstream.answered(), asked);
});

test("what is no recipe is refused", async () => {
  const unknown = await check("--recipes", folder, "dem");
  assert.equal(unknown.code, 1);
  assert.match(unknown.stderr, /dem: no recipe of this name.*did you mean demo/);
  const nothing = await check(join(directory.path, "nothing/recipe.toml"));
  assert.equal(nothing.code, 1);
  assert.match(nothing.stderr, /is neither a recipe\.toml, nor a folder with one/);
});
