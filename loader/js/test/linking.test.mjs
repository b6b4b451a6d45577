// The linker against the real runtime, with side modules made for it.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { BASES, extensionModule, op, sideModule } from "./support/assembler.mjs";
import { serveChannel } from "./support/channel.mjs";
import { refused } from "./support/refused.mjs";
import { attach, startPyodide } from "./support/runtime.mjs";
import { wheel } from "./support/wheel.mjs";

const SO = "cpython-314-wasm32-emscripten.so";

/** Exports a function that returns 30, and a number in memory that its constructor makes 12. */
const library = sideModule({
  memory: 16,
  types: [":i", ":"],
  imports: BASES,
  functions: [
    { type: 0, export: "library_thirty", code: [op.constant(30)] },
    { type: 1, export: "__wasm_call_ctors", code: [op.global(0), op.global(0), op.load(8), op.constant(2), op.add, op.store(8)] },
  ],
  data: { library_number: 8 },
  contents: { 8: [10, 0, 0, 0] },
});

/** Reads the number by its address, calls the function directly, and once more by its address. */
const user = extensionModule({
  name: "_native",
  method: "ask",
  needed: ["liblibrary.so"],
  paths: ["$ORIGIN/../needing.libs"],
  types: [":i"],
  imports: [
    ["env", "library_thirty", "function", 5],
    ["GOT.mem", "library_number", "address"],
    ["GOT.func", "library_thirty", "address"],
  ],
  body: [op.global(2), op.load(0), op.call(0), op.add, op.global(3), op.indirect(5), op.add],
});

const missing = extensionModule({
  name: "broken",
  method: "ask",
  types: [":i"],
  imports: [["env", "symbol_of_nobody", "function", 5]],
  body: [op.call(0)],
});

const weak = extensionModule({
  name: "weak",
  method: "ask",
  weak: [["GOT.mem", "symbol_of_nobody"]],
  imports: [["GOT.mem", "symbol_of_nobody", "address"]],
  body: [op.global(2), op.constant(7), op.add],
});

/** Its address of its own function is set after it is there. */
const own = sideModule({
  memory: 16,
  types: [":i"],
  imports: [...BASES, ["GOT.func", "own_five", "address"]],
  functions: [
    { type: 0, export: "own_five", code: [op.constant(5)] },
    { type: 0, export: "ask", code: [op.global(2), op.indirect(0)] },
  ],
});

let channel;
let pyodide;
let loader;

before(async () => {
  channel = await serveChannel([
    wheel({
      name: "needing",
      files: { "needing/__init__.py": "", [`needing/_native.${SO}`]: user, "needing.libs/liblibrary.so": library },
    }),
    wheel({ name: "broken", files: { [`broken.${SO}`]: missing, "broken_data.txt": "x" } }),
    wheel({ name: "weak", files: { [`weak.${SO}`]: weak } }),
    wheel({ name: "lonely", files: { "lonely/lib.so": sideModule({ needed: ["libnowhere.so"] }) } }),
    wheel({ name: "own", files: { "own/libown.so": own } }),
    wheel({
      name: "damaged",
      files: { "damaged/a.so": extensionModule({ name: "a", method: "b", body: [op.constant(1)] }).fill(0, 8, 40) },
    }),
  ]);
  pyodide = await startPyodide();
  loader = await attach(pyodide, { repodata: channel.repodata });
});

after(() => channel.close());

test("a needed library is linked when the module is imported", async () => {
  await loader.install("needing");
  const loaded = () => Object.keys(pyodide._module.LDSO.loadedLibsByName).filter((name) => name.includes("needing"));
  assert.deepEqual(loaded(), []);
  // 12 from memory after the constructor, 30 and 30 from the function.
  assert.equal(pyodide.runPython("from needing._native import ask; ask()"), 72);
  assert.deepEqual(loaded().sort(), [
    "/lib/python3.14/site-packages/needing.libs/liblibrary.so",
    `/lib/python3.14/site-packages/needing/_native.${SO}`,
  ]);
});

test("its bytes are neither in the file system nor in memory", () => {
  const path = `/lib/python3.14/site-packages/needing/_native.${SO}`;
  assert.equal(pyodide.FS.stat(path).size, 0);
});

test("ctypes sees the same library", () => {
  const code = `
import ctypes
library = ctypes.CDLL("/lib/python3.14/site-packages/needing.libs/liblibrary.so")
(library.library_thirty(), ctypes.c_int.in_dll(library, "library_number").value)
`;
  assert.deepEqual(pyodide.runPython(code).toJs(), [30, 12]);
});

test("a missing symbol is named, and nothing is written", async () => {
  assert.deepEqual(await refused(loader.install("broken")), {
    code: "missing_symbol",
    message: `/lib/python3.14/site-packages/broken.${SO} imports the function \`symbol_of_nobody\` from \`env\`, which neither the runtime nor a needed library provides`,
  });
  const names = pyodide.FS.readdir("/lib/python3.14/site-packages");
  assert.deepEqual(names.filter((name) => name.startsWith("broken")), []);
  assert.equal(pyodide.loadedPackages.broken, undefined);
});

test("a missing library is named", async () => {
  assert.deepEqual(await refused(loader.install("lonely")), {
    code: "missing_library",
    message:
      '/lib/python3.14/site-packages/lonely/lib.so needs the library "libnowhere.so", which is neither installed nor part of this installation',
  });
});

test("a weak symbol that nobody defines is null", async () => {
  await loader.install("weak");
  assert.equal(pyodide.runPython("import weak; weak.ask()"), 7);
});

test("a module's address of its own function", async () => {
  await loader.install("own");
  const code = "import ctypes; ctypes.CDLL('/lib/python3.14/site-packages/own/libown.so').ask()";
  assert.equal(pyodide.runPython(code), 5);
});

test("a side module that cannot be read is refused", async () => {
  const { code, message } = await refused(loader.install("damaged"));
  assert.equal(code, "bad_module");
  assert.match(message, /^\/lib\/python3\.14\/site-packages\/damaged\/a\.so: /);
});

test("the interpreter goes on", () => {
  assert.equal(pyodide.runPython("from needing._native import ask; ask()"), 72);
});
