import { call, Linker } from "./core.js";
import { asLoaderError, LoaderError } from "./errors.js";
import { addressEntry, globalSymbols, type EmscriptenModule, type Symbol_ } from "./runtime.js";
import { withoutCode } from "./side-module.js";

/** How to link one library; made by the core. */
export interface LinkPlan {
  path: string;
  memorySize: number;
  memoryAlignment: number;
  tableSize: number;
  tableAlignment: number;
  /** Paths of the libraries to link first. */
  needed: string[];
  /** Paths of the libraries that positive bindings point into, counted from 1. */
  scope: string[];
  /** Module, name, kind, binding. */
  imports: [string, string, string, number][];
  shared: boolean;
  byRuntime: boolean;
}

/** A library that was linked, and where. */
export interface Linked {
  plan: LinkPlan;
  memoryBase: number;
  tableBase: number;
  /** Addresses that it has imported, in the order of the plan's imports, but for those that all libraries share. */
  addresses: number[];
}

/** Bindings that are not a place in the scope. */
const RUNTIME = 0;
const OWN = -1;
const ABSENT = -2;

type Callable = (...values: unknown[]) => unknown;
export type Exports = Record<string, Symbol_>;

/** A library whose addresses are taken and whose imports are bound. */
interface Prepared {
  plan: LinkPlan;
  imports: WebAssembly.Imports;
  memoryBase: number;
  allocation: number;
  tableBase: number;
  /** Becomes the exports; functions that are called before they are there look into it. */
  own: { exports?: Exports };
  /** Address globals that are the library's own, and those of them that wait for the module's own exports. */
  addresses: WebAssembly.Global[];
  pending: [name: string, global: WebAssembly.Global][];
}

interface Library {
  plan: LinkPlan;
  compiled: () => WebAssembly.Module;
  /** Bytes of the module. */
  size: number;
  exports?: Exports;
}

/** Chromium refuses to instantiate more than this at once where a page could freeze. */
export const SYNCHRONOUS_LIMIT = 8 * 1024 * 1024;

/** Is told of libraries on their way. */
export interface LinkingObserver {
  /** One has become known. */
  added(path: string, contents: Uint8Array): void;
  /** One has its own data in memory, and nothing of it has run. */
  instantiated(linked: Linked): void;
}

/**
 * Links libraries when they are first opened. The file system holds empty files in their places;
 * `dlopen` asks `preloadedWasm` before it reads a file, and there a getter links.
 */
export class HostLinker {
  readonly #module: EmscriptenModule;
  readonly #libraries = new Map<string, Library>();
  readonly core = new Linker();
  /** Libraries that came with their plans, which the core has not heard of. */
  #unheard: string[] = [];
  readonly #observer: LinkingObserver | undefined;

  constructor(module: EmscriptenModule, observer?: LinkingObserver) {
    this.#module = module;
    this.#observer = observer;
  }

  /** Makes a library known, so that it and what needs it can be planned. */
  add(path: string, contents: Uint8Array): void {
    call(() => this.core.add(path, withoutCode(contents)));
    this.#observer?.added(path, contents);
  }

  /** What was linked so far, by path. */
  exportsOf(path: string): Exports | undefined {
    return this.#libraries.get(path)?.exports;
  }

  /** The plans of libraries that nothing has opened yet. */
  waiting(): LinkPlan[] {
    return [...this.#libraries.values()].filter(({ exports }) => exports === undefined).map(({ plan }) => plan);
  }

  /**
   * Links a registered library where it was linked before. Its memory is to be filled afterwards, so neither relocations
   * nor constructors run.
   *
   * @param place called with the exports, to put functions into the table where they were
   */
  async relink({ plan, memoryBase, tableBase, addresses }: Linked, place: (exports: Exports) => void): Promise<void> {
    const library = this.#libraries.get(plan.path);
    if (library === undefined) throw new LoaderError("internal", `${plan.path} is not registered`);
    const { loadedLibsByName } = this.#module.LDSO;
    const prepared = prepare(plan, { memoryBase, allocation: 0, tableBase });
    this.#bind(prepared, this.#scopeOf(plan), addresses);
    const instance = await WebAssembly.instantiate(library.compiled(), prepared.imports);
    this.#module.updateTableMap(tableBase, plan.tableSize);
    const exports = (library.exports = prepared.own.exports = relocated(instance.exports, memoryBase));
    place(exports);
    loadedLibsByName[plan.path] = { name: plan.path, global: false, refcount: Infinity, exports };
  }

  /** Tells the core what the runtime provides at this moment of what libraries import. */
  refreshRuntime(paths: readonly string[]): void {
    const symbols = globalSymbols(this.#module);
    const wanted = new Set(paths.flatMap((path) => this.core.imports(path).split("\n")));
    const defined = [...wanted].filter((name) => Object.hasOwn(symbols, name) && symbols[name]?.stub !== true);
    this.core.setRuntime(defined.join("\n"));
    for (const path of this.#unheard.splice(0)) {
      const library = this.#libraries.get(path);
      if (library === undefined) continue;
      const exports = WebAssembly.Module.exports(library.compiled()).map(({ name }) => name);
      this.core.addLinked(path, exports.join("\n"), library.plan.needed.join("\n"));
    }
  }

  /** Finds needed libraries that are not ours, loads them, and plans. */
  plan(path: string): LinkPlan {
    const unresolved = JSON.parse(this.core.unresolved(path)) as [string, string[]][];
    for (const [name, paths] of unresolved) this.#findInRuntime(path, name, paths);
    return JSON.parse(call(() => this.core.plan(path))) as LinkPlan;
  }

  /** Makes the library available to `dlopen`; it is linked when it is first opened. */
  register(plan: LinkPlan, compiled: () => WebAssembly.Module, size: number): void {
    this.#libraries.set(plan.path, { plan, compiled, size });
    Object.defineProperty(this.#module.preloadedWasm, plan.path, {
      configurable: true,
      enumerable: true,
      get: () => this.#open(plan.path),
    });
  }

  /** The same with a module that is there. */
  registerCompiled(plan: LinkPlan, compiled: WebAssembly.Module, size: number): void {
    this.register(plan, () => compiled, size);
  }

  /** Makes a library available that was planned elsewhere; others may need it. */
  registerPlanned(plan: LinkPlan, compiled: WebAssembly.Module, size: number): void {
    this.registerCompiled(plan, compiled, size);
    this.#unheard.push(plan.path);
  }

  /** Takes the libraries back that `register` has made available. */
  unregister(paths: Iterable<string>): void {
    for (const path of paths) {
      this.core.remove(path);
      if (this.#libraries.delete(path)) delete this.#module.preloadedWasm[path];
    }
  }

  /** Takes back what nothing has opened; returns the libraries that stay linked. */
  release(paths: readonly string[]): string[] {
    const isLinked = (path: string): boolean =>
      this.#module.LDSO.loadedLibsByName[path] !== undefined || this.exportsOf(path) !== undefined;
    this.unregister(paths.filter((path) => !isLinked(path)));
    return paths.filter(isLinked);
  }

  /** Links ahead of time what could not be linked at once when it is opened. */
  async linkLarge(paths: Iterable<string>): Promise<void> {
    if (typeof document === "undefined") return;
    for (const path of paths) await this.#linkLarge(path);
  }

  async #linkLarge(path: string): Promise<void> {
    const library = this.#libraries.get(path);
    if (library === undefined || library.exports !== undefined) return;
    for (const needed of library.plan.needed) await this.#linkLarge(needed);
    if (library.size <= SYNCHRONOUS_LIMIT) return;
    const prepared = this.#prepare(library);
    const instance = await WebAssembly.instantiate(library.compiled(), prepared.imports).catch((error: unknown) => {
      throw this.#failed(prepared, error);
    });
    this.#finish(library, prepared, instance);
  }

  /** What the getter returns: the exports, linked now if this is the first time. */
  #open(path: string): Exports {
    const library = this.#libraries.get(path);
    if (library === undefined) throw new LoaderError("internal", `${path} is not registered`);
    if (library.exports !== undefined) return library.exports;
    try {
      const prepared = this.#prepare(library);
      let instance: WebAssembly.Instance;
      try {
        instance = new WebAssembly.Instance(library.compiled(), prepared.imports);
      } catch (error) {
        throw this.#failed(prepared, error);
      }
      return this.#finish(library, prepared, instance);
    } catch (error) {
      // Emscripten leaves it marked as loading, so that a second try would seem to succeed.
      this.#forgetLoading(path);
      throw error;
    }
  }

  #forgetLoading(path: string): void {
    const { loadedLibsByName, loadedLibsByHandle } = this.#module.LDSO;
    const loading = loadedLibsByName[path];
    if (loading?.exports !== "loading") return;
    delete loadedLibsByName[path];
    for (const [handle, library] of Object.entries(loadedLibsByHandle)) {
      if (library === loading) delete loadedLibsByHandle[Number(handle)];
    }
  }

  /** Takes memory and table slots and binds the imports. */
  #prepare(library: Library): Prepared {
    const { plan } = library;
    const scope = this.#openScope(plan);
    const allocation = this.#allocate(plan);
    const memoryBase = align(allocation, plan.memoryAlignment);
    let tableBase = 0;
    if (plan.tableSize > 0) {
      const { wasmTable } = this.#module;
      tableBase = align(wasmTable.length, plan.tableAlignment);
      wasmTable.grow(tableBase + plan.tableSize - wasmTable.length);
    }
    const prepared = prepare(plan, { memoryBase, allocation, tableBase });
    try {
      this.#bind(prepared, scope);
    } catch (error) {
      throw this.#failed(prepared, error);
    }
    return prepared;
  }

  /** Links what is needed first, and returns the exports of the whole scope. */
  #openScope(plan: LinkPlan): Exports[] {
    const global = this.#module.LDSO.loadedLibsByName[plan.path]?.global ?? false;
    for (const needed of plan.needed) {
      this.#module.loadDynamicLibrary(needed, { global, nodelete: true }, {});
    }
    return this.#scopeOf(plan);
  }

  #scopeOf(plan: LinkPlan): Exports[] {
    return plan.scope.map((path) => {
      const exports = this.#module.LDSO.loadedLibsByName[path]?.exports;
      if (exports === undefined || exports === "loading") {
        throw new LoaderError("missing_library", `${plan.path} needs ${path}, which is not loaded`);
      }
      return exports;
    });
  }

  #allocate(plan: LinkPlan): number {
    if (plan.memorySize === 0) return 0;
    const size = plan.memorySize + plan.memoryAlignment;
    const address = this.#module.getMemory(size);
    if (address === 0) {
      throw new LoaderError("link_failed", `there is no memory for the ${size} bytes of ${plan.path}`);
    }
    return address;
  }

  /** @param known addresses that are not to be looked for */
  #bind(prepared: Prepared, scope: Exports[], known?: number[]): void {
    const symbols = globalSymbols(this.#module);
    for (const [from, name, kind, binding] of prepared.plan.imports) {
      const namespace = (prepared.imports[from] ??= {});
      if (from === "GOT.mem" || from === "GOT.func") {
        namespace[name] = this.#address(prepared, name, binding, scope, known);
      } else if (binding === RUNTIME) {
        namespace[name] = symbols[name] ?? this.#missing(prepared.plan, name);
      } else if (binding > RUNTIME) {
        namespace[name] = scope[binding - 1]?.[name] ?? this.#missing(prepared.plan, name);
      } else if (name === "__memory_base") {
        namespace[name] = prepared.memoryBase;
      } else if (name === "__table_base") {
        namespace[name] = prepared.tableBase;
      } else if (kind === "function") {
        namespace[name] = this.#deferred(prepared, name);
      } else {
        this.#missing(prepared.plan, name);
      }
    }
  }

  /** A function that is looked up when it is called: the module's own, or a weak one. */
  #deferred({ plan, own }: Prepared, name: string): Callable {
    let resolved: Callable | undefined;
    return (...values) => {
      resolved ??= callable(own.exports?.[name] ?? globalSymbols(this.#module)[name]);
      return (resolved ?? this.#missing(plan, name))(...values);
    };
  }

  /** The global that holds a symbol's address. */
  #address(prepared: Prepared, name: string, binding: number, scope: Exports[], known?: number[]): WebAssembly.Global {
    if (binding === RUNTIME) return this.#sharedAddress(prepared.plan, name);
    const global = new WebAssembly.Global({ value: "i32", mutable: true }, known?.[prepared.addresses.length] ?? 0);
    prepared.addresses.push(global);
    if (known !== undefined) return global;
    if (binding > RUNTIME) {
      global.value = this.#addressOf(prepared.plan, name, scope[binding - 1]?.[name]);
    } else if (binding === OWN) {
      prepared.pending.push([name, global]);
    } else if (binding !== ABSENT) {
      this.#missing(prepared.plan, name);
    }
    return global;
  }

  /** Emscripten's own entry for a symbol of the runtime, so that all libraries see one address. */
  #sharedAddress(plan: LinkPlan, name: string): WebAssembly.Global {
    const entry = addressEntry(this.#module, name);
    if (entry.value === -1) entry.value = this.#addressOf(plan, name, globalSymbols(this.#module)[name]);
    return entry;
  }

  #addressOf(plan: LinkPlan, name: string, symbol: Symbol_ | undefined): number {
    if (typeof symbol === "function") {
      return this.#module.addFunction(symbol, (symbol as { sig?: string }).sig);
    }
    if (typeof symbol === "number") return symbol;
    if (symbol instanceof WebAssembly.Global) return symbol.value as number;
    return this.#missing(plan, name);
  }

  /** Relocates exports, sets addresses, runs relocations and constructors. */
  #finish(library: Library, prepared: Prepared, instance: WebAssembly.Instance): Exports {
    const { plan, memoryBase, tableBase, own, pending } = prepared;
    try {
      this.#module.updateTableMap(tableBase, plan.tableSize);
      const exports = relocated(instance.exports, memoryBase);
      own.exports = exports;
      for (const [name, global] of pending) global.value = this.#addressOf(plan, name, exports[name]);
      const addresses = prepared.addresses.map(({ value }) => value as number);
      this.#observer?.instantiated({ plan, memoryBase, tableBase, addresses });
      // A library that the runtime's own loader links against is looked up in its table.
      if (plan.shared) this.#module.updateGOT(exports);
      callable(exports["__wasm_apply_data_relocs"])?.();
      callable(exports["__wasm_call_ctors"])?.();
      library.exports = exports;
      return exports;
    } catch (error) {
      throw asLoaderError(error, "link_failed", `cannot initialise ${plan.path}`);
    }
  }

  /** Gives memory back; table slots stay, as a table cannot shrink. */
  #failed({ plan, allocation }: Prepared, error: unknown): LoaderError {
    if (allocation !== 0) this.#module._free(allocation);
    return asLoaderError(error, "link_failed", `cannot instantiate ${plan.path}`);
  }

  #missing(plan: LinkPlan, name: string): never {
    throw new LoaderError("missing_symbol", `${plan.path} imports \`${name}\`, which is not there any more`);
  }

  /** Looks for a needed library where the runtime looks, and has the runtime load it. */
  #findInRuntime(by: string, name: string, paths: string[]): void {
    const { LDSO, findLibraryFS, loadDynamicLibrary, PATH } = this.#module;
    const loaded = LDSO.loadedLibsByName[name] === undefined ? undefined : name;
    const found = loaded ?? findLibraryFS(name, { parentLibPath: by, paths });
    // The core names the library in its error.
    if (found === undefined) return;
    const path = PATH.normalize(found);
    try {
      loadDynamicLibrary(path, { global: false, nodelete: true }, {});
    } catch (error) {
      throw asLoaderError(error, "missing_library", `${by} needs ${name}, which cannot be loaded`);
    }
    const exports = LDSO.loadedLibsByName[path]?.exports ?? {};
    this.core.addLinked(path, Object.keys(exports).join("\n"), "");
    this.core.setFound(by, name, path);
  }
}

function prepare(plan: LinkPlan, at: Pick<Prepared, "memoryBase" | "allocation" | "tableBase">): Prepared {
  return { plan, ...at, imports: {}, own: {}, addresses: [], pending: [] };
}

function align(address: number, alignment: number): number {
  return Math.ceil(address / alignment) * alignment;
}

function callable(symbol: Symbol_ | undefined): Callable | undefined {
  return typeof symbol === "function" ? (symbol as unknown as Callable) : undefined;
}

/** Data symbols are exported relative to the memory base; everything else stays as it is. */
function relocated(exports: WebAssembly.Exports, memoryBase: number): Exports {
  const moved: Exports = {};
  for (const [name, value] of Object.entries(exports)) {
    moved[name] =
      value instanceof WebAssembly.Global && isConstant(value)
        ? new WebAssembly.Global({ value: "i32" }, (value.value as number) + memoryBase)
        : (value as Symbol_);
  }
  return moved;
}

/** Whether a global is a data symbol: those are immutable numbers. */
function isConstant(global: WebAssembly.Global): boolean {
  if (typeof global.value !== "number") return false;
  try {
    // Setting what it is has no effect, but is refused where it cannot change.
    global.value = global.value;
    return false;
  } catch {
    return true;
  }
}
