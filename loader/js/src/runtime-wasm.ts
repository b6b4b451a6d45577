import { LoaderError } from "./errors.js";
import type { ModuleSettings } from "./image.js";
import { isNode } from "./node.js";

/** By the imports of a module on its way, who is told that it failed. */
const waiting = new Map<unknown, (error: unknown) => void>();

/** The engine's own functions, while ours stand in their place. */
let engine: Pick<typeof WebAssembly, "instantiate" | "instantiateStreaming"> | undefined;

/**
 * Calls the runtime's module function. Pyodide never settles where its wasm cannot be had, it logs a warning; here that is
 * an error.
 *
 * @param address of the wasm
 * @throws {LoaderError} `network` if it cannot be fetched or read, `unsupported_runtime` if it cannot be compiled or linked
 */
export async function createWatched<M>(
  createModule: (settings: ModuleSettings) => Promise<M>,
  settings: ModuleSettings,
  address: string,
): Promise<M> {
  let watched: unknown;
  let reject: (error: LoaderError) => void = () => {};
  const failed = new Promise<never>((_, rejecting) => (reject = rejecting));
  const fail = (error: unknown): void => reject(failure(error, address));
  // In Node it is read before the engine is asked.
  if (isNode()) readable(address).catch(fail);
  const { instantiateWasm } = settings;
  // The module is made of these very settings.
  settings.instantiateWasm = (imports, done) => {
    watched = imports;
    watch(imports, fail);
    return instantiateWasm.call(settings, imports, done);
  };
  try {
    return await Promise.race([createModule(settings), failed]);
  } finally {
    unwatch(watched);
  }
}

function watch(imports: unknown, fail: (error: unknown) => void): void {
  waiting.set(imports, fail);
  if (engine !== undefined) return;
  const { instantiate, instantiateStreaming } = WebAssembly;
  engine = { instantiate, instantiateStreaming };
  WebAssembly.instantiate = observed(instantiate) as typeof instantiate;
  WebAssembly.instantiateStreaming = observed(instantiateStreaming);
}

function unwatch(imports: unknown): void {
  waiting.delete(imports);
  if (waiting.size > 0 || engine === undefined) return;
  Object.assign(WebAssembly, engine);
  engine = undefined;
}

/** The same function, which tells of failures. */
function observed<A extends unknown[], R>(instantiate: (...given: A) => Promise<R>): (...given: A) => Promise<R> {
  return (...given) => {
    const result = instantiate.apply(WebAssembly, given);
    const fail = waiting.get(given[1]);
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
