import { LoaderError } from "./errors.js";
import { canFetchNow } from "./later.js";
import { HeadVerifier } from "./signature.js";
import type { ChannelOptions } from "./types.js";

/** Settings of a loader, complete. */
export interface Settings {
  /** Whether files may be there before their contents. */
  late: boolean;
  repodata: string;
  fetch: typeof globalThis.fetch;
  log: (message: string) => void;
  /** Only where the page has keys. */
  verifier: HeadVerifier | undefined;
}

/** The settings that options say. */
export async function settingsOf(options: ChannelOptions): Promise<Settings> {
  const { publicKeys } = options ?? {};
  return {
    repodata: directory("repodata", options?.repodata, "https://packages.example/repodata/2026_0/"),
    // What a page fetches in its own way, it cannot fetch while everything waits.
    late: options?.fetch === undefined && canFetchNow(),
    fetch: options?.fetch ?? globalThis.fetch.bind(globalThis),
    log: options?.log ?? (() => {}),
    verifier: publicKeys === undefined ? undefined : await HeadVerifier.create(publicKeys),
  };
}

/** The absolute address of a directory, with a slash at its end. */
export function directory(option: string, address: string | URL | undefined, example: string): string {
  let url: URL;
  try {
    url = new URL(String(address), globalThis.location?.href);
  } catch (error) {
    const message = `the option \`${option}\` is ${String(address)}, expected an address such as ${example}`;
    throw new LoaderError("invalid_argument", message, { cause: error });
  }
  url.search = "";
  url.hash = "";
  return url.href.endsWith("/") ? url.href : `${url.href}/`;
}
