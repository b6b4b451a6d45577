import { call, CoreLayout, ExpectedWheel, Installation, startCore } from "./core.js";
import { asLoaderError, LoaderError } from "./errors.js";
import { fetchVerified, type Expected, type Fetching } from "./fetching.js";
import { Later } from "./later.js";
import type { Chosen } from "./line.js";
import type { Reporter } from "./progress.js";
import type { Layout } from "./runtime.js";
import type { InstalledPackage } from "./types.js";

/** A file of a wheel. */
export interface PlannedFile {
  path: string;
  size: number;
  executable: boolean;
  library: boolean;
  /** Where its contents lie in the archive, if they are there as they are. */
  offset?: number;
  /** Whether it is a module that is there as bytecode only. */
  absent: boolean;
}

/** A file, about to be written. */
export interface Unpacked {
  file: PlannedFile;
  /** Nothing of one that is absent. */
  contents: Uint8Array<ArrayBuffer>;
  /** For what is absent: reads it. */
  read?: () => Uint8Array<ArrayBuffer>;
  /** For side modules. */
  compiled?: Promise<WebAssembly.Module>;
}

/** What is fetched of a package: the wheel, or what has bytecode in the place of modules. */
export function toFetch({ selected, compiled, bytes }: Chosen, bytecode: boolean): Expected {
  return (bytecode && bytes === undefined ? compiled : undefined) ?? selected;
}

/** Fetches, unless its bytes are there, and unpacks one wheel; its side modules begin to compile. */
export async function obtain(
  chosen: Chosen,
  layout: Promise<Layout>,
  { fetching, reporter, bytecode }: { fetching: Fetching; reporter: Reporter; bytecode: boolean },
): Promise<Unpacked[]> {
  const { selected, bytes: there } = chosen;
  const { name } = selected;
  const fetched = toFetch(chosen, bytecode);
  const advance = (count: number): void => reporter.advance("download", count, name);
  if (there !== undefined) advance(there.length);
  const bytes = there ?? (await fetchVerified(fetched, fetching, advance));
  const isCompiled = fetched !== selected;
  const directories = await layout;
  await startCore();
  const plan = planned(bytes, selected, directories, isCompiled);
  const sources = isCompiled ? new Sources(selected, directories, fetching) : undefined;
  try {
    const { files } = plan;
    const present = files.filter(({ absent }) => !absent);
    reporter.expect("unpack", sum(present, ({ size }) => size));
    return files.map((file, index) => {
      if (file.absent) return { file, contents: new Uint8Array(0), read: (sources as Sources).reader(file.path) };
      const contents = plan.contents(index);
      reporter.advance("unpack", file.size, name);
      return unpacked(file, contents, name, reporter);
    });
  } finally {
    plan.free();
  }
}

/** A wheel that was read. */
interface Plan {
  files: PlannedFile[];
  contents(index: number): Uint8Array<ArrayBuffer>;
  free(): void;
}

function planned(bytes: Uint8Array<ArrayBuffer>, selected: InstalledPackage, directories: Layout, compiled: boolean): Plan {
  const { filename, name, version, url, requested } = selected;
  const { site, prefix, python } = directories;
  const expected = new ExpectedWheel(filename, name, version, url, requested, compiled);
  const plan = call(() => Installation.plan(bytes, expected, new CoreLayout(site, prefix, python)));
  const files = JSON.parse(plan.files()) as PlannedFile[];
  // A file that is a part of the wheel's bytes keeps all of them in memory.
  const shares = !files.some(({ library }) => library);
  return {
    files,
    contents(index) {
      const { offset, size, library } = files[index] as PlannedFile;
      // The digest of the whole was checked.
      if (offset !== undefined) return library || shares ? bytes.subarray(offset, offset + size) : bytes.slice(offset, offset + size);
      return call(() => plan.contents(index)) as Uint8Array<ArrayBuffer>;
    },
    free: () => plan.free(),
  };
}

/** The modules of a package that came as bytecode; the first one that is read brings all of them. */
class Sources {
  readonly #read: () => Plan;
  #plan: Plan | undefined;

  constructor(selected: InstalledPackage, directories: Layout, fetching: Fetching) {
    const wheel = new Later(selected, fetching, new Promise(() => {}));
    this.#read = () => planned(wheel.now(), selected, directories, false);
  }

  /** What reads one; a function of where the wheel is unpacked would hold the bytes of that. */
  reader(path: string): () => Uint8Array<ArrayBuffer> {
    return () => this.#contents(path);
  }

  #contents(path: string): Uint8Array<ArrayBuffer> {
    const plan = (this.#plan ??= this.#read());
    const index = plan.files.findIndex((file) => file.path === path);
    if (index < 0) throw new LoaderError("bad_wheel", `the wheel has no ${path}, whose bytecode is there`);
    return plan.contents(index);
  }
}

function unpacked(
  file: PlannedFile,
  contents: Uint8Array<ArrayBuffer>,
  name: string,
  reporter: Reporter,
): Unpacked {
  if (!file.library || !isWasm(contents)) return { file, contents };
  reporter.expect("compile", 1);
  const compiled = WebAssembly.compile(contents).then(
    (module) => {
      reporter.advance("compile", 1, name);
      return module;
    },
    (error: unknown) => {
      throw asLoaderError(error, "bad_module", `cannot compile ${file.path}`);
    },
  );
  // Awaited later, or never if something else fails before.
  compiled.catch(() => {});
  return { file, contents, compiled };
}

function isWasm(contents: Uint8Array): boolean {
  return contents[0] === 0 && contents[1] === 0x61 && contents[2] === 0x73 && contents[3] === 0x6d;
}

/** The sum of a value over items. */
export function sum<T>(items: readonly T[], value: (item: T) => number): number {
  return items.reduce((total, item) => total + value(item), 0);
}
