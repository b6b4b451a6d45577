import { sha256, startCore } from "./core.js";
import { asLoaderError, LoaderError } from "./errors.js";

/** How things are fetched. */
export interface Fetching {
  fetch: typeof globalThis.fetch;
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
}

/** Fetches a small file of unknown contents. */
export async function fetchBytes(url: string, fetching: Fetching, cache: RequestCache): Promise<Uint8Array<ArrayBuffer>> {
  const response = await request(url, fetching, cache);
  try {
    return new Uint8Array(await response.arrayBuffer());
  } catch (error) {
    throw failed(url, fetching, error);
  }
}

/**
 * Fetches bytes and checks size and SHA-256.
 *
 * @param onBytes called with the number of bytes that have just arrived, decoded
 */
export async function fetchVerified(
  expected: Expected,
  fetching: Fetching,
  onBytes: (count: number) => void,
): Promise<Uint8Array<ArrayBuffer>> {
  const { url, size } = expected;
  const response = await request(url, fetching, "default");
  const bytes = new Uint8Array(size);
  let filled = 0;
  try {
    const reader = response.body?.getReader();
    for (let part = await reader?.read(); part?.done === false; part = await reader?.read()) {
      if (filled + part.value.length > size) {
        await reader?.cancel();
        throw mismatch(expected, `more than ${size} bytes`, `${size} bytes`);
      }
      bytes.set(part.value, filled);
      filled += part.value.length;
      onBytes(part.value.length);
    }
  } catch (error) {
    throw failed(url, fetching, error);
  }
  if (filled < size) throw mismatch(expected, `${filled} bytes`, `${size} bytes`);
  const found = await digest(bytes);
  if (found !== expected.sha256) throw mismatch(expected, `SHA-256 ${found}`, expected.sha256);
  return bytes;
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

async function request(url: string, fetching: Fetching, cache: RequestCache): Promise<Response> {
  const { fetch, signal } = fetching;
  let response: Response;
  try {
    response = await fetch(url, { signal, cache });
  } catch (error) {
    throw failed(url, fetching, error);
  }
  if (response.status !== 200) {
    await response.body?.cancel();
    const { status } = response;
    throw new LoaderError("http_status", `${url} answered ${status}, expected 200`, { status });
  }
  return response;
}

function failed(url: string, { signal }: Fetching, error: unknown): LoaderError {
  if (error instanceof LoaderError) return error;
  if (signal.aborted) return aborted(signal);
  const detail = error instanceof Error ? error.message : String(error);
  return new LoaderError("network", `cannot fetch ${url}: ${detail}`, { cause: error });
}

function mismatch({ url }: Expected, found: string, wanted: string): LoaderError {
  return new LoaderError("hash_mismatch", `${url} has ${found}, expected ${wanted}; nothing of it is used`);
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
