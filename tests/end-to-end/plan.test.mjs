// Several packages at once: what is built beside what, what a failure stops, and what the plan says.
import assert from "node:assert/strict";
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { run } from "../support/program.mjs";
import { root } from "../support/settings.mjs";
import { sdist, sha256, startProjects, temporaryDirectory, unique } from "../support/upstream.mjs";

/** The files of a setuptools project with one C extension. */
const project = (name, source) => ({
  "pyproject.toml": `[build-system]\nrequires = ["setuptools"]\nbuild-backend = "setuptools.build_meta"\n\n[project]\nname = "${name}"\nversion = "1.0"\n`,
  "setup.py": `from setuptools import Extension, setup\nsetup(ext_modules=[Extension("${name}", ["${name}.c"])], py_modules=[])\n`,
  [`${name}.c`]: unique(source),
});
const good = (name) => `#include <Python.h>
static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, "${name}", NULL, -1, NULL};
PyMODINIT_FUNC PyInit_${name}(void) { return PyModule_Create(&module); }
`;

// `broken` does not compile; `needy` needs it; `alone` does not; `late` needs `alone`.
const needs = { alone: [], broken: [], late: ["alone"], needy: ["broken"] };
let directory, upstream, from;
before(async () => {
  directory = temporaryDirectory();
  const files = {};
  const recipes = join(directory.path, "recipes");
  for (const [name, run] of Object.entries(needs)) {
    const bytes = sdist(`${name}-1.0`, project(name, name === "broken" ? "int broken = missing_name;" : good(name)));
    files[`${name}-1.0.tar.gz`] = bytes;
    mkdirSync(join(recipes, name), { recursive: true });
    writeFileSync(
      join(recipes, name, "recipe.toml"),
      `[package]\nname = "${name}"\nversion = "1.0"\n\n[source]\npypi = "${name}"\nsha256 = "${sha256(bytes)}"\n\n` +
        `[requirements]\nbuild = ["setuptools"]\nrun = ${JSON.stringify(run)}\n`,
    );
  }
  cpSync(join(root, "recipes/build-requirements.toml"), join(recipes, "build-requirements.toml"));
  upstream = await startProjects(files);
  from = ["--recipes", recipes, "--upstream", upstream.url];
});
after(() => {
  upstream.stop();
  directory.remove();
});

const names = Object.keys(needs);
const wheel = (name) => `${name}-1.0-cp314-cp314-pyemscripten_2026_0_wasm32.whl`;

test("a dry run tells what would be built, and builds nothing", async () => {
  const out = join(directory.path, "dry");
  const { code, stdout, stderr } = await run(["build", ...names, ...from, "--out", out, "--dry-run"]);
  assert.equal(code, 0, stderr);
  // An earlier run of this test may have left others of these names in the cache: then what changed since is told.
  assert.match(stdout, /^alone 1\.0 {3}build(: .+)?\nbroken 1\.0 {2}build\nlate 1\.0 {4}build(: .+)?\nneedy 1\.0 {3}build\n$/);
  assert.equal(upstream.answered(), 0);
});

test("with --keep-going everything is built that does not need what failed", async () => {
  const out = join(directory.path, "kept");
  const { code, stdout, stderr } = await run(["build", ...names, ...from, "--out", out, "--keep-going", "--jobs", "2"]);
  assert.equal(code, 1);
  assert.deepEqual(readdirSync(out).filter((name) => name.endsWith(".whl")).sort(), [wheel("alone"), wheel("late")]);
  assert.equal(stdout, `${join(out, wheel("alone"))}\n${join(out, wheel("late"))}\n`);
  assert.match(stderr, /error: broken 1\.0: step `build` failed[^]*use of undeclared identifier 'missing_name'/);
  assert.match(stderr, /error: failed: broken; not built, since they need these: needy; built: 2\n$/);
});

test("for scripts it tells what failed, and what was not built for that", async () => {
  const out = join(directory.path, "told");
  const { code, stdout } = await run(["build", ...names, ...from, "--out", out, "--keep-going", "--json"]);
  assert.equal(code, 1);
  const { wheels, failures, not_built } = JSON.parse(stdout);
  assert.deepEqual(wheels.map(({ name }) => name), ["alone", "late"]);
  assert.deepEqual(failures.map(({ name }) => name), ["broken"]);
  assert.match(failures[0].error, /^broken 1\.0: step `build` failed[^]*use of undeclared identifier 'missing_name'/);
  assert.deepEqual(not_built, ["needy"]);
});

test("with --keep-going packages whose recipes cannot be carried out are failures like others", async () => {
  const recipes = join(directory.path, "with-wrong-ones");
  cpSync(join(directory.path, "recipes"), recipes, { recursive: true });
  const wrong = { "no-tool": ["build", "no-such-tool"], one: ["run", "two"], two: ["run", "one"] };
  for (const [name, [key, other]] of Object.entries(wrong)) {
    mkdirSync(join(recipes, name));
    const recipe = `[package]\nname = "${name}"\nversion = "1"\n\n[source]\npypi = "${name}"\nsha256 = "${"0".repeat(64)}"\n\n[requirements]\n`;
    writeFileSync(join(recipes, name, "recipe.toml"), `${recipe}${key} = ["${other}"]\n`);
  }
  const args = ["build", "alone", ...Object.keys(wrong), "no-such-package", "--recipes", recipes, "--upstream", upstream.url];
  const out = join(directory.path, "mixed");
  const { code, stdout } = await run([...args, "--out", out, "--keep-going", "--json"]);
  assert.equal(code, 1);
  const { wheels, failures } = JSON.parse(stdout);
  assert.deepEqual(wheels.map(({ name }) => name), ["alone"]);
  const circle = /^recipes depend on each other in a circle: /;
  const expected = { "no-tool": /^no-tool: build requirement no-such-tool is not in /, one: circle, two: circle, "no-such-package": /^no-such-package: no recipe/ };
  assert.deepEqual(failures.map(({ name }) => name), Object.keys(expected));
  for (const { name, error } of failures) assert.match(error, expected[name]);
  const { stderr } = await run([...args, "--out", join(directory.path, "none")]);
  assert.match(stderr, /^error: [^\n]+\n$/);
});

test("what was built then is cached, and the rest says so", async () => {
  const { stdout } = await run(["build", ...names, ...from, "--dry-run", "--json"]);
  const { packages } = JSON.parse(stdout);
  assert.deepEqual(
    packages.map(({ name, state, run }) => [name, state, run]),
    [["alone", "cached", []], ["broken", "build", []], ["late", "cached", ["alone"]], ["needy", "build", ["broken"]]],
  );
});

test("without it nothing is copied, and the first failure is the error", async () => {
  const out = join(directory.path, "stopped");
  const { code, stdout, stderr } = await run(["build", ...names, ...from, "--out", out]);
  assert.equal(code, 1);
  assert.equal(stdout, "");
  assert.match(stderr, /error: broken 1\.0: step `build` failed/);
  assert.throws(() => readdirSync(out), { code: "ENOENT" });
});

test("why tells the way, the state, and what changed", async () => {
  const why = async (...args) => (await run(["why", ...args, ...from])).stdout;
  const action = /^ {2}action [0-9a-f]{64}$/m;
  const cached = await why("alone", "late", "needy");
  assert.match(cached, action);
  assert.equal(cached.replace(action, ""), "alone 1.0\n  needed: late → alone\n  its result is in the cache\n\n");
  const recipe = join(directory.path, "recipes/alone/recipe.toml");
  writeFileSync(recipe, `${"[build]\ncflags = [\"-DMORE\"]\n\n"}`, { flag: "a" });
  assert.match(await why("alone"), /it would be built: recipe changed since the result [0-9a-f]{12} of 1\.0\n/);
  const other = await run(["why", "broken", "late", ...from]);
  assert.equal(other.code, 1);
  assert.equal(other.stderr, "error: broken is not needed for late; nothing there names it, directly or not\n");
});

test("a package is admitted again, and not built, when what it needs has other bytes", async () => {
  const recipe = join(directory.path, "recipes/alone/recipe.toml");
  const before = readFileSync(recipe, "utf8");
  writeFileSync(recipe, before.replace("[build]\n", `[build]\nscript = 'sed -i "s/\\"alone\\", NULL/\\"alone\\", \\"another\\"/" alone.c'\n`));
  const { code, stderr } = await run(["build", "late", ...from, "--out", join(directory.path, "again")]);
  assert.equal(code, 0, stderr);
  assert.match(stderr, /^alone 1\.0 build: done$/m);
  assert.doesNotMatch(stderr, /^late 1\.0 /m);
  assert.match(stderr, new RegExp(`^${wheel("late")} admitted$`, "m"));
  const unchanged = await run(["build", "late", ...from, "--out", join(directory.path, "again")]);
  assert.equal(unchanged.stderr, "");
});

test("a recipe that needs itself in the end is named with the whole circle", async () => {
  const recipes = join(directory.path, "circle");
  cpSync(join(directory.path, "recipes"), recipes, { recursive: true });
  rmSync(join(recipes, "broken"), { recursive: true });
  const text = (name, run) => `[package]\nname = "${name}"\nversion = "1.0"\n\n[source]\npypi = "${name}"\nsha256 = "${"0".repeat(64)}"\n\n[requirements]\nrun = ["${run}"]\n`;
  for (const [name, run] of [["one", "two"], ["two", "one"]]) {
    mkdirSync(join(recipes, name));
    writeFileSync(join(recipes, name, "recipe.toml"), text(name, run));
  }
  const { code, stderr } = await run(["build", "one", "--recipes", recipes, "--upstream", upstream.url]);
  assert.equal(code, 1);
  assert.equal(stderr, "error: recipes depend on each other in a circle: one → two → one; remove one of these requirements\n");
});
