import { call, Installation, startCore } from "./core.js";
import { asLoaderError } from "./errors.js";
import { fetchVerified, type Fetching } from "./fetching.js";
import type { Reporter } from "./progress.js";
import type { Layout } from "./runtime.js";
import type { InstalledPackage } from "./types.js";

/** A file of a wheel. */
export interface PlannedFile {
  path: string;
  size: number;
  executable: boolean;
  library: boolean;
}

/** A file in memory, about to be written. */
export interface Unpacked {
  file: PlannedFile;
  contents: Uint8Array<ArrayBuffer>;
  /** For side modules. */
  compiled?: Promise<WebAssembly.Module>;
}

/** Fetches, unless its bytes are there, and unpacks one wheel; its side modules begin to compile. */
export async function obtain(
  selected: InstalledPackage,
  layout: Promise<Layout>,
  { fetching, reporter }: { fetching: Fetching; reporter: Reporter },
  there?: Uint8Array<ArrayBuffer>,
): Promise<Unpacked[]> {
  const advance = (count: number): void => reporter.advance("download", count, selected.name);
  if (there !== undefined) advance(there.length);
  const bytes = there ?? (await fetchVerified(selected, fetching, advance));
  const { filename, name, version, url, requested } = selected;
  const expected = JSON.stringify({ filename, name, version, source: url, requested });
  const directories = JSON.stringify(await layout);
  await startCore();
  const plan = call(() => Installation.plan(bytes, expected, directories));
  try {
    const files = JSON.parse(plan.files()) as PlannedFile[];
    reporter.expect("unpack", sum(files, ({ size }) => size));
    return files.map((file, index) => {
      const contents = call(() => plan.contents(index)) as Uint8Array<ArrayBuffer>;
      reporter.advance("unpack", file.size, name);
      return unpacked(file, contents, name, reporter);
    });
  } finally {
    plan.free();
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
