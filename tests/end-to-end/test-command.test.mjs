// `pkgsrv test`: recipes' own tests, in the real runtime, on the wheel that was built.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { freshCache } from "../support/cache.mjs";
import { wheel } from "../support/demo-build.mjs";
import { run } from "../support/program.mjs";
import { demo, goodSource, recipes, sdist, sha256, startProjects, temporaryDirectory, unique } from "../support/upstream.mjs";

/** The project demo, with tests in its wheel. */
const files = {
  ...demo(unique(goodSource)),
  "setup.py": `from setuptools import Extension, setup
setup(ext_modules=[Extension("demo", ["demo.c"])], packages=["demo_more", "demo_more.tests"])
`,
  "demo_more/__init__.py": "value = 42\n",
  "demo_more/tests/__init__.py": "",
  "demo_more/tests/test_value.py": `from demo_more import value

def test_value():
    assert value == 42

def test_value_is_odd():
    print("looking at", value)
    assert value % 2, "not odd"
`,
};

let directory, cache, upstream, folder;
before(async () => {
  directory = temporaryDirectory();
  cache = await freshCache(directory.path);
  const bytes = sdist("demo-1.0", files);
  // The real pytest, from where this machine has its packages.
  const wheels = join(directory.path, "wheels");
  execFileSync("python3", ["-m", "pip", "download", "pytest", "--quiet", "--only-binary=:all:", "--dest", wheels]);
  const pytest = readdirSync(wheels).map((name) => [name, readFileSync(join(wheels, name))]);
  upstream = await startProjects({ "demo-1.0.tar.gz": bytes, ...Object.fromEntries(pytest) });
  folder = recipes(directory.path, sha256(bytes));
});
after(() => {
  upstream.stop();
  directory.remove();
});

/** Writes the recipe of demo anew, with more at its end, and its test. */
function recipe(more, script = "") {
  const place = join(folder, "demo");
  const plain = readFileSync(join(place, "recipe.toml"), "utf8").split("# more\n")[0];
  writeFileSync(join(place, "recipe.toml"), `${plain}# more\n${more}`);
  writeFileSync(join(place, "check.py"), script);
}

const from = () => ["--recipes", folder, "--upstream", upstream.url, "--cache", cache];
const tested = (...more) => run(["test", "demo", ...from(), ...more]);

test("without a test of its own, modules are imported, and that is said", async () => {
  recipe("");
  const { code, stdout, stderr } = await tested();
  assert.equal(code, 0, stderr);
  assert.equal(
    stdout,
    "demo 1.0: passed (imports only: its recipe has no [test] script)\n  import demo: passed\n  import demo_more: passed\n",
  );
});

test("the recipe's test runs, and what it prints is shown when asked for", async () => {
  recipe('[test]\nscript = "check.py"\n', "import demo_more\nprint('value', demo_more.value)\n");
  const quiet = await tested();
  assert.equal(quiet.code, 0, quiet.stderr);
  assert.equal(quiet.stdout, "demo 1.0: passed\n  import demo: passed\n  import demo_more: passed\n  test check.py: passed\n");
  const built = readdirSync(join(cache, "actions")).length;
  const loud = await tested("--show-output");
  assert.equal(loud.stdout, `${quiet.stdout}    it printed:\n    value 42\n`);
  assert.equal(readdirSync(join(cache, "actions")).length, built, "nothing is built again");
  const { packages, passed } = JSON.parse((await tested("--json")).stdout);
  assert.equal(passed, true);
  const step = (kind, name, output = "") => ({ kind, name, outcome: "passed", output });
  const steps = [step("import", "demo"), step("import", "demo_more"), step("script", "check.py", "value 42\n")];
  assert.deepEqual(packages, [{ name: "demo", version: "1.0", passed: true, script: "check.py", steps }]);
});

test("a test that fails is named with its traceback, what it printed, and the command to see it again", async () => {
  recipe('[test]\nscript = "check.py"\n', "import demo_more\nprint('before')\nassert demo_more.value == 43, 'not 43'\n");
  const { code, stdout, stderr } = await tested();
  assert.equal(code, 1);
  assert.match(stdout, /^demo 1\.0: failed\n {2}import demo: passed\n {2}import demo_more: passed\n {2}test check\.py: failed\n/);
  assert.match(stdout, / {4}AssertionError: not 43\n {4}it printed:\n {4}before\n$/);
  assert.match(stderr, /^failed: demo; to see it again: pkgsrv test demo$/m);
  const { code: again, stdout: json } = await tested("--json");
  assert.equal(again, 1);
  const { packages, passed } = JSON.parse(json);
  assert.equal(passed, false);
  const { kind, name, outcome, output } = packages[0].steps.at(-1);
  assert.deepEqual([kind, name, outcome, output], ["script", "check.py", "failed", "before\n"]);
  // The build tells as much.
  const build = await run(["build", "demo", ...from(), "--out", join(directory.path, "dist")]);
  assert.equal(build.code, 1);
  assert.match(build.stderr, /the recipe's check\.py fails in pyodide[^]*AssertionError: not 43\nit printed:\nbefore\n/);
});

test("tests that the recipe leaves out of the wheel are kept beside it, and pytest runs them", async () => {
  recipe("[build]\nunvendor-tests = true\n");
  const out = join(directory.path, "with-tests");
  const build = await run(["build", "demo", ...from(), "--out", out, "--json"]);
  assert.equal(build.code, 0, build.stderr);
  const { wheels } = JSON.parse(build.stdout);
  assert.equal(wheels[0].tests, join(out, "demo-tests.zip"));
  const listed = (path) => execFileSync("python3", ["-m", "zipfile", "--list", path], { encoding: "utf8" });
  assert.match(listed(wheels[0].tests), /demo_more\/tests\/test_value\.py/);
  assert.doesNotMatch(listed(join(out, wheel)), /tests/);
  const plain = await tested();
  assert.equal(plain.code, 0, plain.stderr);
  const { code, stdout, stderr } = await tested("--unvendored");
  assert.equal(code, 1, stderr);
  assert.match(stdout, /^ {2}unvendored tests, by pytest: failed$/m);
  assert.match(stdout, /^ {4}looking at 42$/m);
  assert.match(stdout, /^ {4}=+ 1 failed, 1 passed in .*$/m);
  assert.match(stderr, /^failed: demo; to see it again: pkgsrv test demo --unvendored$/m);
  // There need not be any.
  recipe('[build]\nunvendor-tests = true\nretain-test-patterns = []\npost = "rm -r demo_more/tests"\n');
  const none = await tested("--unvendored");
  assert.equal(none.code, 0, none.stderr);
  assert.match(none.stdout, /^ {2}unvendored tests, by pytest: not tried\n {4}nothing that pytest looks into was left out of the wheel$/m);
  // Whole in the cache as long as its bytes are.
  const [action] = readdirSync(join(cache, "actions")).filter((name) => readdirSync(join(cache, "actions", name)).includes("demo-tests.zip"));
  const archive = join(cache, "actions", action, "demo-tests.zip");
  writeFileSync(archive, "damaged");
  const checked = await run(["cache", "verify", "--cache", cache]);
  assert.equal(checked.code, 1);
  assert.match(checked.stdout, /damaged result: demo-tests\.zip has SHA-256/);
});

test("what cannot be tested is refused with what to do", async () => {
  recipe("");
  const unvendored = await tested("--unvendored");
  assert.equal(unvendored.code, 1);
  assert.match(unvendored.stderr, /demo has no tests beside its wheel; `unvendor-tests = true` in \[build\] of its recipe/);
  mkdirSync(join(folder, "lib"), { recursive: true });
  const text = readFileSync(join(folder, "demo/recipe.toml"), "utf8").replace('name = "demo"', 'name = "lib"');
  writeFileSync(join(folder, "lib/recipe.toml"), `${text}[build]\ntype = "static-library"\nscript = "true"\n`);
  const library = await run(["test", "lib", ...from()]);
  assert.equal(library.code, 1);
  assert.match(library.stderr, /lib is a library, of which nothing can be imported/);
});
