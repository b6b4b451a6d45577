import { LoaderError } from "./errors.js";
import type { PyodideInterface } from "./types.js";

/** Anything that a library exports or a module imports. */
export type Symbol_ = WebAssembly.ImportValue & { stub?: boolean; sig?: string };

/** A library as Emscripten's loader knows it. */
export interface LoadedLibrary {
  name: string;
  global: boolean;
  refcount: number;
  exports: Record<string, Symbol_> | "loading";
}

/** A file or directory in Emscripten's file system, and what it has of a file in memory. */
export interface FileNode {
  mode: number;
  contents: unknown;
  usedBytes: number;
  node_ops: {
    setattr(node: FileNode, attributes: { size?: number }): void;
    mknod(parent: FileNode, name: string, mode: number, device: number): FileNode;
  };
}

/** What the loader uses of Emscripten's file system. */
export interface FileSystem {
  readdir(path: string): string[];
  mkdir(path: string): unknown;
  rmdir(path: string): void;
  unlink(path: string): void;
  chmod(path: string, mode: number): void;
  stat(path: string): { mode: number };
  readFile(path: string): Uint8Array;
  writeFile(path: string, data: Uint8Array, options?: { canOwn?: boolean; mode?: number }): void;
  lookupPath(path: string, options?: { follow: boolean }): { node: FileNode };
  ErrnoError: new (errno: number) => Error;
}

/** What the loader uses of Emscripten's module. */
export interface EmscriptenModule {
  FS: FileSystem;
  LDSO: {
    loadedLibsByName: Record<string, LoadedLibrary>;
    loadedLibsByHandle: Record<number, LoadedLibrary>;
  };
  GOT: Record<string, WebAssembly.Global>;
  PATH: { normalize(path: string): string };
  preloadedWasm: Record<string, unknown>;
  wasmTable: WebAssembly.Table;
  freeTableIndexes: number[];
  addFunction(callable: unknown, signature?: string): number;
  findLibraryFS(name: string, paths: { parentLibPath: string; paths: string[] }): string | undefined;
  getMemory(size: number): number;
  _free(address: number): void;
  loadDynamicLibrary(
    path: string,
    flags: { global: boolean; nodelete: boolean },
    scope?: Record<string, unknown>,
  ): unknown;
  updateGOT(exports: Record<string, unknown>): void;
  updateTableMap(offset: number, count: number): void;
}

const NEEDED = [
  "FS",
  "LDSO",
  "GOT",
  "PATH",
  "preloadedWasm",
  "wasmTable",
  "freeTableIndexes",
  "addFunction",
  "findLibraryFS",
  "getMemory",
  "_free",
  "loadDynamicLibrary",
  "updateGOT",
  "updateTableMap",
] as const satisfies readonly (keyof EmscriptenModule)[];

/** Directories and version of the interpreter, as the core takes them. */
export interface Layout {
  /** site-packages. */
  site: string;
  /** `sys.prefix` without a slash at its end. */
  prefix: string;
  /** Python's version up to the minor part. */
  python: string;
}

/** An interpreter that can be linked into. */
export interface Runtime {
  pyodide: PyodideInterface;
  module: EmscriptenModule;
  layout: Layout;
  /** Directories that Python imports from. */
  searchPath(): string[];
  /** What it is called in a head and in locks. */
  name: string;
  /** The ABI, if the runtime says it. */
  abi: string | undefined;
}

/** What Pyodide is called in a head and in locks. */
export const PYODIDE = "pyodide";

/** Whether Python and JavaScript can hold each other's objects there. */
export function hasBridge(runtime: Runtime): boolean {
  return runtime.name === PYODIDE;
}

/** Checks that the interpreter has all that the loader builds on, and asks it for its directories if they are not known. */
export function inspect(pyodide: PyodideInterface, layout?: Layout): Runtime {
  const hidden = pyodide as unknown as {
    _module?: Partial<EmscriptenModule>;
    _api?: { abiVersion?: string };
    lockfile?: { info?: { abi_version?: string } };
    /** A CPython as pkgsrv builds it says both of itself. */
    name?: string;
    abi?: string;
  };
  const module = hidden?._module;
  const missing = NEEDED.filter((name) => module?.[name] === undefined);
  if (module === undefined || missing.length > 0) {
    const found = module === undefined ? "no Emscripten module" : `no ${missing.join(", ")}`;
    throw new LoaderError(
      "unsupported_runtime",
      `this interpreter (version ${String(pyodide?.version)}) has ${found}; the loader needs a Pyodide such as 314.0.7`,
    );
  }
  const run = (code: string): string[] => String(pyodide.runPython(code)).split("\n");
  return {
    pyodide,
    module: module as EmscriptenModule,
    layout: layout ?? askLayout(run),
    searchPath: () => run('"\\n".join(__import__("sys").path)'),
    // Pyodide's interface is a class, which has a name too.
    name: hidden.abi === undefined ? PYODIDE : (hidden.name ?? PYODIDE),
    abi: hidden.abi ?? hidden.lockfile?.info?.abi_version ?? hidden._api?.abiVersion,
  };
}

/**
 * `sysconfig` would say it too, but takes 60 ms to import; `site` is there already. One expression,
 * so that no name is left in the caller's globals.
 */
function askLayout(run: (code: string) => string[]): Layout {
  const [prefix = "", site = "", python = ""] = run(`"\\n".join([
    __import__("sys").prefix,
    __import__("site").getsitepackages()[0],
    "%d.%d" % __import__("sys").version_info[:2],
])`);
  return { site, prefix: prefix.replace(/\/$/, ""), python };
}

/** Emscripten's entry for a symbol's address, which is -1 as long as it has none. */
export function addressEntry({ GOT }: Pick<EmscriptenModule, "GOT">, name: string): WebAssembly.Global {
  return (GOT[name] ??= new WebAssembly.Global({ value: "i32", mutable: true }, -1));
}

/** The symbols that every library may use. */
export function globalSymbols(module: EmscriptenModule): Record<string, Symbol_> {
  const main = module.LDSO.loadedLibsByHandle[0];
  if (main === undefined || main.exports === "loading") {
    throw new LoaderError("unsupported_runtime", "the interpreter has no main module to link against");
  }
  return main.exports;
}
