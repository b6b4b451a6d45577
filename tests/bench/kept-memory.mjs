// Bytes of memory that the side modules of a package keep: what loading them adds to the interpreter's heap in use and to
// all buffers, after a collection, without what the other files of the package weigh.
// node --expose-gc bench/kept-memory.mjs CLIENT ARGUMENT
import { load, showMessagesOnly } from "../support/node-clients.mjs";

showMessagesOnly();

/** Buffers outside of the interpreter's memory, and what of that is in use. */
async function inUse(module) {
  // Buffers are freed by finalizers, some time after the collection that found them.
  for (let turn = 0; turn < 5; turn += 1) {
    globalThis.gc();
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  // The 8th number of mallinfo's struct is the bytes that are allocated.
  const answer = module._malloc(40);
  module._mallinfo(answer);
  const allocated = module.HEAP32[(answer >> 2) + 7];
  module._free(answer);
  return process.memoryUsage().external - module.HEAP8.length + allocated;
}

/** Opens all side modules of the site directory, without running what importing them would run; bytes of other files. */
const openAll = `
import ctypes, os, site
others = 0
for folder, _, files in os.walk(site.getsitepackages()[0]):
    for file in files:
        path = os.path.join(folder, file)
        if file.endswith(".so"):
            opened.append(ctypes.CDLL(path))
        else:
            others += os.stat(path).st_size
others`;

const [, , name, argument] = process.argv;
let before = 0;
const pyodide = await load(name, JSON.parse(argument), async (booted) => {
  booted.runPython("opened = []\nimport ctypes, os, site");
  before = await inUse(booted._module);
});
const others = pyodide.runPython(openAll);
const kept = (await inUse(pyodide._module)) - before - others;
process.stdout.write(`\n${JSON.stringify({ kept, modules: pyodide.runPython("len(opened)"), others })}\n`);
