// Side modules by bytes, so that tests need no compiler.

export const unsigned = (value) => {
  const bytes = [];
  do {
    const rest = Math.floor(value / 128);
    bytes.push((value % 128) | (rest > 0 ? 128 : 0));
    value = rest;
  } while (value > 0);
  return bytes;
};

const signed = (value) => {
  const bytes = [];
  for (;;) {
    const low = value & 127;
    value >>= 7;
    const last = (value === 0 && (low & 64) === 0) || (value === -1 && (low & 64) !== 0);
    bytes.push(last ? low : low | 128);
    if (last) return bytes;
  }
};

const text = (value) => {
  const bytes = [...new TextEncoder().encode(value)];
  return [...unsigned(bytes.length), ...bytes];
};
const list = (items) => [...unsigned(items.length), ...items.flat()];
const block = (id, bytes) => [id, ...unsigned(bytes.length), ...bytes];

const I32 = 0x7f;
const type = (signature) => {
  const [parameters, results] = signature.split(":").map((part) => [...part].map(() => I32));
  return [0x60, ...list(parameters.map((value) => [value])), ...list(results.map((value) => [value]))];
};

/** Instructions of which the tests' functions consist. */
export const op = {
  constant: (value) => [0x41, ...signed(value)],
  global: (index) => [0x23, ...unsigned(index)],
  local: (index) => [0x20, ...unsigned(index)],
  call: (index) => [0x10, ...unsigned(index)],
  indirect: (typeIndex) => [0x11, ...unsigned(typeIndex), 0],
  add: [0x6a],
  load: (offset) => [0x28, 2, ...unsigned(offset)],
  store: (offset) => [0x36, 2, ...unsigned(offset)],
};

const IMPORT_KINDS = {
  function: (typeIndex) => [0, ...unsigned(typeIndex)],
  table: () => [1, 0x70, 0, 0],
  memory: () => [2, 0, 0],
  constant: () => [3, I32, 0],
  address: () => [3, I32, 1],
};
const EXPORT_KINDS = { function: 0, global: 3 };

/**
 * A side module.
 *
 * @param {object} module
 * @param {string[]} module.types signatures such as `ii:i` (parameters, results, all i32)
 * @param {[string, string, string, number?][]} module.imports module, name, kind, type of functions
 * @param {{ type: number, code: number[][], export?: string }[]} module.functions
 * @param {Record<string, number>} module.data exported offsets in memory
 * @param {Record<number, number[]>} module.contents bytes by offset
 * @param {number[]} module.elements indices of functions that go into the table
 */
export function sideModule({
  memory = 0,
  needed = [],
  paths = [],
  weak = [],
  types = [],
  imports = [],
  functions = [],
  data = {},
  contents = {},
  elements = [],
}) {
  const base = imports.filter(([, , kind]) => !["function", "memory", "table"].includes(kind));
  const memoryBase = base.findIndex(([, name]) => name === "__memory_base");
  const tableBase = base.findIndex(([, name]) => name === "__table_base");
  const imported = imports.filter(([, , kind]) => kind === "function").length;
  const blob = Array(Object.keys(contents).length > 0 ? memory : 0).fill(0);
  for (const [offset, bytes] of Object.entries(contents)) blob.splice(Number(offset), bytes.length, ...bytes);
  const dylink = [
    ...block(1, [...unsigned(memory), 4, ...unsigned(elements.length), 0]),
    ...(needed.length > 0 ? block(2, list(needed.map(text))) : []),
    ...(weak.length > 0 ? block(4, list(weak.map(([from, name]) => [...text(from), ...text(name), 1]))) : []),
    ...(paths.length > 0 ? block(5, list(paths.map(text))) : []),
  ];
  const exported = [
    ...functions.flatMap((one, index) => (one.export ? [[one.export, "function", imported + index]] : [])),
    ...Object.keys(data).map((name, index) => [name, "global", base.length + index]),
  ];
  const sections = [
    block(0, [...text("dylink.0"), ...dylink]),
    block(1, list(types.map(type))),
    block(2, list(imports.map(([from, name, kind, index]) => [...text(from), ...text(name), ...IMPORT_KINDS[kind](index)]))),
    block(3, list(functions.map((one) => unsigned(one.type)))),
    block(6, list(Object.values(data).map((offset) => [I32, 0, ...op.constant(offset), 0x0b]))),
    block(7, list(exported.map(([name, kind, index]) => [...text(name), EXPORT_KINDS[kind], ...unsigned(index)]))),
    ...(elements.length > 0
      ? [block(9, list([[0, ...op.global(tableBase), 0x0b, ...list(elements.map(unsigned))]]))]
      : []),
    block(10, list(functions.map(({ code }) => {
      const body = [0, ...code.flat(), 0x0b];
      return [...unsigned(body.length), ...body];
    }))),
    // One segment: adding to the memory base in a constant expression is a later feature.
    ...(blob.length > 0 ? [block(11, list([[0, ...op.global(memoryBase), 0x0b, ...list(blob.map((byte) => [byte]))]]))] : []),
  ];
  return Uint8Array.from([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0, ...sections.flat()]);
}

export const ascii = (value) => [...new TextEncoder().encode(`${value}\0`)];

/** The imports of every module that has memory and a table, in the order that `op.global` counts. */
export const BASES = [
  ["env", "memory", "memory"],
  ["env", "__indirect_function_table", "table"],
  ["env", "__memory_base", "constant"],
  ["env", "__table_base", "constant"],
];

/**
 * A Python extension module with one function without arguments.
 *
 * @param {object} module as of `sideModule`, and
 * @param {string} module.name last part of the Python module's name
 * @param {string} module.method name of its function
 * @param {number[][]} module.body leaves the number to return; `call(n)` is the nth of `imports`
 */
export function extensionModule({ name, method, body, types = [], imports = [], ...rest }) {
  // PyModuleDef, then its methods, then texts; offsets as for a 32-bit CPython 3.14.
  const [definition, methods, nameText, methodText] = [0, 64, 128, 192];
  const functionImports = imports.filter(([, , kind]) => kind === "function").length;
  const [toLong, create] = [functionImports, functionImports + 1];
  const first = functionImports + 2;
  const store = (offset, value) => [...op.global(0), ...value, ...op.store(offset)];
  const inMemory = (offset) => [...op.global(0), ...op.constant(offset), ...op.add];
  const [noneType, initType, methodType, createType] = [0, 1, 2, 3];
  return sideModule({
    ...rest,
    memory: 256,
    types: [":", ":i", "ii:i", "ii:i", "i:i", ...types],
    imports: [
      ...BASES,
      ...imports,
      ["env", "PyLong_FromLong", "function", 4],
      ["env", "PyModule_Create2", "function", createType],
    ],
    functions: [
      {
        type: noneType,
        export: "__wasm_apply_data_relocs",
        code: [
          store(definition + 20, inMemory(nameText)),
          store(definition + 32, inMemory(methods)),
          store(methods, inMemory(methodText)),
          store(methods + 4, op.global(1)),
        ],
      },
      { type: methodType, code: [...body, op.call(toLong)] },
      {
        type: initType,
        export: `PyInit_${name}`,
        code: [op.global(0), op.constant(1013), op.call(create)],
      },
    ],
    elements: [first + 1],
    contents: {
      // m_size is -1, and the function takes no arguments.
      [definition + 28]: [255, 255, 255, 255],
      [methods + 8]: [4, 0, 0, 0],
      [nameText]: ascii(name),
      [methodText]: ascii(method),
      ...rest.contents,
    },
  });
}
