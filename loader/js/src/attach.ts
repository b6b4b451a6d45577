import { startCore } from "./core.js";
import { asLoaderError, LoaderError } from "./errors.js";
import { AttachedLoader } from "./loader.js";
import { inspect } from "./runtime.js";
import { HeadVerifier } from "./signature.js";
import type { AttachOptions, Loader, PyodideInterface } from "./types.js";

/**
 * Attaches a loader to a running interpreter.
 *
 * @throws {LoaderError} `unsupported_runtime` if the interpreter lacks what the loader builds on,
 *   `invalid_argument` if an option is not of the documented kind, `signature_unsupported` if there are keys and
 *   no Ed25519
 */
export async function attach(pyodide: PyodideInterface, options: AttachOptions): Promise<Loader> {
  const repodata = directory(options?.repodata);
  const fetch = options.fetch ?? globalThis.fetch.bind(globalThis);
  const log = options.log ?? (() => {});
  try {
    const runtime = inspect(pyodide);
    const { publicKeys } = options;
    const verifier = publicKeys === undefined ? undefined : await HeadVerifier.create(publicKeys);
    await startCore();
    return new AttachedLoader(runtime, { repodata, fetch, log, verifier });
  } catch (error) {
    throw asLoaderError(error, "internal", "cannot attach the loader");
  }
}

/** The absolute address of a directory, with a slash at its end. */
function directory(address: string | URL | undefined): string {
  let url: URL;
  try {
    url = new URL(String(address), globalThis.location?.href);
  } catch (error) {
    const message = `the option \`repodata\` is ${String(address)}, expected an address such as https://packages.example/repodata/2026_0/`;
    throw new LoaderError("invalid_argument", message, { cause: error });
  }
  url.search = "";
  url.hash = "";
  return url.href.endsWith("/") ? url.href : `${url.href}/`;
}
