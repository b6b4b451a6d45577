import { addressEntry, type EmscriptenModule, type Symbol_ } from "./runtime.js";

/** Where the runtime's own functions are in its table, as an image has them. */
export interface RuntimeFunctions {
  /** How long the table is before Emscripten gives addresses to symbols, and afterwards. */
  start: number;
  length: number;
  /** Slots of the functions that the module exports, in their order: 0 is the next one from `start`, -1 none. */
  exported: number[];
  /** Slots of functions in JavaScript, by name. */
  others: Record<string, number>;
}

/**
 * Puts the runtime's functions where an image has them, before Emscripten looks for a place for each of thousands. Where
 * they do not fit, nothing is done, and Emscripten does it.
 *
 * @param imports what the runtime's module was instantiated with
 */
export function placeFunctions(
  module: Pick<EmscriptenModule, "GOT">,
  imports: WebAssembly.Imports,
  exports: WebAssembly.Exports,
  { start, length, exported, others }: RuntimeFunctions,
): void {
  const table = exports["__indirect_function_table"];
  const names = Object.keys(exports).filter((name) => typeof exports[name] === "function");
  if (!(table instanceof WebAssembly.Table) || table.length !== start || names.length !== exported.length) return;
  let next = start;
  const slots = exported.map((slot) => slot || next++);
  const isNew = (slot: number): boolean => Number.isInteger(slot) && slot >= start && slot < length;
  const isOwn = (slot: number, name: string | undefined): boolean => slot < start && table.get(slot) === exports[name ?? ""];
  const isThere = slots.every((slot, index) => slot === -1 || isNew(slot) || isOwn(slot, names[index]));
  const isFitting = isThere && Object.values(others).every(isNew);
  const wrapped = isFitting ? wrap(Object.keys(others), imports["env"] ?? {}) : undefined;
  if (wrapped === undefined) return;
  try {
    table.grow(length - start);
  } catch {
    // Emscripten grows it slot by slot, and says it.
    return;
  }
  names.forEach((name, index) => {
    const slot = slots[index] ?? -1;
    if (slot === -1) return;
    if (slot >= start) table.set(slot, exports[name]);
    addressEntry(module, name).value = slot;
  });
  for (const [name, slot] of Object.entries(others)) {
    table.set(slot, wrapped[name]);
    addressEntry(module, name).value = slot;
  }
}

/** WebAssembly's codes for the letters of Emscripten's signatures. */
const TYPES: Record<string, number> = { i: 0x7f, p: 0x7f, j: 0x7e, f: 0x7d, d: 0x7c, e: 0x6f };

/** A table takes no functions of JavaScript: one module imports and exports them all. `undefined` if one has no signature. */
function wrap(names: string[], functions: WebAssembly.ModuleImports): WebAssembly.Exports | undefined {
  const signatures = names.map((name) => (functions[name] as Symbol_ | undefined)?.sig ?? "");
  const types = [...new Set(signatures)];
  const encoded = types.map(([result, ...parameters]) => {
    const results = result === "v" ? [] : [result];
    return [0x60, ...[parameters, results].flatMap((letters) => [letters.length, ...letters.map((letter) => TYPES[letter ?? ""])])];
  });
  if (signatures.includes("") || encoded.flat().includes(undefined)) return undefined;
  const imported = signatures.map((signature, index) => [...text("e"), ...text(String(index)), 0, ...unsigned(types.indexOf(signature))]);
  const exported = names.map((_, index) => [...text(String(index)), 0, ...unsigned(index)]);
  const sections = [...section(1, encoded as number[][]), ...section(2, imported), ...section(7, exported)];
  const module = new WebAssembly.Module(Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0, ...sections));
  const given = Object.fromEntries(names.map((name, index) => [index, functions[name]])) as WebAssembly.ModuleImports;
  const { exports } = new WebAssembly.Instance(module, { e: given });
  return Object.fromEntries(names.map((name, index) => [name, exports[index] as WebAssembly.ExportValue]));
}

function section(code: number, entries: number[][]): number[] {
  const contents = [...unsigned(entries.length), ...entries.flat()];
  return [code, ...unsigned(contents.length), ...contents];
}

function text(ascii: string): number[] {
  return [ascii.length, ...ascii].map((letter) => (typeof letter === "number" ? letter : letter.charCodeAt(0)));
}

/** LEB128. */
function unsigned(value: number): number[] {
  return value < 128 ? [value] : [(value % 128) | 128, ...unsigned(Math.floor(value / 128))];
}
