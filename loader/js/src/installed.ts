import { asLoaderError } from "./errors.js";
import type { Runtime } from "./runtime.js";

/** What is installed, as its dist-info directory is named. */
export interface Known {
  name: string;
  version: string;
}

/** A distribution that the interpreter has. */
export interface Distribution extends Known {
  /** The directory that it is installed in. */
  location: string;
  /** Its dist-info directory. */
  info: string;
}

/** The error number of a file that is not there, in WASI. */
const ENOENT = 44;

const DIST_INFO = /^([^-]+)-([^-]+)\.dist-info$/;

/**
 * What is installed, by the names of dist-info directories on Python's search path: the same
 * answer as `importlib.metadata`'s without importing it.
 */
export function installedDistributions({ module, searchPath }: Runtime): Distribution[] {
  const found = new Map<string, Distribution>();
  for (const location of searchPath()) {
    for (const entry of list(module.FS, location)) {
      const [, name, version] = DIST_INFO.exec(entry) ?? [];
      // The first on the path is the one that Python finds.
      if (name !== undefined && version !== undefined && !found.has(name)) {
        found.set(name, { name, version, location, info: `${location}/${entry}` });
      }
    }
  }
  return [...found.values()];
}

/** The name of a project as indexes write it. */
export function normalised(name: string): string {
  return name.toLowerCase().replace(/[-_.]+/g, "-");
}

/** Whether a version is that of a distribution; file names may spell it differently. */
export function isVersion({ version }: Known, { version: known, filename }: { version: string; filename: string }): boolean {
  return version === known || version === filename.split("-")[1];
}

/** A file of a distribution as text, `undefined` if there is none. */
export function readText(fs: Runtime["module"]["FS"], path: string): string | undefined {
  try {
    return new TextDecoder().decode(fs.readFile(path));
  } catch (error) {
    if ((error as { errno?: number }).errno === ENOENT) return undefined;
    throw asLoaderError(error, "file_system", `cannot read ${path}`);
  }
}

/** The names in a directory. */
export function list(fs: Runtime["module"]["FS"], directory: string): string[] {
  if (directory === "") return [];
  try {
    return fs.readdir(directory).filter((name) => name !== "." && name !== "..");
  } catch {
    // Archives and directories that do not exist may be on the path.
    return [];
  }
}
