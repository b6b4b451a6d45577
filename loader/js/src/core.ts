import { LoaderError, type LoaderErrorCode } from "./errors.js";
import * as bindings from "./pkgsrv_loader.js";

/** The core's functions and classes; usable after {@link startCore}. */
export const { Installation, Linker, neededProjects, Repodata, sha256 } = bindings;
export type Installation = bindings.Installation;
export type Linker = bindings.Linker;
export type Repodata = bindings.Repodata;

let started: Promise<unknown> | undefined;

/** Compiles and instantiates the core once, whoever asks. */
export function startCore(): Promise<unknown> {
  started ??= start().catch((error: unknown) => {
    // The next call may find the network working.
    started = undefined;
    throw error;
  });
  return started;
}

async function start(): Promise<unknown> {
  const address = new URL("./pkgsrv_loader_bg.wasm", import.meta.url);
  const bytes = address.protocol === "file:" ? await readLocal(address) : fetchCore(address);
  return bindings.default({ module_or_path: bytes });
}

async function fetchCore(address: URL): Promise<Response> {
  const response = await fetch(address).catch((error: unknown) => {
    throw new LoaderError("network", `cannot fetch the loader's own ${address.href}`, { cause: error });
  });
  if (!response.ok) {
    throw new LoaderError("http_status", `${address.href} answered ${response.status}`);
  }
  return response;
}

/** Node's `fetch` does not know `file:`. Asking `process` keeps bundlers from looking for `fs`. */
async function readLocal(address: URL): Promise<Uint8Array<ArrayBuffer>> {
  const fs = process.getBuiltinModule("node:fs/promises");
  return new Uint8Array(await fs.readFile(address));
}

/** Calls into the core; what it throws becomes a `LoaderError`. */
export function call<T>(operation: () => T): T {
  try {
    return operation();
  } catch (thrown) {
    if (typeof thrown !== "string") throw thrown;
    const { code, message } = JSON.parse(thrown) as { code: LoaderErrorCode; message: string };
    throw new LoaderError(code, message);
  }
}
