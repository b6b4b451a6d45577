import { LoaderError } from "./errors.js";
import { aborted, type Fetching, type Network } from "./fetching.js";

/** The first pause between two attempts, milliseconds; each is twice the one before. */
const PAUSE = 250;
/** The longest time that a server may ask to be left alone for, milliseconds: with more, it is not asked again. */
const LONGEST_PAUSE = 30_000;

/**
 * Makes attempts at an address and at its like on the mirrors, one after another, until one succeeds. When all have
 * failed, those that may work another time are asked again after a pause.
 *
 * @param attempt one request; `isRepeated` tells that an answer in the browser's cache may be what has failed
 * @param order the repodata directories, the first to be asked first
 * @throws {LoaderError} `hash_mismatch` if there was one, else what the first address has failed with
 */
export async function persistently(
  url: string,
  { network, signal }: Fetching,
  attempt: (url: string, isRepeated: boolean) => Promise<void>,
  order: readonly string[] = [network.current, ...network.bases],
  attempts = network.isGone ? 1 : network.attempts,
): Promise<void> {
  let left = new Map(order.map((base) => [rebased(url, network.bases[0] ?? base, base), base]));
  const isMirrored = left.size > 1;
  for (let round = 1; ; round += 1) {
    const failures: LoaderError[] = [];
    const again: typeof left = new Map();
    for (const [address, base] of left) {
      try {
        await attempt(address, round > 1);
        network.isGone = false;
        if (isMirrored) network.current = base;
        return;
      } catch (error) {
        if (signal.aborted || !(error instanceof LoaderError)) throw error;
        failures.push(error);
        if (error.retryAfter !== undefined) again.set(address, base);
        if (failures.length < left.size) network.log(`${error.message}; a mirror is asked`);
      }
    }
    const failure = failures.find(({ code }) => code === "hash_mismatch") ?? failures[0];
    if (again.size === 0 || round >= attempts) throw failure;
    left = again;
    const pause = PAUSE * 2 ** (round - 1) * (1 + Math.random());
    await wait(Math.max(pause, ...failures.map(({ retryAfter = 0 }) => retryAfter)), signal);
    network.log(`${failure?.message}; it is fetched again`);
  }
}

/** Milliseconds after which a server may be asked again that has answered so; none if that is of no use. */
export function retryAfter({ status, headers }: Response): number | undefined {
  if (status < 500 && ![408, 425, 429].includes(status)) return undefined;
  const text = headers.get("retry-after") ?? "";
  const asked = /^\d+$/.test(text) ? Number(text) * 1000 : Date.parse(text) - Date.now();
  return asked > LONGEST_PAUSE ? undefined : Math.max(asked || 0, 0);
}

/** Where something is: its address, which lies below or beside the repodata, and those on the mirrors. */
export function addressesOf(url: string, { bases }: Network): string[] {
  return [...new Set(bases.map((base) => rebased(url, bases[0] ?? base, base)))];
}

/** The address that lies to one directory as `url` lies to another; the same if that is on another host. */
function rebased(url: string, from: string, to: string): string {
  const [{ origin, pathname, search }, directory] = [new URL(url), new URL(from)];
  if (from === to || origin !== directory.origin) return url;
  const [path, parts] = [pathname.split("/"), directory.pathname.split("/").slice(0, -1)];
  let shared = 0;
  while (shared < parts.length && path[shared] === parts[shared]) shared += 1;
  return new URL(`./${"../".repeat(parts.length - shared)}${path.slice(shared).join("/")}${search}`, to).href;
}

function wait(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const abort = (): void => {
      clearTimeout(timer);
      reject(aborted(signal));
    };
    const timer = setTimeout(() => {
      signal.removeEventListener("abort", abort);
      resolve();
    }, milliseconds);
    if (signal.aborted) abort();
    else signal.addEventListener("abort", abort);
  });
}
