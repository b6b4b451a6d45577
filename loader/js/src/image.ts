import { startCore } from "./core.js";
import { linkAgain, makeFiles, openFirst, type Environment, type First } from "./environment.js";
import { UnusableImage } from "./errors.js";
import { placeFunctions, type RuntimeFunctions } from "./functions.js";
import { digest, fetchNamed, fetchVerified, type Check, type Expected, type Fetching } from "./fetching.js";
import { FileTransaction } from "./files.js";
import { Later } from "./later.js";
import { HostLinker } from "./linking.js";
import { isNode } from "./node.js";
import type { Reporter } from "./progress.js";
import { globalSymbols, type EmscriptenModule, type Layout } from "./runtime.js";
import type { InstalledPackage, PyodideInterface } from "./types.js";

/** The formats that this version reads: of a runtime's image, and of an environment. */
const [BARE, WITH_PACKAGES] = [2, 3];

/** A file beside `image.json`. */
export interface ImageFile {
  file: string;
  sha256: string;
  size: number;
  /** Digests of parts of it; earlier versions noted none. */
  pieces?: Expected["pieces"];
}

/** `image.json`, or the file of an environment: the image of a runtime in which Python has started. */
interface ImageIndex {
  format: number;
  /** The header of Pyodide's memory snapshots, in base64; it names the build. */
  header: string;
  layout: Layout;
  memory: ImageFile & {
    /** How many runs of bytes the file has. */
    runs: number;
    /** Bytes of the whole memory. */
    length: number;
    /** The memory before anything ran: behind `size` there are zeros. */
    before: { sha256: string; size: number };
  };
  functions: RuntimeFunctions;
  /** The standard library that the image was made with. */
  stdlib: ImageFile;
  /** Only where packages are in it. */
  environment?: Environment;
}

/** What Emscripten's module function takes, as far as we change it. */
export interface ModuleSettings {
  instantiateWasm(
    imports: WebAssembly.Imports,
    done: (instance: WebAssembly.Instance, module: WebAssembly.Module) => void,
  ): unknown;
}

/** What we use of Emscripten's module before Pyodide has it. */
interface StartedModule extends EmscriptenModule {
  HEAPU8: Uint8Array;
  HEAP32: Int32Array;
  API: { pyVersionTuple: [number, number, number] };
  __PyRuntime: number;
  __PyEM_EMSCRIPTEN_TRAMPOLINE_OFFSET: number;
}

/** `pyodide.mjs` and `pyodide.asm.mjs`. */
export interface RuntimeModules {
  loadPyodide(options: Record<string, unknown>): Promise<PyodideInterface>;
  createModule(settings: ModuleSettings): Promise<StartedModule>;
}

/** What an image consists of, on its way. */
export interface ImageParts {
  memory: Promise<Uint8Array<ArrayBuffer>>;
  stdlib: Later;
  /** The parts of an environment. */
  first: Promise<First> | undefined;
  later: Later | undefined;
  /** When the files may be read, and when all of them are there. */
  readable: Promise<unknown>;
  complete: Promise<void>;
}

/** What was restored. */
export interface Restored {
  pyodide: PyodideInterface;
  /** What has linked the side modules of an environment. */
  linker: HostLinker | undefined;
}

/** The image of a runtime, as a server has it. */
export class Image {
  /** Directories of the interpreter. */
  readonly layout: Layout;
  readonly environment: Environment | undefined;
  /** The wheels of the environment. */
  readonly packages: readonly InstalledPackage[];
  /** Where the runtime of an environment is. */
  readonly runtime: string | undefined;
  readonly #index: ImageIndex;
  readonly #url: string;

  private constructor(index: ImageIndex, url: string) {
    const { environment, layout } = index;
    this.#index = index;
    this.layout = layout;
    this.environment = environment;
    this.runtime = environment && new URL(environment.runtime, url).href;
    this.#url = url;
    this.packages = (environment?.packages ?? []).map((selected) => ({
      ...selected,
      url: new URL(`${environment?.blobs}${selected.sha256}/${selected.filename}`, url).href,
    }));
  }

  /**
   * Reads the index of an image.
   *
   * @param check refuses bytes that are not signed
   * @throws {UnusableImage} if it is not of a format that this version knows
   */
  static async read(url: string, fetching: Fetching, check?: Check): Promise<Image> {
    return new Image(parsed(url, await fetchNamed(url, fetching, "default", check)), url);
  }

  /** The files that the index names. */
  files(): Expected[] {
    const { memory, stdlib, environment } = this.#index;
    const parts = environment === undefined ? [] : [environment.first, environment.later];
    return [memory, stdlib, ...parts].map((file) => this.#expected(file));
  }

  #expected({ file, sha256, size, pieces }: ImageFile): Expected {
    return { url: new URL(file, this.#url).href, sha256, size, pieces };
  }

  /**
   * What the index names, on its way.
   *
   * @param late whether the files of an environment may arrive when it runs
   */
  fetchParts(fetching: Fetching, reporter: Reporter, late: boolean): ImageParts {
    const { memory, stdlib, environment } = this.#index;
    const counted = ({ size }: ImageFile): ((count: number) => void) => {
      reporter.expect("download", size);
      return (count) => reporter.advance("download", count);
    };
    const fetched = (file: ImageFile) => fetchVerified(this.#expected(file), fetching, counted(file));
    const runs = fetched(memory);
    const bytes = environment && fetched(environment.first);
    const first = bytes?.then((it) => openFirst(environment as Environment, it));
    const before = environment === undefined ? Promise.resolve() : Promise.all([runs, bytes]);
    const isLate = late && environment !== undefined;
    const afterwards = (file: ImageFile) => new Later(this.#expected(file), fetching, before, isLate ? undefined : counted(file));
    const later = environment && afterwards(environment.later);
    const library = afterwards(stdlib);
    const complete = Promise.all([library.arrived, later?.arrived]).then(() => {});
    // Awaited later, or never if something else fails before.
    for (const part of [runs, first, complete]) part?.catch(() => {});
    const readable = isLate ? startCore() : complete;
    return { memory: runs, first, later, stdlib: library, readable, complete };
  }

  /**
   * Starts an interpreter from the image, of which nothing is used before it is verified. The runtime's module must bring
   * the very data that the image was made over.
   *
   * @throws {UnusableImage} if the runtime is not the image's
   */
  async restore(
    parts: ImageParts,
    { loadPyodide, createModule }: RuntimeModules,
    options: Record<string, unknown>,
  ): Promise<Restored> {
    const { header } = this.#index;
    let linker: HostLinker | undefined;
    const pyodide = await loadPyodide({
      ...options,
      // Pyodide gets a standard library at once, unverified, and the image's takes its place. Let it be something small
      // that is there, if it is not on the disk.
      ...(isNode() ? {} : { stdLibURL: this.#url }),
      // With the header alone Pyodide checks that the image is of its build, and copies nothing.
      _loadSnapshot: Uint8Array.from(atob(header), (letter) => letter.charCodeAt(0)),
      createPyodideModule: async (settings: ModuleSettings) => {
        const created = await this.#create(parts, createModule, settings);
        linker = created.linker;
        return created.module;
      },
    });
    for (const { name, url } of this.packages) pyodide.loadedPackages[name] = url;
    return { pyodide, linker };
  }

  async #create(
    { memory, stdlib, first, later, readable }: ImageParts,
    createModule: RuntimeModules["createModule"],
    settings: ModuleSettings,
  ): Promise<{ module: StartedModule; linker: HostLinker | undefined }> {
    let before: Uint8Array<ArrayBuffer> | undefined;
    const given = {
      ...settings,
      instantiateWasm: (imports, done) =>
        settings.instantiateWasm(imports, (instance, compiled) => {
          before = this.#prepareMemory(instance.exports["memory"]);
          // Emscripten makes the module of what it is given.
          placeFunctions(given as unknown as EmscriptenModule, imports, instance.exports, this.#index.functions);
          done(instance, compiled);
        }),
    } satisfies ModuleSettings;
    const module = await createModule(given);
    if (before === undefined) throw new UnusableImage("the runtime's module has no memory of the image's size");
    const [contents, opened] = await Promise.all([memory, first, readable, this.#checkBefore(before)]);
    const [major, minor] = module.API.pyVersionTuple;
    const archive = `/lib/python${major}${minor}.zip`;
    new FileTransaction(module.FS).writeLazily(archive, this.#index.stdlib.size, 0o644, () => stdlib.now());
    const linker = this.environment && new HostLinker(module);
    if (linker && opened && later) makeFiles(module, linker, this.environment, opened, later);
    const { HEAPU8, HEAP32 } = module;
    // A function of this engine's, or none: see `_PyEM_TrampolineCall` in CPython's Python/emscripten_trampoline.c.
    const trampoline = (module.__PyRuntime + (HEAP32[module.__PyEM_EMSCRIPTEN_TRAMPOLINE_OFFSET >>> 2] ?? 0)) >>> 2;
    const kept = HEAP32[trampoline] ?? 0;
    const used = usedMemory(module);
    HEAPU8.set(before);
    HEAPU8.fill(0, before.length, used);
    // Side modules bring data of their own, which the image was made over too.
    if (linker) await linkAgain(module, linker, this.environment);
    this.#setRuns(HEAPU8, contents);
    HEAP32[trampoline] = kept;
    return { module, linker };
  }

  /** The data that the module brings, copied before anything runs; the memory becomes as long as the image's. */
  #prepareMemory(memory: unknown): Uint8Array<ArrayBuffer> | undefined {
    if (!(memory instanceof WebAssembly.Memory)) return undefined;
    const { length, before } = this.#index.memory;
    const data = new Uint8Array(memory.buffer, 0, Math.min(before.size, memory.buffer.byteLength)).slice();
    const missing = length - memory.buffer.byteLength;
    if (missing < 0) return undefined;
    try {
      memory.grow(Math.ceil(missing / 65_536));
      return data;
    } catch {
      // Whoever called us would wait for ever.
      return undefined;
    }
  }

  async #checkBefore(before: Uint8Array<ArrayBuffer>): Promise<void> {
    if ((await digest(before)) === this.#index.memory.before.sha256) return;
    throw new UnusableImage("the runtime's module is another than the one that the image was made with");
  }

  /** Sets the bytes that are others than before Python started. */
  #setRuns(memory: Uint8Array, contents: Uint8Array): void {
    const { runs } = this.#index.memory;
    const numbers = new DataView(contents.buffer, contents.byteOffset, runs * 8);
    let [from, to] = [runs * 8, 0];
    for (let run = 0; run < runs; run += 1) {
      const length = numbers.getUint32((runs + run) * 4, true);
      to += numbers.getUint32(run * 4, true);
      memory.set(contents.subarray(from, from + length), to);
      from += length;
      to += length;
    }
  }
}

function parsed(url: string, bytes: Uint8Array): ImageIndex {
  let index: Partial<ImageIndex>;
  try {
    index = JSON.parse(new TextDecoder().decode(bytes)) as Partial<ImageIndex>;
  } catch {
    throw new UnusableImage(`${url} is no JSON`);
  }
  const { format, header, layout, memory, functions, stdlib, environment } = index ?? {};
  const expected = environment === undefined ? BARE : WITH_PACKAGES;
  if (format !== expected) {
    throw new UnusableImage(`${url} has the format ${String(format)}, expected ${expected}: another version made it`);
  }
  const isFile = (file: Partial<ImageFile> | undefined): boolean =>
    typeof file?.file === "string" && typeof file.sha256 === "string" && isSize(file.size) && arePieces(file);
  const isWhole =
    typeof header === "string" &&
    typeof layout?.site === "string" &&
    isFile(memory) &&
    isFile(stdlib) &&
    Array.isArray(functions?.exported) &&
    isSize(functions.start) &&
    isSize(functions.length) &&
    typeof functions.others === "object" &&
    isSize(memory?.runs) &&
    isSize(memory?.length) &&
    isSize(memory?.before?.size) &&
    (environment === undefined ||
      (Array.isArray(environment.packages) && typeof environment.runtime === "string" && isFile(environment.first) && isFile(environment.later)));
  if (!isWhole) throw new UnusableImage(`${url} is no index of an image: something is missing or of another kind`);
  return index as ImageIndex;
}

/**
 * Where the memory ends that the allocator has asked for. Behind it nothing was written yet; to write there takes time, and
 * makes pages of the system's what was none.
 */
function usedMemory(module: StartedModule): number {
  const address = globalSymbols(module)["emscripten_get_sbrk_ptr"] as unknown as () => number;
  return (module.HEAP32[address() >>> 2] ?? 0) >>> 0;
}

function arePieces({ pieces, size = 0 }: Partial<ImageFile>): boolean {
  if (pieces === undefined) return true;
  const { size: each, sha256 } = pieces;
  return isSize(each) && each > 0 && Array.isArray(sha256) && sha256.length === Math.ceil(size / each);
}

function isSize(value: unknown): boolean {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}
