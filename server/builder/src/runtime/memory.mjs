// How images hold memory: as what differs from a memory that can be made again. The format is described in
// ARCHITECTURE.md.
import { createHash } from "node:crypto";
import { writeFile } from "node:fs/promises";
import createModule from "/runtime/pyodide.asm.mjs";

/** Between two runs lie at least so many bytes that do not differ: about what it costs to name a run. */
const LEAST_GAP = 16;

/** Bounds how long memory is searched for free pieces. */
const MOST_PIECES = 1_000_000;

/** Bytes of a piece: a loader checks piece by piece what arrives, while the rest is on its way. */
const PIECE = 1 << 19;

const sha256 = (bytes) => createHash("sha256").update(bytes).digest("hex");

/** Ends with what is wrong. Node itself would show the line that it was thrown in, which is the runtime's whole source. */
export function stop(error) {
  process.stderr.write(`${error?.message ?? error}\n`);
  process.exit(1);
}

/** Writes a file whose name tells its contents into `directory`; how an index names it. */
export async function write(directory, name, extension, bytes) {
  const digest = sha256(bytes);
  const file = `${name}-${digest.slice(0, 16)}.${extension}`;
  await writeFile(`${directory}/${file}`, bytes);
  const starts = Array.from({ length: Math.ceil(bytes.length / PIECE) }, (_, index) => index * PIECE);
  const pieces = starts.map((start) => sha256(bytes.subarray(start, start + PIECE)));
  return { file, sha256: digest, size: bytes.length, pieces: { size: PIECE, sha256: pieces } };
}

/**
 * An option of `loadPyodide`; once the interpreter is there, the memory before anything ran, and where the runtime's
 * functions were then.
 */
export function watchMemory() {
  const watched = {
    before: undefined,
    functions: undefined,
    async createPyodideModule(settings) {
      let start, given, own;
      const module = await createModule({
        ...settings,
        instantiateWasm(imports, done) {
          return settings.instantiateWasm(imports, (instance, module) => {
            watched.before = new Uint8Array(instance.exports.memory.buffer).slice();
            [given, own] = [imports.env, { ...instance.exports }];
            start = own.__indirect_function_table.length;
            done(instance, module);
          });
        },
      });
      watched.functions = functions(module, start, given, own);
      return module;
    },
  };
  return watched;
}

/** Where the runtime's functions are in its table: the module's own, and those of JavaScript that have an address. */
function functions({ GOT, wasmTable }, start, given, own) {
  let next = start;
  const names = Object.keys(own).filter((name) => typeof own[name] === "function");
  const exported = names.map((name) => {
    const slot = GOT[name]?.value ?? -1;
    if (slot !== next) return slot;
    next += 1;
    return 0;
  });
  const addresses = Object.entries(GOT).map(([name, { value }]) => [name, value]);
  const others = addresses.filter(([name, slot]) => slot >= next && own[name] === undefined && typeof given[name] === "function");
  return { start, length: wasmTable.length, exported, others: Object.fromEntries(others) };
}

/**
 * Takes the memory of a Pyodide that was started with `_makeSnapshot`.
 *
 * @param watched what {@link watchMemory} has seen
 * @param data what side modules bring, by address
 * @returns the header that Pyodide writes, where functions are, and how an index names the memory
 */
export async function writeMemory(directory, name, pyodide, { before, functions }, data = []) {
  clearUnused(pyodide._module);
  const snapshot = snapshotOf(pyodide);
  const [length] = new Uint32Array(snapshot.buffer, snapshot.byteOffset + 4, 1);
  const after = snapshot.subarray(length);
  const used = before.findLastIndex((byte) => byte !== 0) + 1;
  const made = new Uint8Array(after.length);
  made.set(before.subarray(0, used));
  for (const [address, bytes] of data) made.set(bytes, address);
  const runs = differences(made, after);
  const memory = {
    ...(await write(directory, name, "bin", encoded(runs, after))),
    runs: runs.length,
    length: after.length,
    before: { sha256: sha256(before.subarray(0, used)), size: used },
  };
  return { header: Buffer.from(snapshot.subarray(0, length)).toString("base64"), functions, memory };
}

/** Sizes that free memory is asked for in, bytes. */
const SIZES = [1 << 20, 1 << 16, 1 << 12, 1 << 9, 1 << 6, 1 << 4];

/** Fills with zeros what nobody uses: the stack that is free, and what `malloc` has to give. */
function clearUnused(module) {
  const runtime = module.LDSO.loadedLibsByHandle[0].exports;
  module.HEAPU8.fill(0, runtime.emscripten_stack_get_end(), runtime.emscripten_stack_get_current());
  // Behind it nothing was ever used.
  const used = module.HEAPU32[runtime.emscripten_get_sbrk_ptr() >>> 2];
  const taken = [];
  for (const size of SIZES) {
    for (;;) {
      const address = module._malloc(size);
      if (address === 0) break;
      taken.push(address);
      // Smaller pieces may be left below.
      if (address + size > used || taken.length > MOST_PIECES) break;
      module.HEAPU8.fill(0, address, address + size);
    }
  }
  for (const address of taken) module._free(address);
}

/** Pyodide's own snapshot: a header, which names what Python holds of JavaScript's, and the memory. */
function snapshotOf(pyodide) {
  try {
    return pyodide.makeMemorySnapshot();
  } catch ({ message }) {
    // It writes down how to find what Python holds of JavaScript's.
    const held = /serialize/.test(message) ? "Python holds a JavaScript object that no global name leads to; delete what holds it: " : "";
    throw new Error(`the image cannot be restored: ${held}${message}`);
  }
}

/** Where two memories differ, as starts and ends. */
function differences(before, after) {
  const runs = [];
  let [start, end] = [-1, 0];
  for (let at = 0; at < after.length; at += 1) {
    if (after[at] === before[at]) continue;
    if (start >= 0 && at - end >= LEAST_GAP) {
      runs.push([start, end]);
      start = at;
    }
    if (start < 0) start = at;
    end = at + 1;
  }
  if (start >= 0) runs.push([start, end]);
  return runs;
}

/** Gaps before the runs, their lengths, each as 32 bits with the lowest byte first; then their bytes. */
function encoded(runs, after) {
  const numbers = new Uint32Array(runs.length * 2);
  let last = 0;
  runs.forEach(([start, end], index) => {
    numbers[index] = start - last;
    numbers[runs.length + index] = end - start;
    last = end;
  });
  return Buffer.concat([Buffer.from(numbers.buffer), ...runs.map(([start, end]) => after.subarray(start, end))]);
}
