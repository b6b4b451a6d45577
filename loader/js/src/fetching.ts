import { sha256, startCore } from "./core.js";
import { asLoaderError, LoaderError } from "./errors.js";
import type { Kept } from "./kept.js";
import { isNode } from "./node.js";
import { persistently, retryAfter } from "./retrying.js";

/** Where a loader fetches from, and how that goes. */
export interface Network {
  fetch: typeof globalThis.fetch;
  log: (message: string) => void;
  /** The repodata directory, then its mirrors. */
  bases: readonly string[];
  /** The one of them that has answered last. */
  current: string;
  /** How often each is asked. */
  attempts: number;
  /** Milliseconds without a byte after which a request has failed. */
  stallTimeout: number;
  /** Whether the head was not to be had: then nothing is asked for twice. */
  isGone: boolean;
  /** What was fetched before, if it is kept. */
  kept: Kept | undefined;
}

/** How things are fetched. */
export interface Fetching {
  network: Network;
  signal: AbortSignal;
}

/**
 * Something to fetch whose bytes are known in advance. Digest and size are of what comes out of the body, which may come
 * in an encoding: `fetch` asks for those that it decodes, and a `Content-Length` is that of the encoded bytes.
 */
export interface Expected {
  url: string;
  sha256: string;
  size: number;
  /** The same of parts of it, each of this size but the last, so that they can be checked while the rest is on its way. */
  pieces?: { size: number; sha256: readonly string[] } | undefined;
}

/** Refuses bytes of unknown contents, by throwing; is told the address that they are from. */
export type Check = (bytes: Uint8Array<ArrayBuffer>, from: string) => Promise<void> | undefined;

/** How many times it is looked whether a byte has come, within the time that a request may have none. */
const LOOKS = 10;

/** Fetches a small file of unknown contents. */
export async function fetchBytes(
  url: string,
  fetching: Fetching,
  cache: RequestCache,
  check?: Check,
  attempts?: number,
): Promise<Uint8Array<ArrayBuffer>> {
  let bytes = new Uint8Array(0);
  const attempt = async (address: string, isRepeated: boolean): Promise<void> => {
    const parts: Uint8Array<ArrayBuffer>[] = [];
    await receive(address, fetching, isRepeated ? "reload" : cache, (body, seen) =>
      readParts(body, (part) => {
        seen();
        parts.push(part);
      }),
    );
    bytes = new Uint8Array(await new Blob(parts).arrayBuffer());
    await check?.(bytes, address);
  };
  // What changes is asked of the mirrors only when it is not to be had.
  await persistently(url, fetching, attempt, cache === "no-cache" ? fetching.network.bases : undefined, attempts);
  return bytes;
}

/**
 * Fetches a small file by its name, or takes what is kept of it where the network is gone. Only what passes the check is
 * kept, and what is kept has to pass it again.
 */
export async function fetchNamed(
  url: string,
  fetching: Fetching,
  cache: RequestCache,
  check?: Check,
): Promise<Uint8Array<ArrayBuffer>> {
  const { network } = fetching;
  const old = await network.kept?.named(url);
  try {
    // A line that has broken off since the last request is worth a second attempt.
    const bytes = await fetchBytes(url, fetching, cache, check, old && Math.min(network.attempts, 2));
    network.kept?.keepNamed(url, bytes);
    return bytes;
  } catch (error) {
    if (old === undefined || !(error instanceof LoaderError) || !isOfNetwork(error)) throw error;
    await check?.(old, url);
    network.isGone = true;
    network.log(`${error.message}; the one of an earlier visit is used`);
    return old;
  }
}

function isOfNetwork({ code, status = 0 }: LoaderError): boolean {
  return code === "network" || status === 429 || status >= 500;
}

/**
 * Takes what is kept, or fetches, and checks size and SHA-256.
 *
 * @param onBytes called with the number of bytes that have just arrived, decoded; a second attempt counts from where the
 *   one before has ended
 */
export async function fetchVerified(
  expected: Expected,
  fetching: Fetching,
  onBytes: (count: number) => void,
): Promise<Uint8Array<ArrayBuffer>> {
  const { url, size } = expected;
  const { kept } = fetching.network;
  const old = await kept?.bytes(expected.sha256);
  if (old?.length === size) {
    onBytes(size);
    return old;
  }
  let bytes = new Uint8Array(0);
  let counted = 0;
  await persistently(url, fetching, async (address, isRepeated) => {
    if (bytes.length !== size) bytes = new Uint8Array(size);
    const check = new Checking(expected);
    const { filled, length } = await receive(address, fetching, isRepeated ? "reload" : "default", (body, seen) =>
      fill(bytes, body, (filled, length) => {
        seen();
        check.begin(filled, length);
        if (length <= counted) return;
        onBytes(length - counted);
        counted = length;
      }),
    );
    bytes = filled;
    if (length > size) throw mismatch(address, `more than ${size} bytes`, `${size} bytes`);
    // It may have broken off where nobody saw it.
    if (length < size) throw mismatch(address, `${length} bytes`, `${size} bytes`, 0);
    const wrong = await check.wrong(bytes);
    if (wrong !== undefined) throw mismatch(address, ...wrong);
  });
  kept?.keep(expected.sha256, bytes);
  return bytes;
}

/** Compares bytes with their digest, or those of their pieces, as far as they have come. */
class Checking {
  readonly #expected: Expected;
  readonly #pieces: Promise<string>[] = [];

  constructor(expected: Expected) {
    this.#expected = expected;
  }

  /** Begins with the pieces that have come since the last call. */
  begin(bytes: Uint8Array<ArrayBuffer>, length: number): void {
    const { pieces, size } = this.#expected;
    // The browser copies them at once. What the core does waits until it has started, when they may be elsewhere.
    if (pieces === undefined || globalThis.crypto?.subtle === undefined) return;
    for (;;) {
      const start = this.#pieces.length * pieces.size;
      const end = Math.min(start + pieces.size, size);
      if (start >= end || end > length) return;
      this.#pieces.push(digest(bytes.subarray(start, end)));
    }
  }

  /** The digest that was found and the one that was expected, if they are not the same. */
  async wrong(bytes: Uint8Array<ArrayBuffer>): Promise<[found: string, expected: string] | undefined> {
    const { pieces, sha256 } = this.#expected;
    const isInPieces = this.#pieces.length > 0;
    const found = isInPieces ? await Promise.all(this.#pieces) : [await digest(bytes)];
    const expected = isInPieces ? (pieces?.sha256 ?? []) : [sha256];
    const at = expected.findIndex((digest, index) => digest !== found[index]);
    return at === -1 && found.length === expected.length ? undefined : [`SHA-256 ${found[at]}`, `${expected[at]}`];
  }
}

/** The SHA-256 in hexadecimal; by the browser where the page is a secure context. */
export async function digest(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  const subtle = globalThis.crypto?.subtle;
  if (subtle === undefined) {
    await startCore();
    return sha256(bytes);
  }
  const hash = new Uint8Array(await subtle.digest("SHA-256", bytes));
  return Array.from(hash, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** The body of a response, which may have none. */
type Body = ReadableStream<Uint8Array<ArrayBuffer>> | null;

async function readParts(body: Body, take: (part: Uint8Array<ArrayBuffer>) => void): Promise<void> {
  const reader = body?.getReader();
  for (let part = await reader?.read(); part?.done === false; part = await reader?.read()) take(part.value);
}

/**
 * Fills an array with a body, at once where the engine can write there, which then moves it: the array is another one over
 * the same memory, and the one before is empty, also if this fails.
 *
 * @param onFilled called with the array and how much of it is filled, when something was
 * @returns the array, and the length of the body, of which one byte more than fits is enough to tell that it does not
 */
async function fill(
  bytes: Uint8Array<ArrayBuffer>,
  body: Body,
  onFilled: (filled: Uint8Array<ArrayBuffer>, length: number) => void,
): Promise<{ filled: Uint8Array<ArrayBuffer>; length: number }> {
  const size = bytes.length;
  let [filled, length] = [bytes, 0];
  const reader = body === null ? undefined : byteReader(body);
  const plain = reader === undefined ? body?.getReader() : undefined;
  while (length <= size) {
    const isFull = length === size;
    const part = reader === undefined ? await plain?.read() : await reader.read(isFull ? new Uint8Array(1) : filled.subarray(length));
    if (part?.value === undefined || part.done) break;
    const { value } = part;
    if (reader !== undefined) {
      if (!isFull) filled = new Uint8Array(value.buffer);
    } else {
      filled.set(value.subarray(0, size - length), length);
    }
    length += value.length;
    if (!isFull) onFilled(filled, Math.min(length, size));
  }
  if (length > size) await (reader ?? plain)?.cancel();
  return { filled, length };
}

/** `undefined` where the engine writes only into arrays of its own. */
function byteReader(body: NonNullable<Body>): ReadableStreamBYOBReader | undefined {
  try {
    return body.getReader({ mode: "byob" });
  } catch {
    return undefined;
  }
}

/**
 * One request. It has failed when no byte comes for too long; while this thread is busy, time does not count.
 *
 * @param read reads the body, and calls a function whenever something has come
 */
async function receive<T>(
  url: string,
  { network: { fetch, stallTimeout }, signal }: Fetching,
  cache: RequestCache,
  read: (body: Body, seen: () => void) => Promise<T>,
): Promise<T> {
  const controller = new AbortController();
  const stop = (): void => controller.abort(signal.reason);
  signal.addEventListener("abort", stop);
  if (signal.aborted) stop();
  let looks = 0;
  const watch = setInterval(() => {
    looks += 1;
    if (looks >= LOOKS) stop();
  }, stallTimeout / LOOKS);
  try {
    const response = await fetch(url, { signal: controller.signal, cache });
    const { status } = response;
    if (status !== 200) {
      throw new LoaderError("http_status", `${url} answered ${status}, expected 200`, { status, retryAfter: retryAfter(response) });
    }
    // Node 20 leaves a read of the last bytes without an answer when the request is broken off then.
    const broken = new Promise<never>((_, reject) => {
      controller.signal.addEventListener("abort", () => reject(controller.signal.reason as Error));
    });
    return await Promise.race([read(response.body as Body, () => (looks = 0)), broken]);
  } catch (error) {
    // The rest of the body is not wanted.
    stop();
    if (error instanceof LoaderError) throw error;
    if (signal.aborted) throw aborted(signal);
    const detail = looks < LOOKS ? detailOf(error) : `no byte came for ${stallTimeout / 1000} s`;
    throw new LoaderError("network", `cannot fetch ${url}: ${detail}`, { cause: error, retryAfter: 0 });
  } finally {
    clearInterval(watch);
    signal.removeEventListener("abort", stop);
  }
}

function detailOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function mismatch(url: string, found: string, wanted: string, retryAfter?: number): LoaderError {
  const message = `${url} has ${found}, expected ${wanted}; nothing of it is used`;
  return new LoaderError("hash_mismatch", message, { retryAfter });
}

/**
 * Does work that ends, with all that it fetches, when the caller's signal is aborted or when a part of it fails.
 *
 * @param failure what an error is called that is not the loader's own
 */
export async function underSignal<T>(
  signal: AbortSignal | undefined,
  failure: string,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const controller = new AbortController();
  // Each request listens. Node warns of more than ten, since it takes them for forgotten ones.
  if (isNode()) process.getBuiltinModule("node:events").setMaxListeners(0, controller.signal);
  const abort = (): void => controller.abort(signal?.reason);
  signal?.addEventListener("abort", abort);
  if (signal?.aborted) abort();
  try {
    return await work(controller.signal);
  } catch (error) {
    if (signal?.aborted) throw aborted(signal);
    throw asLoaderError(error, "internal", failure);
  } finally {
    signal?.removeEventListener("abort", abort);
    controller.abort();
  }
}

/** The error for a signal that was aborted. */
export function aborted(signal: AbortSignal): LoaderError {
  if (signal.reason instanceof LoaderError) return signal.reason;
  return new LoaderError("aborted", "the installation was cancelled; nothing was installed", { cause: signal.reason });
}
