// Shared libraries: built by recipes of their own, linked by two packages, and taken along in the wheels of both.
import assert from "node:assert/strict";
import { cpSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { withEnvironment, withLoader, withLoadPackage, withMicropip } from "../support/clients.mjs";
import { startBrowser } from "../support/browser.mjs";
import { inNode } from "../support/node-clients.mjs";
import { run, startServer } from "../support/program.mjs";
import { abi, data, root } from "../support/settings.mjs";
import { sdist, sha256, startProjects, temporaryDirectory, unique } from "../support/upstream.mjs";

/** A C library with state, and a static one of the same name that does something else. */
const count = {
  "count.h": `#ifdef __cplusplus
extern "C" {
#endif
extern int count_start;
int count_next(void);
typedef int (*count_function)(void);
count_function count_pointer(void);
const char *count_linked(void);
void count_jump(void *back, int value);
#ifdef __cplusplus
}
#endif
`,
  "count.c": unique(`#include "count.h"
#include <setjmp.h>
#ifndef LINKED
#define LINKED "shared"
#endif
int count_start = 100;
static int counted;
int count_next(void) { return count_start + counted++; }
count_function count_pointer(void) { return count_next; }
const char *count_linked(void) { return LINKED; }
void count_jump(void *back, int value) { longjmp(*(jmp_buf *) back, value); }`),
};

/** A C++ library that needs it, and throws. */
const words = {
  "words.h": `#include <stdexcept>
#include <string>
struct too_long : std::runtime_error { using std::runtime_error::runtime_error; };
std::string words_next(int longest);
`,
  "words.cpp": `#include "words.h"
#include <count.h>
std::string words_next(int longest) {
  std::string word = "word " + std::to_string(count_pointer()());
  if ((int) word.size() > longest) throw too_long(word + " is too long");
  return word;
}
`,
};

const project = (name, files) => ({
  "pyproject.toml": `[build-system]\nrequires = ["setuptools"]\nbuild-backend = "setuptools.build_meta"\n[project]\nname = "${name}"\nversion = "1.0"\n`,
  ...files,
});

/** A package that links the C++ library, deep in its own directories. */
const writer = project("writer", {
  "setup.py": `from setuptools import Extension, setup
setup(packages=["writer", "writer.inner"], ext_modules=[Extension("writer.inner._writer", ["writer.cpp"], libraries=["words"])])
`,
  "writer/__init__.py": "from writer.inner._writer import next_word\n",
  "writer/inner/__init__.py": "",
  "writer.cpp": `#include <Python.h>
#include <words.h>
static PyObject *next_word(PyObject *, PyObject *longest) {
  try {
    return PyUnicode_FromString(words_next((int) PyLong_AsLong(longest)).c_str());
  } catch (const too_long &error) {
    PyErr_SetString(PyExc_ValueError, error.what());
    return nullptr;
  }
}
static PyMethodDef methods[] = {{"next_word", next_word, METH_O, nullptr}, {}};
static PyModuleDef module = {PyModuleDef_HEAD_INIT, "_writer", nullptr, -1, methods};
PyMODINIT_FUNC PyInit__writer() { return PyModule_Create(&module); }
`,
});

/** One that links the C library alone. */
const counter = project("counter", {
  "setup.py": `from setuptools import Extension, setup
setup(ext_modules=[Extension("counter", ["counter.c"], libraries=["count"])], py_modules=[])
`,
  "counter.c": `#include <Python.h>
#include <count.h>
#include <setjmp.h>
static PyObject *next(PyObject *self, PyObject *none) { return PyLong_FromLong(count_next()); }
static PyObject *start(PyObject *self, PyObject *at) { count_start = (int) PyLong_AsLong(at); Py_RETURN_NONE; }
static PyObject *jumped(PyObject *self, PyObject *value) {
  jmp_buf back;
  int came = setjmp(back);
  if (came == 0) count_jump(&back, (int) PyLong_AsLong(value));
  return PyLong_FromLong(came);
}
static PyObject *linked(PyObject *self, PyObject *none) { return PyUnicode_FromString(count_linked()); }
static PyMethodDef methods[] = {{"next", next, METH_NOARGS}, {"start", start, METH_O}, {"linked", linked, METH_NOARGS},
  {"jumped", jumped, METH_O}, {0}};
static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, "counter", NULL, -1, methods};
PyMODINIT_FUNC PyInit_counter(void) { return PyModule_Create(&module); }
`,
});

/** By project: its source, and what its recipe says besides. */
const projects = {
  count: [
    count,
    `[build]
type = "shared-library"
script = """
$CC -c count.c -o shared.o
$CC -c -DLINKED='"static"' count.c -o static.o
mkdir -p "$PREFIX/lib" "$PREFIX/include"
$CC -shared shared.o -o "$PREFIX/lib/libcount.so.1"
ln -s libcount.so.1 "$PREFIX/lib/libcount.so"
$AR rcs "$PREFIX/lib/libcount.a" static.o
cp count.h "$PREFIX/include"
"""
`,
  ],
  words: [
    words,
    `[build]
type = "shared-library"
script = """
mkdir -p "$PREFIX/lib" "$PREFIX/include"
$CXX -fwasm-exceptions -shared words.cpp -lcount -o "$PREFIX/lib/libwords.so"
cp words.h "$PREFIX/include"
"""
[requirements]
host = ["count"]
`,
  ],
  writer: [
    writer,
    `[build]
cxxflags = ["-fwasm-exceptions"]
[requirements]
build = ["setuptools"]
host = ["words"]
`,
  ],
  counter: [counter, `[requirements]\nbuild = ["setuptools"]\nhost = ["count"]\n`],
};

/** Both packages at once, one of which throws across its library. */
const code = `
import counter, writer
assert [writer.next_word(8), writer.next_word(8)] == ["word 100", "word 101"]
try:
    writer.next_word(3)
except ValueError as error:
    assert str(error) == "word 102 is too long", error
else:
    raise AssertionError("nothing was thrown")
assert counter.linked() == "shared", counter.linked()
assert [counter.jumped(7), counter.jumped(8)] == [7, 8]
`;

/** Each has its own copy of the C library. */
const apart = `${code}
assert [counter.next(), counter.next()] == [100, 101]
counter.start(200)
found = [counter.next(), writer.next_word(8)]
assert found == [202, "word 103"], found
`;

let directory, upstream, server;
before(async () => {
  directory = temporaryDirectory();
  const sources = Object.entries(projects).map(([name, [source]]) => [`${name}-1.0.tar.gz`, sdist(`${name}-1.0`, source)]);
  const files = Object.fromEntries(sources);
  upstream = await startProjects(files);
  const recipes = join(directory.path, "recipes");
  mkdirSync(recipes);
  cpSync(join(root, "recipes/build-requirements.toml"), join(recipes, "build-requirements.toml"));
  for (const [name, [, more]] of Object.entries(projects)) {
    const hash = sha256(files[`${name}-1.0.tar.gz`]);
    const source = `[package]\nname = "${name}"\nversion = "1.0"\n[source]\npypi = "${name}"\nsha256 = "${hash}"\n`;
    mkdirSync(join(recipes, name));
    writeFileSync(join(recipes, name, "recipe.toml"), source + more);
  }
  const own = join(directory.path, "data");
  const blobs = join(data, "store/blobs");
  const found = readdirSync(blobs, { recursive: true }).find((path) => /micropip-[^/]*\.whl$/.test(path));
  const published = await run(["publish", join(blobs, found), "--data", own]);
  assert.equal(published.code, 0, published.stderr);
  const from = ["--recipes", recipes, "--upstream", upstream.url];
  server = await startServer(["up", "writer", "counter", ...from, "--bake", "--data", own]);
});
after(async () => {
  await server?.stop();
  upstream?.stop();
  directory?.remove();
});

/** What admission found in a package: side modules with where what they need is, and all warnings. */
async function admitted(name) {
  const wheel = `${name}-1.0-cp314-cp314-pyemscripten_${abi}_wasm32.whl`;
  const { side_modules, checks } = await (await fetch(`${server.base}/packages/${name}/${wheel}/admission.json`)).json();
  const found = ({ path, needed }) => [path, needed.map(({ found }) => found)];
  return { modules: Object.fromEntries(side_modules.map(found)), warnings: checks.flatMap(({ findings }) => findings) };
}

test("each wheel has all libraries that it needs, where its modules' runtime paths lead", async () => {
  assert.deepEqual(await admitted("writer"), {
    modules: {
      "writer.libs/libcount.so": [],
      "writer.libs/libwords.so": ["writer.libs/libcount.so"],
      "writer/inner/_writer.cpython-314-wasm32-emscripten.so": ["writer.libs/libwords.so"],
    },
    warnings: [],
  });
  assert.deepEqual(await admitted("counter"), {
    modules: {
      "counter.cpython-314-wasm32-emscripten.so": ["counter.libs/libcount.so"],
      "counter.libs/libcount.so": [],
    },
    warnings: [],
  });
});

test("our loader keeps the two copies of a library apart", async () => {
  await inNode(withLoader, { base: server.base, abi, packages: ["counter", "writer"], code: apart });
});

test("in an environment they are what they were: their state, exceptions and jumps between them", async () => {
  const argument = { base: server.base, abi, environment: "writer-counter", packages: [], code: `${apart}\n"done"` };
  await inNode(withEnvironment, argument);
  for (const engine of ["chromium", "firefox"]) {
    const browser = await startBrowser(engine);
    try {
      assert.equal(await browser.inPage(withEnvironment, argument), "done", engine);
      assert.equal(await browser.inWorker(withEnvironment, argument), "done", engine);
    } finally {
      await browser.stop();
    }
  }
});

// The runtime's own loader gives one address to all that export the same name; see recipes/README.md.
for (const client of [withLoadPackage, withMicropip]) {
  test(`both packages import and work: ${client.name}`, async () => {
    await inNode(client, { base: server.base, abi, packages: ["counter", "writer"], code });
  });
}
