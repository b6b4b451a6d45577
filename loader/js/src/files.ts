import { asLoaderError } from "./errors.js";
import type { FileNode, FileSystem } from "./runtime.js";

/** The error number of input and output in WASI. */
const EIO = 29;

/** A file as it was. Its contents are not read: they may not be there yet. */
export interface SavedFile {
  path: string;
  mode: number;
  size: number;
  contents: PropertyDescriptor | undefined;
}

/** Notes what a file is, before it is removed or written anew. */
export function saved(fs: FileSystem, path: string): SavedFile {
  const { node } = fs.lookupPath(path, { follow: true });
  return { path, mode: node.mode, size: node.usedBytes, contents: Object.getOwnPropertyDescriptor(node, "contents") };
}

/** Makes a file what it was; its directory has to be there. */
export function putBack(fs: FileSystem, { path, mode, size, contents }: SavedFile): void {
  fs.writeFile(path, new Uint8Array(0));
  fs.chmod(path, mode);
  const { node } = fs.lookupPath(path, { follow: true });
  if (contents !== undefined) Object.defineProperty(node, "contents", contents);
  node.usedBytes = size;
}

/**
 * Files that are written together: `undo` removes what was created and restores what was replaced.
 */
export class FileTransaction {
  readonly #fs: FileSystem;
  /** Names in directories that were there before, listed once; `undefined` for created ones. */
  readonly #known = new Map<string, Set<string> | undefined>();
  readonly #created: string[] = [];
  readonly #createdDirectories: string[] = [];
  readonly #replaced = new Map<string, SavedFile>();

  constructor(fs: FileSystem) {
    this.#fs = fs;
  }

  /** Writes a file, and its directory if need be. `contents` belong to the file system then. */
  write(path: string, contents: Uint8Array, executable: boolean): void {
    this.#write(path, contents, executable ? 0o755 : undefined);
  }

  /** With the mode, if one is given; a file that is replaced keeps its own otherwise. */
  #write(path: string, contents: Uint8Array, mode: number | undefined): void {
    try {
      const slash = path.lastIndexOf("/");
      const names = this.#directory(path.slice(0, slash));
      const name = path.slice(slash + 1);
      const replaces = names?.has(name) === true;
      if (replaces) {
        if (!this.#replaced.has(path)) this.#replaced.set(path, saved(this.#fs, path));
      } else {
        this.#created.push(path);
      }
      this.#fs.writeFile(path, contents, mode === undefined ? { canOwn: true } : { canOwn: true, mode });
      if (replaces && mode !== undefined) this.#fs.chmod(path, mode);
    } catch (error) {
      throw asLoaderError(error, "file_system", `cannot write ${path}`);
    }
  }

  /** Writes a file whose contents are asked for when it is first read, and its directory if need be. */
  writeLazily(path: string, size: number, mode: number, contents: () => Uint8Array): void {
    this.#write(path, new Uint8Array(0), mode);
    try {
      const { node } = this.#fs.lookupPath(path);
      const read = (): Uint8Array => this.#read(contents);
      Object.defineProperty(node, "contents", {
        configurable: true,
        enumerable: true,
        get(this: FileNode) {
          return settle(this, read());
        },
        set(this: FileNode, value: unknown) {
          settle(this, value);
        },
      });
      node.usedBytes = size;
      // Emscripten would read what is to be cut off.
      const operations = node.node_ops;
      node.node_ops = {
        ...operations,
        setattr(changed, attributes) {
          if (attributes.size === 0) {
            settle(changed, new Uint8Array(0));
            changed.usedBytes = 0;
          }
          operations.setattr(changed, attributes);
        },
      };
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
    for (const file of this.#replaced.values()) attempt(() => putBack(this.#fs, file));
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

/** From now on the file has these contents. */
function settle<T>(node: FileNode, value: T): T {
  Object.defineProperty(node, "contents", { configurable: true, enumerable: true, writable: true, value });
  return value;
}

/** While undoing, one file that resists must not keep the others. */
function attempt(operation: () => void): void {
  try {
    operation();
  } catch {
    // Created and removed since, or never written: there is nothing left to undo.
  }
}
