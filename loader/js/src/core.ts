import { LoaderError, type LoaderErrorCode } from "./errors.js";
import init from "./pkgsrv_loader.js";

/** The core's functions and classes; usable after {@link startCore}. */
export { describeWheel, ExpectedWheel, Installation, Layout as CoreLayout, Linker, sha256 } from "./pkgsrv_loader.js";

/** Compiles and instantiates the core once, whoever asks. */
export const startCore = startWasm(init, new URL("./pkgsrv_loader_bg.wasm", import.meta.url));

/** What starts a wasm module of ours once, whoever asks. */
export function startWasm(
  init: (from: { module_or_path: Response | Promise<Response> | Uint8Array<ArrayBuffer> }) => Promise<unknown>,
  address: URL,
): () => Promise<unknown> {
  let started: Promise<unknown> | undefined;
  const start = async (): Promise<unknown> => {
    const bytes = address.protocol === "file:" ? await readLocal(address) : fetchOwn(address);
    return init({ module_or_path: bytes });
  };
  return () =>
    (started ??= start().catch((error: unknown) => {
      // The next call may find the network working.
      started = undefined;
      throw error;
    }));
}

async function fetchOwn(address: URL): Promise<Response> {
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

/** Calls into wasm of ours; what it throws becomes a `LoaderError`. */
export function call<T>(operation: () => T): T {
  try {
    return operation();
  } catch (thrown) {
    if (typeof thrown !== "string") throw thrown;
    const { code, message } = JSON.parse(thrown) as { code: LoaderErrorCode; message: string };
    throw new LoaderError(code, message);
  }
}
