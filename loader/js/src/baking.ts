/**
 * Makes the environment of an image: runs where the image is made, not where it is used.
 *
 * @packageDocumentation
 */
import { startCore } from "./core.js";
import type { Environment } from "./environment.js";
import { asLoaderError, LoaderError } from "./errors.js";
import { digest } from "./fetching.js";
import { Line } from "./line.js";
import { HostLinker, SYNCHRONOUS_LIMIT, type Linked } from "./linking.js";
import { AttachedLoader, runningHost } from "./loader.js";
import { moduleOf } from "./python.js";
import { globalSymbols, inspect, type EmscriptenModule } from "./runtime.js";
import { settingsOf } from "./settings.js";
import type { InstalledPackage, PyodideInterface } from "./types.js";

/** What is to be baked. */
export interface Recipe {
  /** Address of the repodata. */
  repodata: string;
  /** Fetches it. */
  fetch: typeof globalThis.fetch;
  /** What is installed. */
  requirements: string[];
  /** Python code that is run then, beside the imports. */
  code: string;
}

/** An environment without the files that hold its parts. */
export interface Baked {
  environment: Omit<Environment, "first" | "later" | "runtime">;
  first: BakedFile[];
  later: BakedFile[];
  /** The data that side modules bring, by address. */
  data: [address: number, bytes: Uint8Array][];
}

/** A file of an environment. */
interface BakedFile {
  path: string;
  /** Its permissions. */
  mode: number;
  contents: Uint8Array;
}

/** What Pyodide reads of each package while it starts, and the loader when it is asked what there is. */
const READ_AT_START = /\.dist-info\/(INSTALLER|METADATA|PYODIDE_SOURCE|RECORD|REQUESTED)$/;

/** A multiple of this is the first slot of the table that is not the runtime's: engines differ in a few. */
const TABLE_STEP = 1024;

/** Installs, imports and runs; then takes down all that is not in memory. */
export async function bake(pyodide: PyodideInterface, recipe: Recipe): Promise<Baked> {
  try {
    return await run(pyodide, recipe);
  } catch (error) {
    throw asLoaderError(error, "internal", "the environment could not be made");
  }
}

async function run(pyodide: PyodideInterface, recipe: Recipe): Promise<Baked> {
  const settings = await settingsOf(recipe);
  const runtime = inspect(pyodide);
  await startCore();
  const module = runtime.module as BakedModule;
  const first = Math.ceil(module.wasmTable.length / TABLE_STEP) * TABLE_STEP;
  module.wasmTable.grow(first - module.wasmTable.length);
  const atStart = addresses(module);
  const before = await tree(module);
  const linked: Linked[] = [];
  const data: Baked["data"] = [];
  const modules = new Map<string, Uint8Array>();
  const linker = new HostLinker(module, {
    // It leaves an empty file in its place.
    added: (path, contents) => void modules.set(path, contents),
    instantiated(library) {
      const { plan, memoryBase } = library;
      linked.push(library);
      data.push([memoryBase, module.HEAPU8.slice(memoryBase, memoryBase + plan.memorySize)]);
    },
  });
  const line = new Line(settings);
  const loader = new AttachedLoader(runningHost(runtime), line, settings);
  loader.adopt(runtime, linker, []);
  const { installed } = await loader.install(recipe.requirements);
  const directory = module.FS.cwd();
  moduleOf(pyodide).destroy();
  const code = imports(installed) + recipe.code;
  await pyodide.runPythonAsync(code);
  // Pyodide puts the empty entry there again.
  const problem = pyodide.runPython(SETTLE) as string;
  if (problem !== "") throw refused(problem);
  if (module.FS.cwd() !== directory) throw refused(`the working directory is ${module.FS.cwd()}, at the start it was ${directory}`);
  const { directories, files } = changedFiles(module, before, await tree(module));
  for (const file of files) file.contents = modules.get(file.path) ?? file.contents;
  const isFirst = firstOf(linker, linked, files);
  const environment = {
    requirements: recipe.requirements,
    code,
    packages: installed.map(({ url: _, ...selection }) => selection),
    blobs: line.blobs(),
    linked,
    waiting: linker.waiting(),
    handles: handles(module, linker),
    addresses: changes(atStart, addresses(module)),
    table: table(module, linker, linked, first),
    directories,
  };
  checkStreams(module);
  // Python holds this object, which has to be as it is in an interpreter that has just started.
  for (const name of Object.keys(pyodide.loadedPackages)) delete pyodide.loadedPackages[name];
  return { environment, first: files.filter(isFirst), later: files.filter((file) => !isFirst(file)), data };
}

/**
 * What has to be there at the start. Other side modules may come later: nothing has opened them, nothing else needs them,
 * and a page can compile them at once.
 */
function firstOf(linker: HostLinker, linked: Linked[], files: BakedFile[]): (file: BakedFile) => boolean {
  const sizes = new Map(files.map(({ path, contents }) => [path, contents.length]));
  const early = linker.waiting().filter(({ path, shared }) => shared || (sizes.get(path) ?? 0) > SYNCHRONOUS_LIMIT);
  const paths = new Set([...linked.map(({ plan }) => plan), ...early].map(({ path }) => path));
  return ({ path }) => paths.has(path) || READ_AT_START.test(path);
}

/** What we use of Emscripten's module beyond what the loader needs. */
interface BakedModule extends EmscriptenModule {
  HEAPU8: Uint8Array;
  FS: EmscriptenModule["FS"] & {
    streams: ({ path?: string } | null | undefined)[];
    isDir(mode: number): boolean;
    isFile(mode: number): boolean;
    cwd(): string;
  };
}

/** Python code that makes ready for an image, whose value is what stands against that. */
const SETTLE = `exec("""
import asyncio, gc, sys
# Pyodide puts it there again.
while "" in sys.path:
    sys.path.remove("")
# What it has looked for in archives, it holds open.
if "importlib.metadata" in sys.modules:
    sys.modules["importlib.metadata"].MetadataPathFinder.invalidate_caches()
gc.collect()
tasks = [task for task in asyncio.all_tasks(asyncio.get_event_loop()) if not task.done()]
sys.settled = f"{tasks[0].get_coro().__qualname__} waits in asyncio" if tasks else ""
""", {}) or vars(__import__("sys")).pop("settled")`;

/** Python code that imports what was asked for. */
function imports(packages: readonly InstalledPackage[]): string {
  const names = packages.filter(({ requested }) => requested).flatMap((selected) => selected.imports);
  return names.filter((name) => !name.startsWith("_")).map((name) => `__import__(${JSON.stringify(name)})\n`).join("");
}

/** `dlopen`'s handles. What another linker has linked cannot be linked again. */
function handles({ LDSO }: BakedModule, linker: HostLinker): [number, string][] {
  const foreign = Object.keys(LDSO.loadedLibsByName).find((name) => name !== "__main__" && linker.exportsOf(name) === undefined);
  if (foreign !== undefined) throw refused(`${foreign} was linked by the runtime itself (it has JavaScript of its own)`);
  const all = Object.entries(LDSO.loadedLibsByHandle).map(([handle, { name }]): [number, string] => [Number(handle), name]);
  return all.filter(([handle]) => handle !== 0);
}

function addresses({ GOT }: BakedModule): Record<string, number> {
  const known = Object.entries(GOT).map(([name, { value }]): [string, number] => [name, value as number]);
  return Object.fromEntries(known.filter(([, address]) => address !== -1));
}

/** What is new or another. */
function changes(before: Record<string, number>, after: Record<string, number>): Record<string, number> {
  return Object.fromEntries(Object.entries(after).filter(([name, address]) => before[name] !== address));
}

/** Names each function that was put into the table after the start. */
function table(module: BakedModule, linker: HostLinker, linked: Linked[], first: number): Environment["table"] {
  const { wasmTable, GOT, freeTableIndexes } = module;
  const names = new Map<unknown, [string, string]>();
  const name = (path: string, symbols: Record<string, unknown>): void => {
    for (const [symbol, value] of Object.entries(symbols)) {
      if (typeof value === "function" && !names.has(value)) names.set(value, [path, symbol]);
    }
  };
  name("", globalSymbols(module));
  for (const { plan } of linked) name(plan.path, linker.exportsOf(plan.path) ?? {});
  // The runtime's JavaScript functions are wrapped there.
  const byAddress = new Map(Object.entries(GOT).map(([symbol, { value }]) => [value as number, symbol]));
  const functions: Environment["table"]["functions"] = [];
  for (let index = first; index < wasmTable.length; index += 1) {
    const library = linked.find(({ plan, tableBase }) => index >= tableBase && index < tableBase + plan.tableSize);
    if (library !== undefined) {
      index = library.tableBase + library.plan.tableSize - 1;
      continue;
    }
    const found = wasmTable.get(index) as unknown;
    if (found === null || freeTableIndexes.includes(index)) continue;
    const symbol = byAddress.get(index);
    const named = names.get(found) ?? (symbol === undefined ? undefined : (["", symbol] as const));
    if (named === undefined) {
      throw refused(`slot ${index} of the function table has a function without a name, such as a callback that ctypes made`);
    }
    functions.push([index, ...named]);
  }
  return { start: first, length: wasmTable.length, functions, free: [...freeTableIndexes] };
}

/** What lies at a path: the digest of a file, or what else it is. */
type Tree = Map<string, string>;

/** All files but devices and the bytecode that Python writes. */
async function tree(module: BakedModule, directory = "", found: Tree = new Map()): Promise<Tree> {
  const { FS } = module;
  for (const name of FS.readdir(directory || "/")) {
    const path = `${directory}/${name}`;
    if (name === "." || name === ".." || name === "__pycache__" || path === "/dev" || path === "/proc") continue;
    const { mode } = FS.lookupPath(path, { follow: false }).node;
    if (FS.isDir(mode)) {
      found.set(path, "directory");
      await tree(module, path, found);
    } else {
      found.set(path, FS.isFile(mode) ? await digest(FS.readFile(path).slice()) : "other");
    }
  }
  return found;
}

/** What code has done to files. What cannot be told is refused. */
function changedFiles(module: BakedModule, before: Tree, after: Tree): { directories: string[]; files: BakedFile[] } {
  const gone = [...before.keys()].find((path) => !after.has(path));
  if (gone !== undefined) throw refused(`${gone} was deleted`);
  const changed = [...after].filter(([path, what]) => before.get(path) !== what);
  const other = changed.find(([, what]) => what === "other");
  if (other !== undefined) throw refused(`${other[0]} is a link or a device`);
  const of = (isDirectory: boolean): string[] =>
    changed.filter(([, what]) => (what === "directory") === isDirectory).map(([path]) => path);
  return { directories: of(true), files: of(false).map((path) => file(module, path)) };
}

function file({ FS }: BakedModule, path: string): BakedFile {
  return { path, mode: FS.lookupPath(path).node.mode & 0o777, contents: FS.readFile(path).slice() };
}

function checkStreams({ FS }: BakedModule): void {
  const open = FS.streams.find((stream, descriptor) => descriptor > 2 && stream !== null && stream !== undefined);
  if (open) throw refused(`${open.path ?? "a socket"} is open`);
}

function refused(what: string): LoaderError {
  return new LoaderError("unsupported_environment", `the environment cannot be restored: ${what}`);
}
