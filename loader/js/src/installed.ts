import type { Runtime } from "./runtime.js";

/** A distribution that the interpreter has. */
export interface Distribution {
  name: string;
  version: string;
}

const DIST_INFO = /^([^-]+)-([^-]+)\.dist-info$/;

/**
 * What is installed, by the names of dist-info directories on Python's search path: the same
 * answer as `importlib.metadata`'s without importing it.
 */
export function installedDistributions({ module, searchPath }: Runtime): Distribution[] {
  const found = new Map<string, Distribution>();
  for (const directory of searchPath()) {
    for (const entry of list(module.FS, directory)) {
      const [, name, version] = DIST_INFO.exec(entry) ?? [];
      // The first on the path is the one that Python finds.
      if (name !== undefined && version !== undefined && !found.has(name)) {
        found.set(name, { name, version });
      }
    }
  }
  return [...found.values()];
}

function list(fs: Runtime["module"]["FS"], directory: string): string[] {
  if (directory === "") return [];
  try {
    return fs.readdir(directory);
  } catch {
    // Archives and directories that do not exist may be on the path.
    return [];
  }
}
