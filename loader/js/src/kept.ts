import { digest } from "./fetching.js";
import { isNode } from "./node.js";
import type { CacheOptions } from "./types.js";

/** The name of the browser's cache. */
const NAME = "pkgsrv";
/** Bytes that are kept unless an option says otherwise. */
const MOST_BYTES = 512 * 2 ** 20;

/** Something that is kept. */
interface Entry {
  key: string;
  size: number;
  /** When it was used last, milliseconds since 1970. */
  used: number;
}

/** Where bytes are kept; an entry is written whole or not at all, whoever else writes. */
interface Store {
  /** Marks what it finds as used. */
  read(key: string): Promise<Uint8Array<ArrayBuffer> | undefined>;
  write(key: string, bytes: Uint8Array<ArrayBuffer>): Promise<void>;
  remove(key: string): Promise<void>;
  entries(): Promise<Iterable<Entry>>;
}

/**
 * What was fetched before: bytes by their SHA-256, and names of files whose contents change, each with the SHA-256 of
 * what it was last. Nothing that goes wrong here is an error: what cannot be kept is fetched again.
 */
export class Kept {
  readonly #store: Promise<Store | undefined>;
  readonly #log: (message: string) => void;
  readonly #mostBytes: number;
  #writing: Promise<unknown> = Promise.resolve();
  /** Whether something was written since the size was looked at. */
  #hasGrown = false;
  #hasFailed = false;
  /** Whether all is kept that was to be. */
  #isWhole = true;
  /** What this visit has used. */
  readonly #used = new Set<string>();

  constructor({ directory, maxBytes = MOST_BYTES }: CacheOptions, log: (message: string) => void) {
    this.#log = log;
    this.#mostBytes = maxBytes;
    this.#store = (isNode() ? Directory.open(directory) : BrowserCache.open()).catch((error: unknown) => this.#fail(error));
  }

  /** The bytes with this SHA-256, verified. */
  async bytes(sha256: string): Promise<Uint8Array<ArrayBuffer> | undefined> {
    const found = await this.#read(sha256);
    if (found === undefined || (await digest(found)) === sha256) return found;
    this.#log(`what was kept of ${sha256} is damaged, so it is fetched again`);
    const store = await this.#store;
    await store?.remove(sha256).catch((error: unknown) => this.#fail(error));
    return undefined;
  }

  /** What the file at this address was last. */
  async named(url: string): Promise<Uint8Array<ArrayBuffer> | undefined> {
    const sha256 = new TextDecoder().decode(await this.#read(await keyOf(url)));
    return SHA256.test(sha256) ? this.bytes(sha256) : undefined;
  }

  /** Begins to write bytes. */
  keep(sha256: string, bytes: Uint8Array<ArrayBuffer>): void {
    this.#begin(this.#write(sha256, bytes));
  }

  /** Begins to write what the file at this address is now. */
  keepNamed(url: string, bytes: Uint8Array<ArrayBuffer>): void {
    const write = async (): Promise<void> => {
      const sha256 = await digest(bytes);
      await this.#write(sha256, bytes);
      await this.#write(await keyOf(url), new TextEncoder().encode(sha256));
    };
    this.#begin(write());
  }

  /**
   * Waits until all is written, and removes what was not used for the longest time if there is too much.
   *
   * @returns whether all that was to be kept is
   */
  async settled(): Promise<boolean> {
    await this.#writing;
    if (this.#hasGrown) {
      this.#hasGrown = false;
      await this.#makeRoom().catch((error: unknown) => this.#fail(error));
    }
    return this.#isWhole;
  }

  #begin(work: Promise<void>): void {
    this.#writing = Promise.all([this.#writing, work]).then(() => {});
  }

  async #read(key: string): Promise<Uint8Array<ArrayBuffer> | undefined> {
    const store = await this.#store;
    this.#used.add(key);
    return store?.read(key).catch((error: unknown) => this.#fail(error));
  }

  async #write(key: string, bytes: Uint8Array<ArrayBuffer>): Promise<void> {
    const store = await this.#store;
    if (store === undefined || this.#hasFailed) return;
    if (bytes.length > this.#mostBytes) return this.#lacks();
    this.#used.add(key);
    try {
      await store.write(key, bytes).catch(async (error: unknown) => {
        if (!isFull(error)) throw error;
        await this.#makeRoom({ bytes: bytes.length, error });
        await store.write(key, bytes);
      });
      this.#hasGrown = true;
    } catch (error) {
      this.#fail(error);
    }
  }

  /** Removes what is too much, or on a full disk as many bytes as are wanted, but nothing of this visit then. */
  async #makeRoom({ bytes, error }: { bytes: number; error?: unknown } = { bytes: 0 }): Promise<void> {
    const store = await this.#store;
    const entries = [...((await store?.entries()) ?? [])].sort((one, other) => one.used - other.used);
    let left = Math.max(entries.reduce((total, { size }) => total + size, -this.#mostBytes), bytes);
    for (const { key, size } of entries) {
      if (left <= 0) return;
      if (this.#used.has(key)) {
        if (bytes > 0) throw error;
        this.#lacks();
      }
      await store?.remove(key);
      left -= size;
    }
  }

  /** What failed once will fail again, and nothing more is written. */
  #fail(error: unknown): undefined {
    this.#hasFailed = true;
    this.#lacks(error instanceof Error ? error.message : String(error));
  }

  /** One line tells it. */
  #lacks(reason = `at most ${this.#mostBytes} bytes are to be`): void {
    if (this.#isWhole) this.#log(`not all is kept for the next visit: ${reason}`);
    this.#isWhole = false;
  }
}

/** A digest in hexadecimal. */
const SHA256 = /^[0-9a-f]{64}$/;

/** A name is no digest of its contents: it has a key of another kind. */
async function keyOf(url: string): Promise<string> {
  return `name-${await digest(new TextEncoder().encode(url))}`;
}

function isFull(error: unknown): boolean {
  const { name, code } = (error ?? {}) as { name?: string; code?: string };
  return name === "QuotaExceededError" || code === "ENOSPC" || code === "EDQUOT";
}

/** Entries have an address here, where nothing is. */
const ADDRESS = "https://kept.invalid/";

/** A cache of the page's origin, for its tabs and workers. Size and time are headers of the request, which are listed. */
class BrowserCache implements Store {
  readonly #cache: Cache;

  private constructor(cache: Cache) {
    this.#cache = cache;
  }

  static async open(): Promise<Store> {
    if (globalThis.caches === undefined) throw new Error("this page is no secure context, and has no Cache API");
    return new BrowserCache(await caches.open(NAME));
  }

  async read(key: string): Promise<Uint8Array<ArrayBuffer> | undefined> {
    const response = await this.#cache.match(ADDRESS + key);
    if (response === undefined) return undefined;
    const bytes = new Uint8Array(await response.arrayBuffer());
    // A mark of its own: the body need not be written again.
    await this.#cache.put(request(`${key}/used`, 0), new Response()).catch(() => {});
    return bytes;
  }

  write(key: string, bytes: Uint8Array<ArrayBuffer>): Promise<void> {
    return this.#cache.put(request(key, bytes.length), new Response(bytes));
  }

  async remove(key: string): Promise<void> {
    for (const name of [key, `${key}/used`]) await this.#cache.delete(ADDRESS + name);
  }

  async entries(): Promise<Iterable<Entry>> {
    const entries = new Map<string, Entry>();
    for (const { url, headers } of await this.#cache.keys()) {
      const key = url.slice(ADDRESS.length).replace("/used", "");
      const { size = 0, used = 0 } = entries.get(key) ?? {};
      const of = (name: string): number => Number(headers.get(name));
      entries.set(key, { key, size: size + of("size"), used: Math.max(used, of("used")) });
    }
    return entries.values();
  }
}

function request(key: string, size: number): Request {
  return new Request(ADDRESS + key, { headers: { size: String(size), used: String(Date.now()) } });
}

/** What files are called here: nothing else in the directory is touched. */
const FILE = /^(name-)?[0-9a-f]{64}(\.[0-9a-z-]+\.partial)?$/;

/** A directory, for all processes of a user. The time of a file's last use is that of its modification. */
class Directory implements Store {
  readonly #path: string;
  readonly #fs = process.getBuiltinModule("node:fs/promises");

  private constructor(path: string) {
    this.#path = path;
  }

  static async open(directory: string | URL = defaultDirectory()): Promise<Store> {
    const { fileURLToPath } = process.getBuiltinModule("node:url");
    const path = String(directory);
    const store = new Directory(path.startsWith("file:") ? fileURLToPath(path) : path);
    // Names of files are not signed: nobody else may write them.
    await store.#fs.mkdir(store.#path, { recursive: true, mode: 0o700 });
    return store;
  }

  async read(key: string): Promise<Uint8Array<ArrayBuffer> | undefined> {
    const path = this.#of(key);
    try {
      const bytes = new Uint8Array(await this.#fs.readFile(path));
      const now = new Date();
      await this.#fs.utimes(path, now, now).catch(() => {});
      return bytes;
    } catch (error) {
      if ((error as { code?: string }).code === "ENOENT") return undefined;
      throw error;
    }
  }

  async write(key: string, bytes: Uint8Array<ArrayBuffer>): Promise<void> {
    const partial = this.#of(`${key}.${process.pid}-${Math.random().toString(36).slice(2)}.partial`);
    try {
      await this.#fs.writeFile(partial, bytes, { flag: "wx" });
      await this.#fs.rename(partial, this.#of(key));
    } catch (error) {
      await this.#fs.rm(partial, { force: true });
      throw error;
    }
  }

  remove(key: string): Promise<void> {
    return this.#fs.rm(this.#of(key), { force: true });
  }

  async entries(): Promise<Iterable<Entry>> {
    const names = (await this.#fs.readdir(this.#path)).filter((name) => FILE.test(name));
    // Another process may remove one meanwhile.
    const found = names.map((key) =>
      this.#fs.stat(this.#of(key)).then(({ size, mtimeMs }) => ({ key, size, used: mtimeMs }), () => []),
    );
    return (await Promise.all(found)).flat();
  }

  #of(key: string): string {
    return `${this.#path}/${key}`;
  }
}

/** Where programs of this user keep what can be fetched again. */
function defaultDirectory(): string {
  const { platform, env } = process;
  const home = process.getBuiltinModule("node:os").homedir();
  const places: Partial<Record<string, string>> = { win32: env["LOCALAPPDATA"], darwin: `${home}/Library/Caches` };
  return `${places[platform] || env["XDG_CACHE_HOME"] || `${home}/.cache`}/pkgsrv-loader`;
}
