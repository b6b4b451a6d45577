// Packages without a recipe: by name, by version, from an sdist, from a directory.
import assert from "node:assert/strict";
import { cpSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { run } from "../support/program.mjs";
import { root } from "../support/settings.mjs";
import { demo, goodSource, sdist, sha256, startProjects, temporaryDirectory, unique } from "../support/upstream.mjs";
import { info, pureWheel } from "../support/wheel.mjs";

/** A C extension that needs a pure package, but on Windows only another one. */
const source = (version, pyproject = (text) => text) => {
  const files = demo(unique(goodSource));
  files["pyproject.toml"] = pyproject(files["pyproject.toml"].replace('"1.0"', `"${version}"\ndependencies = ["pure>=1"]`));
  files["PKG-INFO"] = info("demo", version, "pure>=1", 'windows-only; sys_platform == "win32"');
  return sdist(`demo-${version}`, files);
};

/** A wheel of a pure package. */
const pure = (version) => pureWheel("pure", version, { "pure.py": `version = "${version}"\n` });

/** Built by a tool that nobody has. */
const odd = sdist("odd-1.0", {
  "pyproject.toml": `[build-system]\nrequires = ["no-such-tool"]\nbuild-backend = "no_such_tool"\n`,
  "PKG-INFO": info("odd", "1.0"),
  "setup.py": unique(`from setuptools import setup\nsetup(name="odd", version="1.0", py_modules=["odd"])`).replace("//", "#"),
  "odd.py": "",
});

let directory, upstream, from;
before(async () => {
  directory = temporaryDirectory();
  const recipes = join(directory.path, "recipes");
  mkdirSync(recipes);
  cpSync(join(root, "recipes/build-requirements.toml"), join(recipes, "build-requirements.toml"));
  upstream = await startProjects(
    {
      "demo-1.0.tar.gz": source("1.0"),
      "demo-2.0.tar.gz": source("2.0"),
      "demo-3.0.tar.gz": source("3.0"),
      "pure-1.5-py3-none-any.whl": pure("1.5"),
      "liar-1.0.tar.gz": sdist("liar-1.0", { ...demo(goodSource), "PKG-INFO": info("other", "1.0") }),
      "bare-1.0.tar.gz": sdist("bare-1.0", demo(goodSource)),
      "odd-1.0.tar.gz": odd,
    },
    (filename) => (filename === "demo-3.0.tar.gz" ? { yanked: "broken" } : {}),
  );
  from = ["--recipes", recipes, "--upstream", upstream.url];
});
after(() => {
  upstream.stop();
  directory.remove();
});

const built = (version) => `demo-${version}-cp314-cp314-pyemscripten_2026_0_wasm32.whl`;
const build = async (wanted, out) => {
  const ran = await run(["build", ...wanted, ...from, "--out", join(directory.path, out)]);
  const isWheel = (name) => name.endsWith(".whl");
  return { ...ran, wheels: () => readdirSync(join(directory.path, out)).filter(isWheel).sort() };
};

test("a name becomes its newest release, and pure packages come as they are", async () => {
  const { code, stderr, wheels } = await build(["demo"], "newest");
  assert.equal(code, 0, stderr);
  assert.deepEqual(wheels(), [built("2.0"), "pure-1.5-py3-none-any.whl"]);
});

test("a version is taken that is asked for, a withdrawn one too", async () => {
  const { code, stderr, wheels } = await build(["demo==3.0"], "exact");
  assert.equal(code, 0, stderr);
  assert.deepEqual(wheels(), [built("3.0"), "pure-1.5-py3-none-any.whl"]);
});

test("a version that is not there is told with those that are", async () => {
  const { code, stderr } = await build(["demo==7"], "none");
  assert.equal(code, 1);
  assert.equal(
    stderr,
    "error: demo: the upstream index has nothing of demo==7 for Python 3.14: the newest that it has, for any Python, are 3.0, 2.0, 1.0\n",
  );
});

test("an sdist and a directory of this machine", async () => {
  const file = join(directory.path, "demo-0.5.tar.gz");
  writeFileSync(file, source("0.5"));
  const folder = join(directory.path, "folder");
  mkdirSync(folder);
  const files = demo(unique(goodSource));
  files["pyproject.toml"] = files["pyproject.toml"].replace('"1.0"', '"0.7"\ndependencies = ["pure"]');
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
  for (const [wanted, version] of [[file, "0.5"], [folder, "0.7"]]) {
    const { code, stderr, wheels } = await build([wanted], `local-${version}`);
    assert.equal(code, 0, stderr);
    assert.deepEqual(wheels(), [built(version), "pure-1.5-py3-none-any.whl"]);
  }
  // The same directory again is the same action.
  const { code, stdout } = await run(["build", folder, ...from, "--dry-run"]);
  assert.equal(code, 0);
  assert.equal(stdout, "pure 1.5  cached\ndemo 0.7  cached\n");
});

test("the recipe that it is built by can be written, and builds the same", async () => {
  const recipes = join(directory.path, "written");
  cpSync(join(directory.path, "recipes"), recipes, { recursive: true });
  for (const wanted of ["demo==1.0", "pure"]) {
    const written = await run(["recipe", "new", wanted, ...from, "--out", recipes]);
    assert.equal(written.code, 0, written.stderr);
  }
  const text = readFileSync(join(recipes, "demo/recipe.toml"), "utf8");
  const hash = /sha256 = "([0-9a-f]{64})"/.exec(text)[1];
  assert.equal(
    text,
    `[package]\nname = "demo"\nversion = "1.0"\n\n[source]\npypi = "demo"\nsha256 = "${hash}"\n\n[requirements]\nbuild-system = true\nrun = ["pure"]\n`,
  );
  const plan = (recipes) => run(["build", "demo==1.0", "--recipes", recipes, "--upstream", upstream.url, "--dry-run", "--json"]);
  assert.equal((await plan(recipes)).stdout, (await plan(join(directory.path, "recipes"))).stdout);
  const again = await run(["recipe", "new", "demo==1.0", ...from, "--out", recipes]);
  assert.equal(again.code, 1);
  assert.match(again.stderr, /recipe\.toml is there already, and stays as it is; remove it, or write elsewhere with --out/);
});

test("a patch may change what the source is built with", async () => {
  const recipes = join(directory.path, "patched");
  cpSync(join(directory.path, "recipes"), recipes, { recursive: true });
  mkdirSync(join(recipes, "odd"));
  const patch = `--- a/pyproject.toml\n+++ b/pyproject.toml\n@@ -1,3 +1,3 @@\n [build-system]\n-requires = ["no-such-tool"]\n-build-backend = "no_such_tool"\n+requires = ["setuptools"]\n+build-backend = "setuptools.build_meta"\n`;
  writeFileSync(join(recipes, "odd/backend.patch"), patch);
  const hash = sha256(odd);
  writeFileSync(
    join(recipes, "odd/recipe.toml"),
    `[package]\nname = "odd"\nversion = "1.0"\n\n[source]\npypi = "odd"\nsha256 = "${hash}"\npatches = ["backend.patch"]\n\n[requirements]\nbuild-system = true\n`,
  );
  const out = join(directory.path, "patched-out");
  const { code, stderr } = await run(["build", "odd", "--recipes", recipes, "--upstream", upstream.url, "--out", out]);
  assert.equal(code, 0, stderr);
  assert.deepEqual(readdirSync(out).filter((name) => name.endsWith(".whl")), ["odd-1.0-py3-none-any.whl"]);
});

test("what cannot be built says why and what to do", async () => {
  const cases = [
    ["liar", /error: liar 1\.0: its PKG-INFO says that it is of other 1\.0; it was not built/],
    ["bare", /error: bare-1\.0\.tar\.gz: not a whole archive: it has no PKG-INFO, and so is no source distribution/],
    ["odd", /error: odd 1\.0: build requirement no-such-tool: no project of this name on the upstream index; write a recipe/],
    [join(directory.path, "recipes"), /neither a PKG-INFO nor `name` and `version` in \[project\] of a pyproject\.toml tell what it is/],
    ["no-such-project", /error: no-such-project: no recipe of this name in .*, and no project of this name on the upstream index/],
  ];
  for (const [wanted, told] of cases) {
    const { code, stderr } = await build([wanted], "refused");
    assert.equal(code, 1, wanted);
    assert.match(stderr, told, wanted);
  }
  const unreadable = await run(["build", "a b", ...from]);
  assert.equal(unreadable.code, 2);
  assert.match(unreadable.stderr, /expected a name, such as numpy or numpy==2\.4\.6, an sdist, or a directory with a slash in it/);
});
