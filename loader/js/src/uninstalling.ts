import { call } from "./core.js";
import { asLoaderError, LoaderError } from "./errors.js";
import { putBack, saved, type SavedFile } from "./files.js";
import { installedDistributions, list, normalised, readText, type Distribution } from "./installed.js";
import { invalidateCaches } from "./python.js";
import { neededProjects } from "./resolver.js";
import type { FileSystem, Runtime } from "./runtime.js";
import { stateOf } from "./state.js";
import type { UninstallResult } from "./types.js";

/** Takes distributions out of the interpreter; all of them, or none if something fails. The resolver has to be started. */
export function uninstall(names: readonly string[], runtime: Runtime): UninstallResult {
  const { module, pyodide, layout } = runtime;
  const installed = installedDistributions(runtime);
  const removed = chosen(names, installed, runtime);
  const files = removed.map((distribution) => filesOf(module.FS, distribution, layout.site));
  const removal = new Removal(module.FS);
  try {
    files.forEach((paths, index) => {
      for (const path of paths) removal.remove(path);
      removal.tidy(paths, removed[index]!.location);
    });
  } catch (error) {
    removal.undo();
    throw error;
  }
  const { linker, packages, leftLinked } = stateOf(module);
  removed.forEach(({ name }, index) => {
    const sha256 = packages.get(normalised(name))?.sha256;
    for (const path of linker.release(files[index]!)) leftLinked.set(path, sha256);
    packages.delete(normalised(name));
  });
  const gone = new Set(removed.map(({ name }) => normalised(name)));
  for (const key of Object.keys(pyodide.loadedPackages)) {
    if (gone.has(normalised(key))) delete pyodide.loadedPackages[key];
  }
  invalidateCaches(pyodide);
  const left = installed.filter((distribution) => !removed.includes(distribution));
  return {
    uninstalled: removed.map(({ name, version }) => ({ name: normalised(name), version })),
    neededBy: neededBy(gone, left, runtime),
  };
}

/** The distributions of these names, or an error that says why not. */
function chosen(names: readonly string[], installed: Distribution[], { module, pyodide }: Runtime): Distribution[] {
  const wanted = [...new Set(names.map(normalised))];
  const found = wanted.map((name) => installed.find((distribution) => normalised(distribution.name) === name));
  const absent = wanted.filter((_, index) => found[index] === undefined);
  if (absent.length > 0) {
    const code = `"\\n".join(m.replace("_", "-").lower() for m in [*__import__("sys").stdlib_module_names, "pyodide", "pkgsrv", "python"])`;
    const ofRuntime = new Set(String(pyodide.runPython(code)).split("\n"));
    const fixed = absent.filter((name) => ofRuntime.has(name) || name === "pyodide-py");
    if (fixed.length > 0) throw unremovable(fixed.join(", "), "part of the runtime");
    throw new LoaderError("not_installed", `not installed: ${absent.join(", ")}; nothing was uninstalled`);
  }
  const distributions = found as Distribution[];
  for (const { name, info } of distributions) {
    if (!list(module.FS, info).includes("RECORD")) throw unremovable(name, "without a RECORD of its files");
  }
  return distributions;
}

function unremovable(name: string, why: string): LoaderError {
  return new LoaderError("not_removable", `cannot uninstall what is ${why}: ${name}; nothing was uninstalled`);
}

/** All files of a distribution: those of its RECORD with their bytecode, and what lies in its dist-info directory. */
function filesOf(fs: FileSystem, { name, location, info }: Distribution, site: string): string[] {
  const recorded = paths(readText(fs, `${info}/RECORD`) ?? "").map((path) => resolved(location, path));
  // The standard library lies beside site-packages, and nothing that was installed does.
  const runtime = site.slice(0, site.lastIndexOf("/") + 1);
  const odd = recorded.find((path) => !path.startsWith(`${location}/`) && (path.startsWith(runtime) || /^\/(dev|proc)\//.test(path)));
  if (odd !== undefined) throw unremovable(name, `recorded with a file of the runtime, ${odd}`);
  return [...new Set([...recorded.flatMap((path) => [path, ...bytecode(fs, path)]), ...below(fs, info)])];
}

const [KIND, DIRECTORY] = [0o170000, 0o040000];

/** The files in a directory and in those below it. */
function below(fs: FileSystem, directory: string): string[] {
  return list(fs, directory).flatMap((name) => {
    const path = `${directory}/${name}`;
    return (fs.stat(path).mode & KIND) === DIRECTORY ? below(fs, path) : [path];
  });
}

/** The first fields of RECORD's lines. */
function paths(record: string): string[] {
  return [...record.matchAll(/^(?:"((?:[^"]|"")*)"|([^",\r\n]+))/gm)].map(([, quoted, plain]) => quoted?.replaceAll('""', '"') ?? plain!);
}

function resolved(location: string, path: string): string {
  const parts: string[] = [];
  for (const part of (path.startsWith("/") ? path : `${location}/${path}`).split("/")) {
    if (part === "..") parts.pop();
    else if (part !== "" && part !== ".") parts.push(part);
  }
  return `/${parts.join("/")}`;
}

/** What Python has compiled of a source file. */
function bytecode(fs: FileSystem, path: string): string[] {
  const [, directory, stem] = /^(.*)\/([^/]+)\.py$/.exec(path) ?? [];
  if (stem === undefined) return [];
  const cache = `${directory}/__pycache__`;
  return list(fs, cache).filter((name) => name.startsWith(`${stem}.`) && name.endsWith(".pyc")).map((name) => `${cache}/${name}`);
}

/** Who of those that are left needs what is gone. */
function neededBy(gone: Set<string>, left: Distribution[], { module, abi }: Runtime): Record<string, string[]> {
  const found: Record<string, string[]> = {};
  for (const { name, info } of left) {
    let needed: string[];
    try {
      const path = `${info}/METADATA`;
      needed = JSON.parse(call(() => neededProjects(path, readText(module.FS, path) ?? "", abi ?? ""))) as string[];
    } catch {
      // What cannot be read says nothing about what it needs.
      continue;
    }
    for (const project of new Set(needed)) {
      if (gone.has(project)) (found[project] ??= []).push(normalised(name));
    }
  }
  return found;
}

/** Files and directories that are removed together: `undo` brings them back. */
class Removal {
  readonly #fs: FileSystem;
  readonly #files: SavedFile[] = [];
  readonly #directories: string[] = [];

  constructor(fs: FileSystem) {
    this.#fs = fs;
  }

  /** Removes a file; one that is not there was removed by someone else. */
  remove(path: string): void {
    const slash = path.lastIndexOf("/");
    if (!list(this.#fs, path.slice(0, slash) || "/").includes(path.slice(slash + 1))) return;
    try {
      this.#files.push(saved(this.#fs, path));
      this.#fs.unlink(path);
    } catch (error) {
      throw asLoaderError(error, "file_system", `cannot remove ${path}`);
    }
  }

  /** Removes the directories that have become empty, below where packages are installed. */
  tidy(paths: readonly string[], location: string): void {
    const directories = new Set<string>();
    for (const path of paths) {
      for (let directory = parent(path); directory.startsWith(`${location}/`); directory = parent(directory)) {
        directories.add(directory);
      }
    }
    for (const directory of [...directories].sort((one, other) => other.length - one.length)) {
      try {
        this.#fs.rmdir(directory);
        this.#directories.push(directory);
      } catch {
        // Something is left in it, or it was never there.
      }
    }
  }

  undo(): void {
    for (const directory of this.#directories.reverse()) this.#fs.mkdir(directory);
    for (const file of this.#files) {
      try {
        putBack(this.#fs, file);
      } catch {
        // It is still there: its removal is what has failed.
      }
    }
  }
}

function parent(path: string): string {
  return path.slice(0, path.lastIndexOf("/"));
}
