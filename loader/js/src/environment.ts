import { UnusableImage } from "./errors.js";
import { FileTransaction } from "./files.js";
import type { ImageFile } from "./image.js";
import type { Later } from "./later.js";
import { HostLinker, type Exports, type Linked, type LinkPlan } from "./linking.js";
import { addressEntry, globalSymbols, type EmscriptenModule, type Symbol_ } from "./runtime.js";
import type { InstalledPackage } from "./types.js";

/** What an image has beside a started Python: packages that are installed, imported and linked. */
export interface Environment {
  /** What was asked for. */
  requirements: string[];
  /** Python code that was run then. */
  code: string;
  /** The wheels, dependencies first. */
  packages: Omit<InstalledPackage, "url">[];
  /** Addresses of the blobs and of the runtime's files, relative to the environment. */
  blobs: string;
  runtime: string;
  /** One behind the other: side modules that are linked or that others may need, and what is read at the start. */
  first: FilePart;
  /** All other files that packages and code have written. */
  later: FilePart;
  /** Side modules in the order in which they were linked. */
  linked: Linked[];
  /** Side modules that nothing has opened yet. */
  waiting: LinkPlan[];
  /** What `dlopen` has returned for them. */
  handles: [handle: number, path: string][];
  /** Addresses by symbol, where they are not what they are at the start. */
  addresses: Record<string, number>;
  table: {
    /** The first slot that is not the runtime's. */
    start: number;
    length: number;
    /** Functions outside of the libraries' own ranges: where, whose (the runtime's: none), and which. */
    functions: [index: number, path: string, name: string][];
    /** Slots that were given back. */
    free: number[];
  };
  /** Directories that packages and code have made, each before what is in it. */
  directories: string[];
}

/** Files, one behind the other. */
export interface FilePart extends ImageFile {
  entries: [path: string, size: number, mode: number][];
}

/** What has to be there at the start. */
export interface First {
  files: Map<string, Uint8Array<ArrayBuffer>>;
  /** Those of them that are side modules. */
  compiled: Map<string, WebAssembly.Module>;
}

/** Takes the first part apart, and compiles the side modules. */
export async function openFirst({ first, linked, waiting }: Environment, bytes: Uint8Array<ArrayBuffer>): Promise<First> {
  let end = 0;
  const files = new Map(first.entries.map(([path, size]) => [path, bytes.subarray(end, (end += size))]));
  const modules = [...linked.map(({ plan }) => plan), ...waiting].filter(({ path }) => files.has(path));
  const compiled = modules.map(async ({ path }): Promise<[string, WebAssembly.Module]> => [
    path,
    await WebAssembly.compile(files.get(path) as Uint8Array<ArrayBuffer>),
  ]);
  return { files, compiled: new Map(await Promise.all(compiled)) };
}

/** Makes the files, whose contents may come later, and registers the side modules. */
export function makeFiles(
  module: EmscriptenModule,
  linker: HostLinker,
  { linked, waiting, first, later, directories }: Environment,
  { files, compiled }: First,
  contents: Later,
): void {
  const transaction = new FileTransaction(module.FS);
  const plans = new Map([...linked.map(({ plan }) => plan), ...waiting].map((plan) => [plan.path, plan]));
  for (const path of directories) module.FS.mkdir(path);
  const stub = (path: string): void => {
    plans.delete(path);
    transaction.write(path, new Uint8Array(0));
  };
  for (const [path, size, mode] of first.entries) {
    const [plan, code] = [plans.get(path), compiled.get(path)];
    if (plan === undefined || code === undefined) {
      transaction.write(path, files.get(path) as Uint8Array, mode);
    } else {
      linker.registerPlanned(plan, code, size);
      stub(path);
    }
  }
  let end = 0;
  for (const [path, size, mode] of later.entries) {
    const start = end;
    end += size;
    const read = (): Uint8Array<ArrayBuffer> => contents.now().subarray(start, start + size);
    const plan = plans.get(path);
    if (plan === undefined) {
      transaction.writeLazily(path, size, mode, read);
    } else {
      linker.register(plan, () => new WebAssembly.Module(read()), size);
      stub(path);
    }
  }
  const [missing] = plans.keys();
  if (missing !== undefined) throw new UnusableImage(`the environment has no module ${missing}`);
}

/** Links all that was linked, at the addresses that it had. The memory of it is filled afterwards. */
export async function linkAgain(
  module: EmscriptenModule,
  linker: HostLinker,
  { linked, handles, addresses, table }: Environment,
): Promise<void> {
  setAddresses(module, addresses);
  const { wasmTable, LDSO } = module;
  if (wasmTable.length > table.start || table.start > table.length) throw new UnusableImage("this engine's function table is longer than the image's");
  try {
    wasmTable.grow(table.length - wasmTable.length);
  } catch {
    throw new UnusableImage(`this engine's function table cannot have the ${table.length} slots of the image's`);
  }
  const functions = new Map<string, Environment["table"]["functions"]>();
  for (const row of table.functions) functions.set(row[1], [...(functions.get(row[1]) ?? []), row]);
  const place = (path: string, symbols: Exports): void => {
    for (const [index, , name] of functions.get(path) ?? []) placeFunction(module, index, name, symbols[name]);
  };
  place("", globalSymbols(module));
  for (const library of linked) await linker.relink(library, (exports) => place(library.plan.path, exports));
  module.freeTableIndexes.push(...table.free);
  for (const [handle, path] of handles) {
    const library = LDSO.loadedLibsByName[path];
    if (library !== undefined) LDSO.loadedLibsByHandle[handle] = library;
  }
}

function setAddresses(module: EmscriptenModule, addresses: Record<string, number>): void {
  for (const [name, address] of Object.entries(addresses)) {
    const entry = addressEntry(module, name);
    const found = entry.value as number;
    if (found === address) continue;
    // What had no address yet got one after the start.
    if (found !== -1 && found !== 0) throw new UnusableImage(`the runtime has ${name} at ${found}, the image at ${address}`);
    entry.value = address;
  }
}

function placeFunction(module: EmscriptenModule, index: number, name: string, symbol: Symbol_ | undefined): void {
  if (typeof symbol !== "function") throw new UnusableImage(`the image needs a function ${name}, which is not there`);
  try {
    module.wasmTable.set(index, symbol);
    module.updateTableMap(index, 1);
    return;
  } catch {
    // A table takes no functions of JavaScript. Emscripten chooses a free slot for it: the one slot is free that it had.
  }
  module.freeTableIndexes.push(index);
  const found = module.addFunction(symbol, (symbol as { sig?: string }).sig);
  if (found !== index) throw new UnusableImage(`the function ${name} is at ${found} of the table, in the image at ${index}`);
}
