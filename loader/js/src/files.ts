import { asLoaderError } from "./errors.js";
import type { FileNode, FileSystem } from "./runtime.js";

/** The error number of input and output in WASI. */
const EIO = 29;
/** What a mode has of files, and what it has if nothing is said. */
const [REGULAR, USUAL] = [0o100_000, 0o666];
/** What a directory's mode has where files may be made in it. */
const [WRITABLE, SEARCHABLE] = [0o222, 0o111];

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

/** A directory that is written into. */
interface Directory {
  node: FileNode;
  /** The names in it. */
  names: Set<string>;
}

/**
 * Files that are written together: `undo` removes what was created and restores what was replaced.
 */
export class FileTransaction {
  readonly #fs: FileSystem;
  readonly #directories = new Map<string, Directory>();
  readonly #created = new Set<string>();
  readonly #createdDirectories: string[] = [];
  readonly #replaced = new Map<string, SavedFile>();

  constructor(fs: FileSystem) {
    this.#fs = fs;
  }

  /**
   * Writes a file, and its directory if need be. `contents` belong to the file system then. Without a mode, a file that is
   * replaced keeps its own.
   */
  write(path: string, contents: Uint8Array, mode?: number): FileNode {
    try {
      const slash = path.lastIndexOf("/");
      const { node: parent, names } = this.#directory(path.slice(0, slash));
      const name = path.slice(slash + 1);
      if (!names.has(name)) {
        this.#created.add(path);
        names.add(name);
        return this.#create(parent, path, contents, REGULAR | (mode ?? USUAL));
      }
      if (!this.#created.has(path) && !this.#replaced.has(path)) this.#replaced.set(path, saved(this.#fs, path));
      this.#fs.writeFile(path, contents, { canOwn: true });
      if (mode !== undefined) this.#fs.chmod(path, mode);
      return this.#node(path);
    } catch (error) {
      throw asLoaderError(error, "file_system", `cannot write ${path}`);
    }
  }

  /** What `writeFile` does, which looks a path up four times. */
  #create(parent: FileNode, path: string, contents: Uint8Array, mode: number): FileNode {
    if ((parent.mode & WRITABLE) === 0 || (parent.mode & SEARCHABLE) === 0) {
      this.#fs.writeFile(path, contents, { canOwn: true, mode });
      return this.#node(path);
    }
    const node = parent.node_ops.mknod(parent, path.slice(path.lastIndexOf("/") + 1), mode, 0);
    if (node.usedBytes === undefined) {
      // It is not in memory.
      this.#fs.writeFile(path, contents, { canOwn: true });
      return node;
    }
    node.contents = contents;
    node.usedBytes = contents.length;
    return node;
  }

  #node(path: string): FileNode {
    return this.#fs.lookupPath(path, { follow: true }).node;
  }

  /** Writes a file whose contents are asked for when it is first read, and its directory if need be. */
  writeLazily(path: string, size: number, mode: number, contents: () => Uint8Array): void {
    const node = this.write(path, new Uint8Array(0), mode);
    try {
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

  /** Makes sure that a directory exists. */
  #directory(path: string): Directory {
    if (path === "") path = "/";
    const known = this.#directories.get(path);
    if (known !== undefined) return known;
    const slash = path.lastIndexOf("/");
    const siblings = path === "/" ? undefined : this.#directory(path.slice(0, slash)).names;
    const isNew = siblings?.has(path.slice(slash + 1)) === false;
    if (isNew) {
      this.#fs.mkdir(path);
      this.#createdDirectories.push(path);
      siblings.add(path.slice(slash + 1));
    }
    const directory = { node: this.#node(path), names: new Set(isNew ? [] : this.#fs.readdir(path)) };
    this.#directories.set(path, directory);
    return directory;
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
