import { call } from "./core.js";
import { UnusableImage } from "./errors.js";
import { FileTransaction } from "./files.js";
import { HostLinker, type Exports, type Linked, type LinkPlan } from "./linking.js";
import { globalSymbols, type EmscriptenModule, type Symbol_ } from "./runtime.js";
import type { InstalledPackage } from "./types.js";
import type { Unpacked } from "./unpacking.js";

/** What an image has beside a started Python: packages that are installed, imported and linked. */
export interface Environment {
  /** What was asked for. */
  requirements: string[];
  /** Python code that was run then. */
  code: string;
  /** The wheels, dependencies first. */
  packages: Omit<InstalledPackage, "url">[];
  /** Address of the blobs, relative to the environment. */
  blobs: string;
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
  /** Directories that the code has made. */
  directories: string[];
  /** Files that the code has written or changed: permissions, contents in base64. */
  files: { path: string; mode: number; contents: string }[];
}

/** Writes the files of wheels and those that code has written, and registers the side modules. */
export async function writeFiles(
  module: EmscriptenModule,
  linker: HostLinker,
  { linked, waiting, directories, files }: Environment,
  unpacked: Unpacked[],
): Promise<void> {
  const transaction = new FileTransaction(module.FS);
  const plans = new Map([...linked.map(({ plan }) => plan), ...waiting].map((plan) => [plan.path, plan]));
  for (const { file, contents, compiled } of unpacked) {
    const plan = plans.get(file.path);
    if (plan !== undefined && compiled !== undefined) {
      call(() => linker.core.add(file.path, contents));
      linker.register(plan, await compiled, contents.length);
      plans.delete(file.path);
    }
    transaction.write(file.path, plan === undefined ? contents : new Uint8Array(0), file.executable);
  }
  const [missing] = plans.keys();
  if (missing !== undefined) throw new UnusableImage(`no wheel of the environment has ${missing}`);
  for (const path of directories) module.FS.mkdir(path);
  for (const { path, mode, contents } of files) {
    transaction.write(path, Uint8Array.from(atob(contents), (letter) => letter.charCodeAt(0)), false);
    module.FS.chmod(path, mode);
  }
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
  wasmTable.grow(table.length - wasmTable.length);
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

function setAddresses({ GOT }: EmscriptenModule, addresses: Record<string, number>): void {
  for (const [name, address] of Object.entries(addresses)) {
    const entry = (GOT[name] ??= new WebAssembly.Global({ value: "i32", mutable: true }, -1));
    const found = entry.value as number;
    if (found === address) continue;
    // What had no address yet got one after the start.
    if (found !== -1 && found !== 0) throw new UnusableImage(`the runtime has ${name} at ${found}, the image at ${address}`);
    entry.value = address;
  }
}

/** Emscripten chooses a free slot and knows then where the function is: the one slot is free that it had. */
function placeFunction(module: EmscriptenModule, index: number, name: string, symbol: Symbol_ | undefined): void {
  if (typeof symbol !== "function") throw new UnusableImage(`the image needs a function ${name}, which is not there`);
  module.freeTableIndexes.push(index);
  const found = module.addFunction(symbol, (symbol as { sig?: string }).sig);
  if (found !== index) throw new UnusableImage(`the function ${name} is at ${found} of the table, in the image at ${index}`);
}
