// Shared libraries: built by recipes of their own, linked by two packages, and taken along in the wheels of both.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { freshCache } from "../support/cache.mjs";
import { withLoader, withLoadPackage, withMicropip } from "../support/clients.mjs";
import { inNode } from "../support/node-clients.mjs";
import { run, startServer } from "../support/program.mjs";
import { abi, data, root, runtimeVersion } from "../support/settings.mjs";
import { sdist, sha256, startProjects, temporaryDirectory } from "../support/upstream.mjs";

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
#ifdef __cplusplus
}
#endif
`,
  "count.c": `#include "count.h"
#ifndef LINKED
#define LINKED "shared"
#endif
int count_start = 100;
static int counted;
int count_next(void) { return count_start + counted++; }
count_function count_pointer(void) { return count_next; }
const char *count_linked(void) { return LINKED; }
`,
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
static PyObject *next(PyObject *self, PyObject *none) { return PyLong_FromLong(count_next()); }
static PyObject *start(PyObject *self, PyObject *at) { count_start = (int) PyLong_AsLong(at); Py_RETURN_NONE; }
static PyObject *linked(PyObject *self, PyObject *none) { return PyUnicode_FromString(count_linked()); }
static PyMethodDef methods[] = {{"next", next, METH_NOARGS}, {"start", start, METH_O}, {"linked", linked, METH_NOARGS}, {0}};
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

/** Both packages at once, in either order: each has its own copy of the C library. */
const code = `
import counter, writer
assert [writer.next_word(8), writer.next_word(8)] == ["word 100", "word 101"]
try:
    writer.next_word(3)
except ValueError as error:
    assert str(error) == "word 102 is too long", error
else:
    raise AssertionError("no exception")
assert [counter.next(), counter.next()] == [100, 101]
counter.start(200)
assert [counter.next(), writer.next_word(8)] == [202, "word 103"]
assert counter.linked() == "shared", counter.linked()
`;

let directory, upstream, server, args;
before(async () => {
  directory = temporaryDirectory();
  const sources = Object.entries(projects).map(([name, [files]]) => [`${name}-1.0.tar.gz`, sdist(`${name}-1.0`, files)]);
  upstream = await startProjects(Object.fromEntries(sources));
  const recipes = join(directory.path, "recipes");
  mkdirSync(recipes);
  cpSync(join(root, "recipes/build-requirements.toml"), join(recipes, "build-requirements.toml"));
  for (const [[filename, bytes], [name, [, more]]] of sources.map((source, at) => [source, Object.entries(projects)[at]])) {
    mkdirSync(join(recipes, name));
    const source = `[package]\nname = "${name}"\nversion = "1.0"\n[source]\npypi = "${name}"\nsha256 = "${sha256(bytes)}"\n`;
    writeFileSync(join(recipes, name, "recipe.toml"), source + more);
  }
  const own = join(directory.path, "data");
  const blobs = join(data, "store/blobs");
  const found = readdirSync(blobs, { recursive: true }).find((path) => /micropip-[^/]*\.whl$/.test(path));
  const published = await run(["publish", join(blobs, found), "--data", own]);
  assert.equal(published.code, 0, published.stderr);
  const cache = await freshCache(directory.path);
  args = ["--recipes", recipes, "--upstream", upstream.url, "--cache", cache];
  server = await startServer(["up", "writer", "counter", ...args, "--data", own]);
});
after(async () => {
  await server?.stop();
  upstream?.stop();
  directory?.remove();
});

/** What admission found of each side module: needed libraries and where they are. */
async function linked(name) {
  const address = `${server.base}/packages/${name}/${name}-1.0-cp314-cp314-pyemscripten_${abi}_wasm32.whl/admission.json`;
  const report = await (await fetch(address)).json();
  return report;
}

test("each wheel has the libraries that it needs, and its modules find them", async () => {
});

for (const [name, client] of Object.entries({ "our loader": withLoader, loadPackage: withLoadPackage, micropip: withMicropip })) {
  test(`both packages work side by side, installed by ${name}`, async () => {
    for (const packages of [["writer", "counter"], ["counter", "writer"]]) {
      await inNode(client, { base: server.base, abi, packages, code });
    }
  });
}
