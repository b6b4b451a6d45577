import { LoaderError } from "./errors.js";
import type { Network } from "./fetching.js";
import { Kept } from "./kept.js";
import { canFetchNow } from "./later.js";
import { Verifier } from "./signature.js";
import type { ChannelOptions } from "./types.js";

/** Settings of a loader, complete. */
export interface Settings {
  /** Whether files may be there before their contents. */
  late: boolean;
  /** Whether bytecode is installed where the channel has it. */
  bytecode: boolean;
  repodata: string;
  /** Those of the other lines, in the order in which they are asked. */
  others: Settings[];
  network: Network;
  log: (message: string) => void;
  /** Only where the page has keys. */
  verifier: Verifier | undefined;
}

/** The settings that options say. */
export async function settingsOf(options: ChannelOptions): Promise<Settings> {
  const { publicKeys, mirrors = [], log = () => {} } = options ?? {};
  const given: unknown = options?.repodata;
  const [first, ...more] = (Array.isArray(given) ? given : [given]) as (string | URL | undefined)[];
  const repodata = directory("repodata", first, EXAMPLE);
  if (!Array.isArray(mirrors)) throw invalid("mirrors", mirrors, "a list of addresses");
  const network = {
    fetch: options.fetch ?? globalThis.fetch.bind(globalThis),
    log,
    bases: [repodata, ...mirrors.map((mirror: string | URL) => directory("mirrors", mirror, EXAMPLE))],
    current: repodata,
    attempts: positive("attempts", options.attempts, 3),
    stallTimeout: positive("stallTimeout", options.stallTimeout, 30_000),
    isGone: false,
    kept: keptOf(options, log),
  };
  // What a page fetches in its own way, it cannot fetch while everything waits; what is kept is kept whole.
  const late = options.fetch === undefined && network.kept === undefined && canFetchNow();
  if (typeof (options.bytecode ?? true) !== "boolean") throw invalid("bytecode", options.bytecode, "true or false");
  const bytecode = late && options.bytecode !== false;
  const verifier = async (): Promise<Verifier | undefined> =>
    publicKeys === undefined ? undefined : await Verifier.create(publicKeys);
  const others = more.map(async (address): Promise<Settings> => {
    const other = directory("repodata", address, EXAMPLE);
    // Mirrors are of the first one.
    const ofOther = { ...network, bases: [other], current: other };
    return { repodata: other, others: [], network: ofOther, log, late, bytecode, verifier: await verifier() };
  });
  return { repodata, others: await Promise.all(others), network, log, late, bytecode, verifier: await verifier() };
}

const EXAMPLE = "https://packages.example/repodata/2026_0/";

function keptOf({ cache }: ChannelOptions, log: (message: string) => void): Kept | undefined {
  if (cache === undefined || cache === false) return undefined;
  if (cache !== true && (typeof cache !== "object" || cache === null)) {
    throw invalid("cache", cache, "true, false or an object with `directory` and `maxBytes`");
  }
  const options = cache === true ? {} : cache;
  positive("cache.maxBytes", options.maxBytes, 1);
  return new Kept(options, log);
}

/** A number of an option, above 0. */
function positive(option: string, value: unknown, usual: number): number {
  if (value === undefined) return usual;
  if (typeof value === "number" && value > 0) return value;
  throw invalid(option, value, "a number above 0");
}

function invalid(option: string, found: unknown, expected: string, cause?: unknown): LoaderError {
  const message = `the option \`${option}\` is ${String(found)}, expected ${expected}`;
  return new LoaderError("invalid_argument", message, { cause });
}

/** The ABI that an address of repodata names. */
export function abiOf(repodata: string): string {
  return new URL(repodata).pathname.split("/").at(-2) ?? "";
}

/** The absolute address of a directory, with a slash at its end. */
export function directory(option: string, address: string | URL | undefined, example: string): string {
  let url: URL;
  try {
    url = new URL(String(address), globalThis.location?.href);
  } catch (error) {
    throw invalid(option, address, `an address such as ${example}`, error);
  }
  url.search = "";
  url.hash = "";
  return url.href.endsWith("/") ? url.href : `${url.href}/`;
}
