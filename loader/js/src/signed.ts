import { asLoaderError, LoaderError } from "./errors.js";
import { aborted, digest, fetchNamed, fetchVerified, type Check, type Expected, type Fetching } from "./fetching.js";
import type { RuntimeModules } from "./image.js";
import { abiOf, type Settings } from "./settings.js";
import type { PyodideInterface } from "./types.js";

/** What a line has signed, beside its head: the indexes of its environments, and the files of its runtime. */
type List = "environments" | "runtime";

type Bytes = Uint8Array<ArrayBuffer>;

type Lists = Record<List, ReadonlyMap<string, { sha256: string; size: number }>>;

/** The files of the channel that an interpreter starts from, as the keys of a page have signed them. */
export class SignedFiles {
  readonly #settings: Settings;
  readonly #fetching: Fetching;
  readonly #url: string;
  #reading: Promise<Lists> | undefined;

  private constructor(settings: Settings, fetching: Fetching) {
    this.#settings = settings;
    this.#fetching = fetching;
    this.#url = new URL(`../../environments/${abiOf(settings.repodata)}/signed_files.json`, settings.repodata).href;
  }

  /** `undefined` where the page has no keys. */
  static of(settings: Settings, fetching: Fetching): SignedFiles | undefined {
    return settings.verifier && new SignedFiles(settings, fetching);
  }

  /** Refuses a file that goes by its name, if it is not the one that was signed. */
  check(list: List, name: string): Check {
    return async (bytes, from) => {
      const found = await digest(bytes);
      const isSigned = async (): Promise<boolean> => (await this.#entry(list, name, from)).sha256 === found;
      if (await isSigned()) return;
      // The file may have been replaced since the list was read, or the list since the file came.
      this.#reading = undefined;
      if (await isSigned()) return;
      const { sha256 } = await this.#entry(list, name, from);
      const message = `${from} has SHA-256 ${found}, but ${sha256} is signed; nothing of it is used`;
      throw new LoaderError("hash_mismatch", message, { retryAfter: 0 });
    };
  }

  /** A file of the runtime in the directory at this address. */
  async runtimeFile(address: string, name: string): Promise<Expected> {
    const url = `${address}${name}`;
    const { sha256, size } = await this.#entry("runtime", name, url);
    return { url, sha256, size };
  }

  async #entry(list: List, name: string, from: string): Promise<{ sha256: string; size: number }> {
    const entry = (await (this.#reading ??= this.#read()))[list].get(name);
    if (entry !== undefined) return entry;
    throw new LoaderError("bad_signature", `${from} is not signed: ${this.#url} does not name it; nothing of it is used`);
  }

  async #read(): Promise<Lists> {
    const { verifier, network } = this.#settings;
    const old = await network.kept?.named(this.#url);
    if (old !== undefined) await verifier?.rememberFiles(old);
    let lists: unknown;
    const check = async (bytes: Bytes, from: string): Promise<void> => {
      lists = await verifier?.checkFiles(bytes, from);
    };
    try {
      await fetchNamed(this.#url, this.#fetching, "no-cache", check);
    } catch (error) {
      if (!(error instanceof LoaderError) || error.code !== "http_status") throw error;
      const message = `what interpreters start from is not signed: ${error.message}; \`pkgsrv channel refresh\` signs it`;
      throw new LoaderError("bad_signature", message, { cause: error });
    }
    const { environments, runtime } = lists as Record<List, { name: string; sha256: string; size: number }[]>;
    const byName = (files: { name: string; sha256: string; size: number }[]): Lists[List] => new Map(files.map((file) => [file.name, file]));
    return { environments: byName(environments), runtime: byName(runtime) };
  }
}

/** What of a runtime is fetched before it starts. */
const PARTS = ["pyodide.mjs", "pyodide.asm.mjs", "pyodide.asm.wasm", "pyodide-lock.json"] as const;

/** Fetches what {@link importSigned} takes. */
export function fetchSigned(address: string, signed: SignedFiles, fetching: Fetching): Promise<Bytes[]> {
  const fetched = PARTS.map(async (name) => fetchVerified(await signed.runtimeFile(address, name), fetching, () => {}));
  return Promise.all(fetched);
}

/** The modules of a runtime that is used only as the page's keys have signed it: it runs from verified bytes. */
export async function importSigned(address: string, signed: SignedFiles, fetching: Fetching): Promise<RuntimeModules> {
  const load = (name: string, bytes: Bytes): Promise<Record<string, unknown>> =>
    withAddress(bytes, "text/javascript", async (url) => {
      try {
        return (await import(/* webpackIgnore: true */ /* @vite-ignore */ url)) as Record<string, unknown>;
      } catch (error) {
        throw asLoaderError(error, "network", `cannot import the runtime's ${name} from its verified bytes, as an address \`blob:\``);
      }
    });
  const [outer, inner, module, lock] = (await fetchSigned(address, signed, fetching)) as [Bytes, Bytes, Bytes, Bytes];
  const [{ loadPyodide }, { default: create }] = await Promise.all([load(PARTS[0], outer), load(PARTS[1], inner)]);
  if (fetching.signal.aborted) throw aborted(fetching.signal);
  const createModule = create as RuntimeModules["createModule"];
  // The channel's own lockfile is not signed; this one tells what `loadPackage` may fetch, by hash.
  const lockfile = (options: Record<string, unknown>): Record<string, unknown> =>
    "lockFileURL" in options || "lockFileContents" in options ? {} : { lockFileContents: new TextDecoder().decode(lock) };
  const start = (options: Record<string, unknown>): Promise<PyodideInterface> =>
    withAddress(module, "application/wasm", async (url) => {
      // Pyodide appends the module's name: behind `#` that is no part of what is fetched.
      const verified = { createPyodideModule: createModule, ...lockfile(options), ...options, indexURL: `${url}#` };
      const run = (stdLibURL: unknown) => (loadPyodide as RuntimeModules["loadPyodide"])({ ...verified, stdLibURL });
      if (options["stdLibURL"] !== undefined) return run(options["stdLibURL"]);
      const library = await signed.runtimeFile(address, "python_stdlib.zip");
      return withAddress(await fetchVerified(library, fetching, () => {}), "application/zip", run);
    });
  return { loadPyodide: start, createModule };
}

/** Gives bytes an address for as long as they are used. */
async function withAddress<T>(bytes: Bytes, type: string, use: (url: string) => Promise<T>): Promise<T> {
  const url = URL.createObjectURL(new Blob([bytes], { type }));
  try {
    return await use(url);
  } finally {
    URL.revokeObjectURL(url);
  }
}
