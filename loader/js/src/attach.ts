import { startCore } from "./core.js";
import { asLoaderError } from "./errors.js";
import { Line } from "./line.js";
import { AttachedLoader, runningHost } from "./loader.js";
import { provideModule } from "./python.js";
import { hasBridge, inspect } from "./runtime.js";
import { settingsOf } from "./settings.js";
import type { AttachOptions, Loader, PyodideInterface } from "./types.js";

/**
 * Attaches a loader to a running interpreter: a Pyodide, or a CPython that `loadPython` of its `cpython.mjs` has started.
 *
 * @throws {LoaderError} `unsupported_runtime` if the interpreter lacks what the loader builds on,
 *   `invalid_argument` if an option is not of the documented kind, `signature_unsupported` if there are keys and
 *   no Ed25519
 */
export async function attach(pyodide: PyodideInterface, options: AttachOptions): Promise<Loader> {
  try {
    const settings = await settingsOf(options);
    const runtime = inspect(pyodide);
    await startCore();
    const loader = new AttachedLoader(runningHost(runtime), new Line(settings), settings);
    // Without a bridge, Python code could not call it.
    if (hasBridge(runtime)) provideModule(pyodide, loader, false);
    return loader;
  } catch (error) {
    throw asLoaderError(error, "internal", "cannot attach the loader");
  }
}
