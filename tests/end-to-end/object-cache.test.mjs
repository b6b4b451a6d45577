// A package's builds take from the object cache what an earlier one compiled, and nothing that would be compiled otherwise.
import assert from "node:assert/strict";
import { readFileSync, readdirSync, statSync, truncateSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { freshCache } from "../support/cache.mjs";
import { wheel } from "../support/demo-build.mjs";
import { run } from "../support/program.mjs";
import { root } from "../support/settings.mjs";
import { demo, goodSource, recipes, runningCheck, sdist, sha256, startUpstream, temporaryDirectory, unique } from "../support/upstream.mjs";

let directory, cache;
before(async () => {
  directory = temporaryDirectory();
  cache = await freshCache(directory.path);
});
after(() => directory.remove());

/** Builds these files as `demo` 1.0. What the build's log says of objects, and the wheel's hash. */
async function build(files, { options = [], recipe } = {}) {
  const bytes = sdist("demo-1.0", files);
  const upstream = await startUpstream(sha256(bytes), (response) => response.end(bytes));
  try {
    const from = ["--recipes", recipes(directory.path, sha256(bytes), recipe), "--upstream", upstream.url, "--cache", cache];
    const out = join(directory.path, "dist");
    const { code, stderr } = await run(["build", "demo", ...from, "--out", out, ...options]);
    assert.equal(code, 0, stderr);
    const log = readFileSync(join(cache, "logs/demo-1.0.log"), "utf8").split("\n");
    const said = log.filter((line) => line.startsWith("### objects")).join();
    const compiled = log.filter((line) => line.startsWith("compiled "));
    return { said, compiled, wheel: recipe ? null : sha256(readFileSync(join(out, wheel))) };
  } finally {
    upstream.stop();
  }
}

const project = {
  ...demo(
    unique(`int one(void), two(void);\n${goodSource}`).replace(
      "return PyModule_Create(&module);",
      'PyObject *made = PyModule_Create(&module); PyModule_AddIntConstant(made, "sum", one() + two()); return made;',
    ),
  ),
  "setup.py": `from setuptools import Extension, setup
setup(ext_modules=[Extension("demo", ["demo.c", "one.c", "two.c"], include_dirs=["first", "second"])], py_modules=[])
`,
  "MANIFEST.in": "graft first\ngraft second\n",
  "one.c": "#include <one.h>\nint one(void) { return ONE; }\n",
  "two.c": "int two(void) { return 2; }\n",
  "first/none.h": "",
  "second/one.h": "#define ONE 1\n",
};
const none = "### objects: 4 reused, 0 compiled, 0 linked";
/** Another sdist, and so another action, that compiles the same. */
const again = (files) => ({ ...files, "README.txt": unique("") });

test("only what changed is compiled, and wheels are the same with and without", async () => {
  const cold = await build(project);
  assert.equal(cold.said, "### objects: 0 reused, 3 compiled, 1 linked");
  const warm = await build(again(project));
  assert.deepEqual(warm, { said: none, compiled: [], wheel: cold.wheel });

  const changes = [
    ["one source", { "two.c": "int two(void) { return 3; }\n" }, "two.c"],
    ["a header", { "second/one.h": "#define ONE 11\n" }, "one.c"],
    ["a header that comes first", { "first/one.h": "#define ONE 111\n" }, "one.c"],
  ];
  let files = project;
  const wheels = new Set([cold.wheel]);
  for (const [what, change, source] of changes) {
    files = { ...files, ...change };
    const changed = await build(files);
    assert.deepEqual([changed.said, changed.compiled], ["### objects: 2 reused, 1 compiled, 1 linked", [`compiled ${source}`]], what);
    assert.ok(!wheels.has(changed.wheel), `${what} changes nothing`);
    wheels.add(changed.wheel);
  }
  const without = await build(again(files), { options: ["--no-object-cache"] });
  assert.deepEqual(without, { said: "", compiled: [], wheel: [...wheels].at(-1) });
});

test("damaged entries are noticed", async () => {
  const sound = await build(project);
  const objects = join(cache, "objects/demo");
  for (const name of readdirSync(objects)) truncateSync(join(objects, name), Math.floor(statSync(join(objects, name)).size / 2));
  const damaged = await build(again(project));
  assert.equal(damaged.said, "### objects: 0 reused, 3 compiled, 1 linked");
  assert.equal(damaged.wheel, sound.wheel);
});

/** Runs a script of tests/support inside a build with these tools; what was said of objects. */
async function check(script, tools) {
  const text = unique(readFileSync(join(root, "tests/support", script), "utf8")).replaceAll("\n//", "\n#");
  return (await build({ "check.py": text }, { recipe: runningCheck(tools) })).said;
}

test("inside a build, answers from the object cache are those of the compiler", async () => {
  assert.match(await check("object-cache-check.py", []), /^### objects: \d+ reused, \d+ compiled, \d+ linked$/);
});

test("inside a build, what Cython made is taken from the object cache", async () => {
  assert.match(await check("cython-check.py", ["cython", "meson-python"]), /^### objects: [1-9]\d* reused, [1-9]\d* compiled, 0 linked$/);
});
