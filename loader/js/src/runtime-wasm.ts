import { LoaderError } from "./errors.js";
import type { ModuleSettings } from "./image.js";
import { isNode } from "./node.js";

/** What becomes of a runtime's module on its way. */
interface Watch {
  /** Is told that it failed. */
  fail: (error: unknown) => void;
  compiled: Promise<WebAssembly.Module> | undefined;
}

/** By the imports of the module. */
const watched = new Map<unknown, Watch>();

/** The engine's own functions, while ours stand in their place. */
let engine: Pick<typeof WebAssembly, "instantiate" | "instantiateStreaming"> | undefined;

/** How often Pyodide is going to fetch, by address, what is here already. */
const answered = new Map<string, number>();

/** The page's own function and ours, while ours stands in its place. */
let fetches: { real: typeof fetch; ours: typeof fetch } | undefined;

/**
 * The runtime's wasm. Pyodide asks for it early and reads it when all else of the runtime has been evaluated; here, a
 * browser compiles it as it arrives.
 */
export class RuntimeWasm {
  readonly #address: string;
  readonly #compiled: Promise<WebAssembly.Module> | undefined;

  /** @param isOurs whether {@link create} is going to make the module */
  constructor(address: string, isOurs: boolean, signal: AbortSignal) {
    this.#address = address;
    if (isNode()) return;
    if (isOurs && typeof WebAssembly.compileStreaming === "function") {
      this.#compiled = WebAssembly.compileStreaming(fetch(address, { signal }));
      // Awaited later, or never if something else fails before.
      this.#compiled.catch(() => {});
    } else {
      preload(address);
    }
  }

  /** Runs Pyodide's own function, which fetches the wasm. */
  async loading<T>(load: () => Promise<T>): Promise<T> {
    if (this.#compiled === undefined) return load();
    answer(this.#address, 1);
    try {
      return await load();
    } finally {
      answer(this.#address, -1);
    }
  }

  /**
   * Calls the runtime's module function. Pyodide never settles where its wasm cannot be had, it logs a warning; here that
   * is an error.
   *
   * @throws {LoaderError} `network` if it cannot be fetched or read, `unsupported_runtime` if it cannot be compiled or linked
   */
  async create<M>(createModule: (settings: ModuleSettings) => Promise<M>, settings: ModuleSettings): Promise<M> {
    let given: unknown;
    let reject: (error: LoaderError) => void = () => {};
    const failed = new Promise<never>((_, rejecting) => (reject = rejecting));
    const fail = (error: unknown): void => reject(failure(error, this.#address));
    // In Node it is read before the engine is asked.
    if (isNode()) readable(this.#address).catch(fail);
    const { instantiateWasm } = settings;
    // The module is made of these very settings.
    settings.instantiateWasm = (imports, done) => {
      given = imports;
      watch(imports, { fail, compiled: this.#compiled });
      return instantiateWasm.call(settings, imports, done);
    };
    try {
      return await Promise.race([createModule(settings), failed]);
    } finally {
      unwatch(given);
    }
  }
}

/** Has a page begin to fetch what the runtime fetches as soon as it runs. */
function preload(href: string): void {
  if (typeof document === "undefined") return;
  document.head.append(Object.assign(document.createElement("link"), { rel: "preload", as: "fetch", crossOrigin: "anonymous", href }));
}

/** Notes that Pyodide is, or is no more, going to fetch what need not be fetched again. */
function answer(address: string, change: 1 | -1): void {
  const count = (answered.get(address) ?? 0) + change;
  if (count > 0) answered.set(address, count);
  else answered.delete(address);
  if (answered.size > 0 && fetches === undefined) {
    const real = globalThis.fetch;
    // Pyodide gives an address as an object, as few others do. Nothing reads the answer.
    const ours: typeof fetch = (input, init) =>
      input instanceof URL && answered.has(input.href) ? Promise.resolve(new Response()) : real.call(globalThis, input, init);
    fetches = { real, ours };
    globalThis.fetch = ours;
  } else if (answered.size === 0 && fetches !== undefined) {
    // Somebody else may have put one over ours.
    if (globalThis.fetch === fetches.ours) globalThis.fetch = fetches.real;
    fetches = undefined;
  }
}

function watch(imports: unknown, how: Watch): void {
  watched.set(imports, how);
  if (engine !== undefined) return;
  const { instantiate, instantiateStreaming } = WebAssembly;
  engine = { instantiate, instantiateStreaming };
  WebAssembly.instantiate = observed(instantiate) as typeof instantiate;
  WebAssembly.instantiateStreaming = observed(instantiateStreaming);
}

function unwatch(imports: unknown): void {
  watched.delete(imports);
  if (watched.size > 0 || engine === undefined) return;
  Object.assign(WebAssembly, engine);
  engine = undefined;
}

/** The same function, which takes what is compiled already, and tells of failures. */
function observed<S, R>(instantiate: (source: S, imports?: WebAssembly.Imports) => Promise<R>): typeof instantiate {
  return (source, imports) => {
    const { fail, compiled } = watched.get(imports) ?? {};
    const own = compiled?.then(async (module) => {
      const instance = await (engine ?? WebAssembly).instantiate.call(WebAssembly, module, imports);
      return { module, instance } as R;
    });
    const result = own ?? instantiate.call(WebAssembly, source, imports);
    if (fail !== undefined) result.catch(fail);
    return result;
  };
}

async function readable(address: string): Promise<void> {
  const { access, constants } = process.getBuiltinModule("node:fs/promises");
  await access(new URL(address), constants.R_OK);
}

function failure(error: unknown, address: string): LoaderError {
  const isOfEngine = error instanceof WebAssembly.CompileError || error instanceof WebAssembly.LinkError;
  const message = `the runtime's ${address} cannot be ${isOfEngine ? "instantiated" : "fetched"}: ${(error as Error).message}`;
  return new LoaderError(isOfEngine ? "unsupported_runtime" : "network", message, { cause: error });
}
