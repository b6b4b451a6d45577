// Packages of many side modules: C sources by text, built by our builder and published in a channel of their own.
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startServer } from "./program.mjs";
import { root } from "./settings.mjs";
import { sdist, sha256, startProjects } from "./upstream.mjs";

const numbered = (count, text) => Array.from({ length: count }, (_, index) => text(index));

/** An extension module of the size that hand-written accelerators have: a type, functions, exceptions, interned names. */
const small = (name, index) => `#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <string.h>

typedef struct { PyObject_HEAD Py_ssize_t count; double sum; } Total;

static PyObject *total_add(PyObject *self, PyObject *argument) {
    Total *total = (Total *)self;
    double value = PyFloat_AsDouble(argument);
    if (value == -1.0 && PyErr_Occurred()) return NULL;
    total->count += 1;
    total->sum += value * ${index + 1};
    Py_RETURN_NONE;
}

static PyObject *total_mean(PyObject *self, PyObject *unused) {
    Total *total = (Total *)self;
    if (total->count == 0) {
        PyErr_SetString(PyExc_ZeroDivisionError, "nothing was added");
        return NULL;
    }
    return PyFloat_FromDouble(total->sum / (double)total->count);
}

static PyMethodDef total_methods[] = {
    {"add", total_add, METH_O, "Adds a number."},
    {"mean", total_mean, METH_NOARGS, "The mean of what was added."},
    {NULL, NULL, 0, NULL},
};
static PyTypeObject total_type = {
    PyVarObject_HEAD_INIT(NULL, 0)
    .tp_name = "${name}.Total",
    .tp_basicsize = sizeof(Total),
    .tp_flags = Py_TPFLAGS_DEFAULT,
    .tp_new = PyType_GenericNew,
    .tp_methods = total_methods,
};

static PyObject *number(PyObject *self, PyObject *unused) { return PyLong_FromLong(${index}); }

static PyObject *repeat(PyObject *self, PyObject *arguments) {
    const char *text;
    Py_ssize_t length, times;
    if (!PyArg_ParseTuple(arguments, "s#n", &text, &length, &times)) return NULL;
    if (times < 0 || times > 1000) return PyErr_Format(PyExc_ValueError, "%zd times, expected 0 to 1000", times);
    PyObject *result = PyBytes_FromStringAndSize(NULL, length * times);
    if (result == NULL) return NULL;
    for (Py_ssize_t at = 0; at < times; at++) memcpy(PyBytes_AS_STRING(result) + at * length, text, (size_t)length);
    return result;
}

static PyMethodDef methods[] = {
    {"number", number, METH_NOARGS, "The number of this module."},
    {"repeat", repeat, METH_VARARGS, "A text, several times."},
    {NULL, NULL, 0, NULL},
};
static struct PyModuleDef definition = {PyModuleDef_HEAD_INIT, "${name}", "One of many.", -1, methods};
PyMODINIT_FUNC PyInit_${name}(void) {
    if (PyType_Ready(&total_type) < 0) return NULL;
    PyObject *module = PyModule_Create(&definition);
    if (module == NULL) return NULL;
    if (PyModule_AddObjectRef(module, "Total", (PyObject *)&total_type) < 0) Py_CLEAR(module);
    return module;
}
`;

/** One with a few hundred kilobytes of code. */
const large = (name, index) => {
  const kernels = numbered(300, (kernel) => {
    const steps = numbered(12, (step) => {
      const factor = (index * 7919 + kernel * 31 + step * 17) % 9973;
      return `        case ${step}: x = x * ${factor}.5 + a[(at + ${(factor % 61) + 1}) % n] / (x + ${factor + 1}.0); break;`;
    });
    return `static double kernel_${kernel}(const double *a, long n) {
    double x = ${kernel}.25;
    for (long at = 0; at < n; at++) switch ((at + (long)x) % 12) {
${steps.join("\n")}
        default: x -= a[at];
    }
    return x;
}`;
  });
  return `#include <Python.h>
${kernels.join("\n")}
static double (*const kernels[])(const double *, long) = {${numbered(300, (kernel) => `kernel_${kernel}`).join(", ")}};
static PyObject *number(PyObject *self, PyObject *argument) {
    const double values[] = {1, 2, 3};
    long which = PyLong_AsLong(argument);
    if (which == -1 && PyErr_Occurred()) return NULL;
    if (which < 0 || which >= 300) return PyErr_Format(PyExc_IndexError, "there is no kernel %ld", which);
    return PyFloat_FromDouble(kernels[which](values, 3));
}
static PyMethodDef methods[] = {{"number", number, METH_O, NULL}, {NULL, NULL, 0, NULL}};
static struct PyModuleDef definition = {PyModuleDef_HEAD_INIT, "${name}", NULL, -1, methods};
PyMODINIT_FUNC PyInit_${name}(void) { return PyModule_Create(&definition); }
`;
};

/** The projects: how many side modules each has, and their sources. */
const projects = {
  "small-modules": { count: 110, source: small },
  "large-modules": { count: 32, source: large },
};

/** Names of the projects. */
export const sideModuleProjects = Object.keys(projects);

/** Python code that imports every side module of a project. */
export const importAll = (project) =>
  `import importlib\nfor at in range(${projects[project].count}): importlib.import_module("${packageOf(project)}.m%03d" % at)`;

const packageOf = (project) => project.replaceAll("-", "_");

/** The sdist of a project: equal texts make equal bytes, so that it is built once. */
function source(project) {
  const { count, source } = projects[project];
  const name = packageOf(project);
  const modules = numbered(count, (index) => `m${String(index).padStart(3, "0")}`);
  const extensions = `[Extension("${name}." + name, ["src/" + name + ".c"]) for name in ${JSON.stringify(modules)}]`;
  return sdist(`${name}-1.0`, {
    "pyproject.toml": `[build-system]\nrequires = ["setuptools"]\nbuild-backend = "setuptools.build_meta"\n\n[project]\nname = "${project}"\nversion = "1.0"\n`,
    "setup.py": `from setuptools import Extension, setup\nsetup(ext_modules=${extensions}, packages=["${name}"])\n`,
    [`${name}/__init__.py`]: "",
    ...Object.fromEntries(modules.map((module, index) => [`src/${module}.c`, source(module, index)])),
  });
}

/** Serves a channel that has them, with runtime and loader. */
export async function serveSideModules() {
  const directory = mkdtempSync(join(tmpdir(), "pkgsrv-bench-"));
  const remove = () => rmSync(directory, { recursive: true, force: true });
  const files = Object.fromEntries(sideModuleProjects.map((project) => [`${packageOf(project)}-1.0.tar.gz`, source(project)]));
  const upstream = await startProjects(files);
  try {
    const recipes = join(directory, "recipes");
    mkdirSync(recipes);
    cpSync(join(root, "recipes/build-requirements.toml"), join(recipes, "build-requirements.toml"));
    for (const project of sideModuleProjects) {
      const hash = sha256(files[`${packageOf(project)}-1.0.tar.gz`]);
      mkdirSync(join(recipes, project));
      writeFileSync(
        join(recipes, project, "recipe.toml"),
        `[package]\nname = "${project}"\nversion = "1.0"\n\n[source]\npypi = "${project}"\nsha256 = "${hash}"\n\n[requirements]\nbuild = ["setuptools"]\n`,
      );
    }
    const from = ["--recipes", recipes, "--upstream", upstream.url];
    const data = join(directory, "data");
    const server = await startServer(["up", ...sideModuleProjects, ...from, "--data", data]);
    return {
      base: server.base,
      /** The runtime's files. */
      runtimes: join(data, "runtime/pyodide"),
      async stop() {
        await server.stop();
        remove();
      },
    };
  } catch (error) {
    remove();
    throw error;
  } finally {
    upstream.stop();
  }
}
