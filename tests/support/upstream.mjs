// An upstream index of our own, to be wrong on purpose, and recipes that take from it.
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { root } from "./settings.mjs";

export const sha256 = (bytes) => createHash("sha256").update(bytes).digest("hex");

/** A directory that is removed with `remove()`. */
export function temporaryDirectory() {
  const path = mkdtempSync(join(tmpdir(), "pkgsrv-test-"));
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) };
}

/** Whatever would differ between two archives of the same files. */
const sameBytes = ["--sort=name", "--mtime=@0", "--owner=0", "--group=0", "--numeric-owner"];

/** The bytes of an sdist with these files in its top directory; of equal files they are equal. */
export function sdist(name, files) {
  const directory = temporaryDirectory();
  try {
    const top = join(directory.path, name);
    mkdirSync(top);
    for (const [file, text] of Object.entries(files)) {
      mkdirSync(dirname(join(top, file)), { recursive: true });
      writeFileSync(join(top, file), text);
    }
    const archive = join(directory.path, "sdist.tar.gz");
    execFileSync("tar", ["--create", "--gzip", ...sameBytes, "--file", archive, "--directory", directory.path, name]);
    return readFileSync(archive);
  } finally {
    directory.remove();
  }
}

/** The files of a setuptools project `demo` 1.0 with one C extension. */
export const demo = (source) => ({
  "pyproject.toml": `[build-system]\nrequires = ["setuptools"]\nbuild-backend = "setuptools.build_meta"\n\n[project]\nname = "demo"\nversion = "1.0"\n`,
  "setup.py": `from setuptools import Extension, setup\nsetup(ext_modules=[Extension("demo", ["demo.c"])], py_modules=[])\n`,
  "demo.c": source,
});

/** A C extension module `demo` that compiles and imports. */
export const goodSource = `#include <Python.h>
static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, "demo", NULL, -1, NULL};
PyMODINIT_FUNC PyInit_demo(void) { return PyModule_Create(&module); }
`;

/** The same thing made unique, so that no cache has it. */
export const unique = (text) => `${text}\n// ${process.pid} ${Date.now()} ${Math.random()}\n`;

/** A recipe folder with the recipe \`demo\`; `text` may change its text. */
export function recipes(directory, hash, text = (recipe) => recipe) {
  const folder = join(directory, "recipes");
  mkdirSync(join(folder, "demo"), { recursive: true });
  cpSync(join(root, "recipes/build-requirements.toml"), join(folder, "build-requirements.toml"));
  const recipe = `[package]\nname = "demo"\nversion = "1.0"\n\n[source]\npypi = "demo"\nsha256 = "${hash}"\n\n[requirements]\nbuild = ["setuptools"]\n`;
  writeFileSync(join(folder, "demo/recipe.toml"), text(recipe));
  return folder;
}

/** Makes of that recipe one that runs `check.py` of its source, with these tools. */
export const runningCheck = (tools = []) => (recipe) =>
  recipe.replace('[requirements]\nbuild = ["setuptools"]', '[build]\ntype = "static-library"\nscript = "python3 check.py"') +
  `\n[requirements]\nbuild = ${JSON.stringify(tools)}\n`;

/** Lets an index answer on a free port of this machine: its address, and how to stop it. */
async function listening(server) {
  await once(server.listen(0, "127.0.0.1"), "listening");
  return {
    url: `http://127.0.0.1:${server.address().port}/simple`,
    stop() {
      server.close();
      server.closeAllConnections();
    },
  };
}

/** A Simple index with these files, by name; each belongs to the project that its name begins with. `extra` may add keys
 * to what the index says of a file. */
export async function startProjects(files, extra = () => ({})) {
  let answered = 0;
  const projectOf = (filename) => filename.split("-")[0].replaceAll("_", "-").toLowerCase();
  const server = createServer((request, response) => {
    answered += 1;
    const [, folder, name] = request.url.split("/");
    const ours = Object.keys(files).filter((filename) => projectOf(filename) === name);
    if (folder === "simple" && ours.length > 0) {
      response.setHeader("Content-Type", "application/vnd.pypi.simple.v1+json");
      const entries = ours.map((filename) => ({
        filename,
        url: `/files/${filename}`,
        hashes: { sha256: sha256(files[filename]) },
        ...extra(filename),
      }));
      response.end(JSON.stringify({ meta: { "api-version": "1.4" }, name, files: entries }));
    } else if (folder === "files" && files[name]) {
      response.end(files[name]);
    } else {
      response.statusCode = 404;
      response.end();
    }
  });
  /** How many requests there were. */
  return { ...(await listening(server)), answered: () => answered };
}

/** A Simple index with the one file demo-1.0.tar.gz; `answer(response)` sends its bytes. `page(response)` may answer
 * for the file list, and returns whether it did. */
export async function startUpstream(hash, answer, page = () => false) {
  const server = createServer((request, response) => {
    if (request.url === "/simple/demo/") {
      if (page(response)) return;
      response.setHeader("Content-Type", "application/vnd.pypi.simple.v1+json");
      const file = { filename: "demo-1.0.tar.gz", url: "/files/demo-1.0.tar.gz", hashes: { sha256: hash } };
      response.end(JSON.stringify({ meta: { "api-version": "1.4" }, name: "demo", files: [file] }));
    } else if (request.url === "/files/demo-1.0.tar.gz") {
      answer(response);
    } else {
      response.statusCode = 404;
      response.end();
    }
  });
  return listening(server);
}
