import { sha256 } from "./core.js";
import { LoaderError } from "./errors.js";
import { fetchVerified, type Expected, type Fetching, type Network } from "./fetching.js";
import { isNode } from "./node.js";
import { addressesOf } from "./retrying.js";

/** Bytes that arrive when nothing else is waited for, or while everything waits, if somebody needs them before. */
export class Later {
  readonly #expected: Expected;
  readonly #network: Network;
  readonly #onBytes: (count: number) => void;
  #controller = new AbortController();
  #bytes: Uint8Array<ArrayBuffer> | undefined;
  /** Resolves when they are there. */
  readonly arrived: Promise<void>;

  /**
   * @param start they begin to arrive when it settles
   * @param onBytes called with the number of bytes that have just arrived
   */
  constructor(expected: Expected, fetching: Fetching, start: Promise<unknown>, onBytes: (count: number) => void = () => {}) {
    this.#expected = expected;
    this.#onBytes = onBytes;
    const { network, signal } = fetching;
    this.#network = network;
    signal.addEventListener("abort", () => this.#controller.abort(signal.reason), { once: true });
    this.arrived = start.then(
      () => this.#arrive(fetching),
      () => this.#arrive(fetching),
    );
    // Awaited later, or never.
    this.arrived.catch(() => {});
  }

  /**
   * The bytes. The core has to be started.
   *
   * @throws {LoaderError} if they are not to be had
   */
  now(): Uint8Array<ArrayBuffer> {
    if (this.#bytes !== undefined) return this.#bytes;
    // A browser's cache would have us wait for the same bytes that cannot arrive while we wait.
    this.#controller.abort();
    return (this.#bytes = this.#fetchNow(addressesOf(this.#expected.url, this.#network)));
  }

  #fetchNow([address, ...mirrors]: string[]): Uint8Array<ArrayBuffer> {
    const { url, size, sha256: wanted } = this.#expected;
    try {
      const bytes = fetchNow(address ?? url, this.#network.stallTimeout * this.#network.attempts);
      if (bytes.length === size && sha256(bytes) === wanted) return bytes;
      throw new LoaderError("hash_mismatch", `${address} has other bytes than its index says; nothing of it is used`);
    } catch (error) {
      this.#network.log((error as LoaderError).message);
      if (mirrors.length > 0) return this.#fetchNow(mirrors);
      throw error;
    }
  }

  async #arrive(fetching: Fetching): Promise<void> {
    while (this.#bytes === undefined) {
      const { signal } = (this.#controller = new AbortController());
      if (fetching.signal.aborted) this.#controller.abort(fetching.signal.reason);
      try {
        this.#bytes = await fetchVerified(this.#expected, { ...fetching, signal }, this.#onBytes);
      } catch (error) {
        // Who could not wait has ended it, in vain perhaps.
        if (fetching.signal.aborted || !signal.aborted) throw error;
      }
    }
  }
}

/** Whether something can be fetched here while everything waits. */
export function canFetchNow(): boolean {
  return isNode() || typeof XMLHttpRequest === "function";
}

function fetchNow(url: string, patience: number): Uint8Array<ArrayBuffer> {
  try {
    return isNode() ? fetchInWorker(url, patience) : request(url);
  } catch (error) {
    throw new LoaderError("network", `cannot fetch ${url}: ${(error as Error).message}`, { cause: error });
  }
}

function request(url: string): Uint8Array<ArrayBuffer> {
  const request = new XMLHttpRequest();
  request.open("GET", url, false);
  // A page gets text only, of which this one has a letter for each byte.
  const isPage = typeof document !== "undefined";
  if (isPage) request.overrideMimeType("text/plain; charset=x-user-defined");
  else request.responseType = "arraybuffer";
  request.send();
  if (request.status !== 200) throw new Error(`it answered ${request.status}, expected 200`);
  if (!isPage) return new Uint8Array(request.response as ArrayBuffer);
  const text = request.responseText;
  const bytes = new Uint8Array(text.length);
  for (let index = 0; index < bytes.length; index += 1) bytes[index] = text.charCodeAt(index);
  return bytes;
}

/** Runs in a thread of Node's, which goes on while this one waits. */
const WORKER = `const { url, port, done } = process.getBuiltinModule("node:worker_threads").workerData;
fetch(url)
  .then(async (response) => {
    if (response.status !== 200) throw new Error("it answered " + response.status + ", expected 200");
    return { bytes: new Uint8Array(await response.arrayBuffer()) };
  })
  .catch((error) => ({ error: String(error.message) }))
  .then((answer) => {
    port.postMessage(answer);
    Atomics.store(done, 0, 1);
    Atomics.notify(done, 0);
    port.close();
  });`;

function fetchInWorker(url: string, patience: number): Uint8Array<ArrayBuffer> {
  const { MessageChannel, receiveMessageOnPort, Worker } = process.getBuiltinModule("node:worker_threads");
  const { port1, port2 } = new MessageChannel();
  const done = new Int32Array(new SharedArrayBuffer(4));
  // Options of this process may have it run as something else.
  const options = { eval: true, execArgv: [], workerData: { url, port: port2, done }, transferList: [port2] };
  const worker = new Worker(WORKER, options);
  worker.unref();
  if (Atomics.wait(done, 0, 0, patience) === "timed-out") {
    void worker.terminate();
    throw new Error(`no answer came for ${patience / 1000} s`);
  }
  const { bytes, error } = receiveMessageOnPort(port1)?.message as { bytes?: Uint8Array<ArrayBuffer>; error?: string };
  port1.close();
  if (bytes === undefined) throw new Error(error);
  return bytes;
}
