import { linkAgain, writeFiles, type Environment } from "./environment.js";
import { UnusableImage } from "./errors.js";
import { digest, fetchNamed, fetchVerified, type Expected, type Fetching } from "./fetching.js";
import { HostLinker } from "./linking.js";
import { isNode } from "./node.js";
import type { Reporter } from "./progress.js";
import type { EmscriptenModule, Layout } from "./runtime.js";
import type { InstalledPackage, PyodideInterface } from "./types.js";
import { obtain, sum, type Unpacked } from "./unpacking.js";

/** The format of images that this version reads. */
const FORMAT = 1;

/** A file beside `image.json`. */
interface ImageFile {
  file: string;
  sha256: string;
  size: number;
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
  /** The standard library that the image was made with. */
  stdlib: ImageFile;
  /** Only where packages are in it. */
  environment?: Environment;
}

/** What Emscripten's module function takes, as far as we change it. */
interface ModuleSettings {
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
  stdlib: Promise<Uint8Array<ArrayBuffer>>;
  /** The files of the environment's wheels. */
  unpacked: Promise<Unpacked[]>;
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
  readonly #index: ImageIndex;
  readonly #url: string;

  private constructor(index: ImageIndex, url: string) {
    const { environment, layout } = index;
    this.#index = index;
    this.layout = layout;
    this.environment = environment;
    this.#url = url;
    this.packages = (environment?.packages ?? []).map((selected) => ({
      ...selected,
      url: new URL(`${environment?.blobs}${selected.sha256}/${selected.filename}`, url).href,
    }));
  }

  /**
   * Reads the index of an image.
   *
   * @throws {UnusableImage} if it is not of a format that this version knows
   */
  static async read(url: string, fetching: Fetching): Promise<Image> {
    return new Image(parsed(url, await fetchNamed(url, fetching, "default")), url);
  }

  /** The files that lie beside the index. */
  files(): Expected[] {
    const { memory, stdlib } = this.#index;
    return [memory, stdlib].map(({ file, sha256, size }) => ({ url: new URL(file, this.#url).href, sha256, size }));
  }

  /** What the index names, on its way. */
  fetchParts(fetching: Fetching, reporter: Reporter): ImageParts {
    const { layout } = this.#index;
    const [memory, stdlib] = this.files().map((file) => fetchVerified(file, fetching, () => {})) as [ImageParts["memory"], ImageParts["stdlib"]];
    reporter.expect("download", sum(this.packages, ({ size }) => size));
    const unpacked = this.packages.map((selected) => obtain(selected, Promise.resolve(layout), { fetching, reporter }));
    const parts = {
      memory,
      stdlib,
      unpacked: Promise.all(unpacked).then((files) => files.flat()),
    };
    // Awaited later, or never if something else fails before.
    for (const part of Object.values(parts)) part.catch(() => {});
    return parts;
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
    { memory, stdlib, unpacked }: ImageParts,
    createModule: RuntimeModules["createModule"],
    settings: ModuleSettings,
  ): Promise<{ module: StartedModule; linker: HostLinker | undefined }> {
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
    const [contents, library] = await Promise.all([memory, stdlib, this.#checkBefore(before)]);
    const [major, minor] = module.API.pyVersionTuple;
    module.FS.writeFile(`/lib/python${major}${minor}.zip`, library, { canOwn: true });
    const linker = this.environment && new HostLinker(module);
    if (linker) await writeFiles(module, linker, this.environment, await unpacked);
    const { HEAPU8, HEAP32 } = module;
    // A function of this engine's, or none: see `_PyEM_TrampolineCall` in CPython's Python/emscripten_trampoline.c.
    const trampoline = (module.__PyRuntime + (HEAP32[module.__PyEM_EMSCRIPTEN_TRAMPOLINE_OFFSET >>> 2] ?? 0)) >>> 2;
    const kept = HEAP32[trampoline] ?? 0;
    HEAPU8.set(before);
    HEAPU8.fill(0, before.length);
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
  if (index?.format !== FORMAT) {
    throw new UnusableImage(`${url} has the format ${String(index?.format)}, expected ${FORMAT}: another version made it`);
  }
  const { header, layout, memory, stdlib, environment } = index;
  const isFile = (file: Partial<ImageFile> | undefined): boolean =>
    typeof file?.file === "string" && typeof file.sha256 === "string" && isSize(file.size);
  const isWhole =
    typeof header === "string" &&
    typeof layout?.site === "string" &&
    isFile(memory) &&
    isFile(stdlib) &&
    isSize(memory?.runs) &&
    isSize(memory?.length) &&
    isSize(memory?.before?.size) &&
    (environment === undefined || (Array.isArray(environment.packages) && Array.isArray(environment.linked)));
  if (!isWhole) throw new UnusableImage(`${url} is no index of an image: something is missing or of another kind`);
  return index as ImageIndex;
}

function isSize(value: unknown): boolean {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}
