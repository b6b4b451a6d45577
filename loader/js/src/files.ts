import { asLoaderError } from "./errors.js";
import type { FileSystem } from "./runtime.js";

/** The error number of input and output in WASI. */
const EIO = 29;

/**
 * Files that are written together: `undo` removes what was created and restores what was replaced.
 */
export class FileTransaction {
  readonly #fs: FileSystem;
  /** Names in directories that were there before, listed once; `undefined` for created ones. */
  readonly #known = new Map<string, Set<string> | undefined>();
  readonly #created: string[] = [];
  readonly #createdDirectories: string[] = [];
  readonly #replaced = new Map<string, Uint8Array>();

  constructor(fs: FileSystem) {
    this.#fs = fs;
  }

  /** Writes a file, and its directory if need be. `contents` belong to the file system then. */
  write(path: string, contents: Uint8Array, executable: boolean): void {
    try {
      const slash = path.lastIndexOf("/");
      const names = this.#directory(path.slice(0, slash));
      const name = path.slice(slash + 1);
      if (names?.has(name)) {
        if (!this.#replaced.has(path)) this.#replaced.set(path, this.#fs.readFile(path).slice());
      } else {
        this.#created.push(path);
      }
      this.#fs.writeFile(path, contents, { canOwn: true });
      if (executable) this.#fs.chmod(path, 0o755);
    } catch (error) {
      throw asLoaderError(error, "file_system", `cannot write ${path}`);
    }
  }

  /** Writes a file whose contents are asked for when it is first read, and its directory if need be. */
  writeLazily(path: string, size: number, mode: number, contents: () => Uint8Array): void {
    this.write(path, new Uint8Array(0), false);
    try {
      this.#fs.chmod(path, mode);
      const { node } = this.#fs.lookupPath(path);
      const settle = (value: unknown): void => {
        Object.defineProperty(node, "contents", { configurable: true, enumerable: true, writable: true, value });
      };
      Object.defineProperty(node, "contents", {
        configurable: true,
        enumerable: true,
        get: () => {
          const read = this.#read(contents);
          settle(read);
          return read;
        },
        set: settle,
      });
      node.usedBytes = size;
    } catch (error) {
      throw asLoaderError(error, "file_system", `cannot write ${path}`);
    }
  }

  /** For Python, contents that cannot be had are an error of the disk. */
  #read(contents: () => Uint8Array): Uint8Array {
    try {
      return contents();
    } catch {
      throw new this.#fs.ErrnoError(EIO);
    }
  }

  /** Brings the file system back to what it was. */
  undo(): void {
    for (const path of this.#created) attempt(() => this.#fs.unlink(path));
    for (const [path, contents] of this.#replaced) {
      attempt(() => this.#fs.writeFile(path, contents, { canOwn: true }));
    }
    for (const path of this.#createdDirectories.reverse()) attempt(() => this.#fs.rmdir(path));
  }

  /** Makes sure that a directory exists; its names if it was there before. */
  #directory(path: string): Set<string> | undefined {
    if (path === "") path = "/";
    if (this.#known.has(path)) return this.#known.get(path);
    if (path !== "/") {
      const slash = path.lastIndexOf("/");
      const siblings = this.#directory(path.slice(0, slash));
      if (!siblings?.has(path.slice(slash + 1))) {
        this.#fs.mkdir(path);
        this.#createdDirectories.push(path);
        this.#known.set(path, undefined);
        return undefined;
      }
    }
    const names = new Set(this.#fs.readdir(path));
    this.#known.set(path, names);
    return names;
  }
}

/** While undoing, one file that resists must not keep the others. */
function attempt(operation: () => void): void {
  try {
    operation();
  } catch {
    // Created and removed since, or never written: there is nothing left to undo.
  }
}
