import { digest, fetchBytes, fetchVerified, type Fetching } from "./fetching.js";
import type { FileSystem, Layout } from "./runtime.js";
import type { PyodideInterface } from "./types.js";

/** The format of images that this version reads. */
const FORMAT = 1;

/** A file beside `image.json`. */
interface ImageFile {
  file: string;
  sha256: string;
  size: number;
}

/** `image.json`: the image of a runtime in which Python has started. */
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
  /** The standard library that the image was made with. */
  stdlib: ImageFile;
}

/** What Emscripten's module function takes, as far as we change it. */
interface ModuleSettings {
  instantiateWasm(
    imports: WebAssembly.Imports,
    done: (instance: WebAssembly.Instance, module: WebAssembly.Module) => void,
  ): unknown;
}

/** What we use of Emscripten's module before Pyodide has it. */
interface StartedModule {
  HEAPU8: Uint8Array;
  HEAP32: Int32Array;
  FS: FileSystem;
  API: { pyVersionTuple: [number, number, number] };
  __PyRuntime: number;
  __PyEM_EMSCRIPTEN_TRAMPOLINE_OFFSET: number;
}

/** `pyodide.mjs` and `pyodide.asm.mjs`. */
export interface RuntimeModules {
  loadPyodide(options: Record<string, unknown>): Promise<PyodideInterface>;
  createModule(settings: ModuleSettings): Promise<StartedModule>;
}

/** Why an image is not used, in words. */
export class UnusableImage extends Error {
  override readonly name = "UnusableImage";
}

/** The image of a runtime, as a server has it. */
export class Image {
  /** Directories of the interpreter. */
  readonly layout: Layout;
  readonly #index: ImageIndex;
  readonly #memory: Promise<Uint8Array<ArrayBuffer>>;
  readonly #stdlib: Promise<Uint8Array<ArrayBuffer>>;
  readonly #url: string;

  private constructor(index: ImageIndex, url: string, fetching: Fetching) {
    this.#index = index;
    this.layout = index.layout;
    this.#url = url;
    const fetched = ({ file, sha256, size }: ImageFile): Promise<Uint8Array<ArrayBuffer>> => {
      const bytes = fetchVerified({ url: new URL(file, url).href, sha256, size }, fetching, () => {});
      // Awaited later, or never if something else fails before.
      bytes.catch(() => {});
      return bytes;
    };
    this.#memory = fetched(index.memory);
    this.#stdlib = fetched(index.stdlib);
  }

  /**
   * Reads `image.json` in the directory at `address`; what it names begins to arrive.
   *
   * @throws {UnusableImage} if it is not of a format that this version knows
   */
  static async read(address: string, fetching: Fetching): Promise<Image> {
    const url = `${address}image.json`;
    const index = parsed(url, await fetchBytes(url, fetching, "default"));
    return new Image(index, url, fetching);
  }

  /**
   * Starts an interpreter from the image, of which nothing is used before it is verified. The runtime's module must bring
   * the very data that the image was made over.
   *
   * @throws {UnusableImage} if the runtime is not the image's
   */
  async restore({ loadPyodide, createModule }: RuntimeModules, options: Record<string, unknown>): Promise<PyodideInterface> {
    const { header } = this.#index;
    return loadPyodide({
      ...options,
      // Pyodide fetches a standard library at once, unverified: let it be something small. The image's takes its place.
      stdLibURL: this.#url,
      // With the header alone Pyodide checks that the image is of its build, and copies nothing.
      _loadSnapshot: Uint8Array.from(atob(header), (letter) => letter.charCodeAt(0)),
      createPyodideModule: (settings: ModuleSettings) => this.#create(createModule, settings),
    });
  }

  async #create(createModule: RuntimeModules["createModule"], settings: ModuleSettings): Promise<StartedModule> {
    let before: Uint8Array<ArrayBuffer> | undefined;
    const module = await createModule({
      ...settings,
      instantiateWasm: (imports, done) =>
        settings.instantiateWasm(imports, (instance, compiled) => {
          before = this.#prepareMemory(instance.exports["memory"]);
          done(instance, compiled);
        }),
    });
    if (before === undefined) throw new UnusableImage("the runtime's module has no memory of the image's size");
    const [runs, stdlib] = await Promise.all([this.#memory, this.#stdlib, this.#checkBefore(before)]);
    const [major, minor] = module.API.pyVersionTuple;
    module.FS.writeFile(`/lib/python${major}${minor}.zip`, stdlib, { canOwn: true });
    this.#fillMemory(module, before, runs);
    return module;
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
    } catch {
      return undefined;
    }
    return data;
  }

  async #checkBefore(before: Uint8Array<ArrayBuffer>): Promise<void> {
    if ((await digest(before)) === this.#index.memory.before.sha256) return;
    throw new UnusableImage("the runtime's module is another than the one that the image was made with");
  }

  #fillMemory(module: StartedModule, before: Uint8Array, contents: Uint8Array): void {
    const { runs } = this.#index.memory;
    const { HEAPU8, HEAP32 } = module;
    // A function of this engine's, or none: see `_PyEM_TrampolineCall` in CPython's Python/emscripten_trampoline.c.
    const trampoline = (module.__PyRuntime + (HEAP32[module.__PyEM_EMSCRIPTEN_TRAMPOLINE_OFFSET >>> 2] ?? 0)) >>> 2;
    const kept = HEAP32[trampoline] ?? 0;
    HEAPU8.set(before);
    HEAPU8.fill(0, before.length);
    const numbers = new DataView(contents.buffer, contents.byteOffset, runs * 8);
    let [from, to] = [runs * 8, 0];
    for (let run = 0; run < runs; run += 1) {
      const length = numbers.getUint32((runs + run) * 4, true);
      to += numbers.getUint32(run * 4, true);
      HEAPU8.set(contents.subarray(from, from + length), to);
      from += length;
      to += length;
    }
    HEAP32[trampoline] = kept;
  }
}

function parsed(url: string, bytes: Uint8Array): ImageIndex {
  let index: Partial<ImageIndex>;
  try {
    index = JSON.parse(new TextDecoder().decode(bytes)) as Partial<ImageIndex>;
  } catch {
    throw new UnusableImage(`${url} is no JSON`);
  }
  if (index?.format === FORMAT) return index as ImageIndex;
  throw new UnusableImage(`${url} has the format ${String(index?.format)}, expected ${FORMAT}`);
}
