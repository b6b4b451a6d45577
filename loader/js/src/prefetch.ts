import { fetchWheels } from "./addresses.js";
import { fetchLockfile, readEnvironment, runtimeOf } from "./boot.js";
import { LoaderError, UnusableImage } from "./errors.js";
import { fetchBytes, fetchVerified, underSignal, type Expected, type Fetching } from "./fetching.js";
import { Image } from "./image.js";
import { Line } from "./line.js";
import { isNode } from "./node.js";
import { Reporter } from "./progress.js";
import { settingsOf, type Settings } from "./settings.js";
import { fetchSigned, SignedFiles } from "./signed.js";
import type { PrefetchOptions, PrefetchResult } from "./types.js";
import { sum } from "./unpacking.js";

/**
 * Fetches, verifies and keeps what `boot` and `install` are going to need, so that they find it without a network. It
 * needs no interpreter, and works in a worker as in a page.
 *
 * @throws {LoaderError} `invalid_argument` without the option `cache`; else as `install` does
 */
export async function prefetch(options: PrefetchOptions): Promise<PrefetchResult> {
  const reporter = new Reporter(options?.onProgress);
  return underSignal(options?.signal, "nothing was fetched", async (signal) => {
    const settings = await settingsOf(options);
    const { network } = settings;
    if (network.kept === undefined) {
      const message = "`prefetch` keeps what it fetches: give it the option `cache`, and `boot` or `attach` the same";
      throw new LoaderError("invalid_argument", message);
    }
    const { packages: asked = [] } = options;
    const wanted = typeof asked === "string" ? [asked] : [...asked];
    const fetching = { network, signal };
    const line = new Line(settings);
    // `boot` wants the head in any case, since it names the runtime.
    const signed = SignedFiles.of(settings, fetching);
    const reading = readEnvironment(options.environment, settings, fetching, signed);
    const [baked] = await Promise.all([reading, line.readAhead(fetching)]);
    const image = baked ?? (await bareImage(options, line, settings, fetching, signed));
    const runtime = image && !isNode() ? fetchRuntime(line, settings, fetching, signed) : undefined;
    // Awaited later, or never if something else fails before.
    runtime?.catch(() => {});
    const inImage = image?.packages ?? [];
    const installed = inImage.map(({ name, version }) => ({ name, version }));
    const request = { ...(await fetchWheels(wanted, installed, fetching)), constraints: options.constraints ?? [] };
    const chosen = await line.resolve(request, { abi: undefined, installed }, fetching);
    const packages = [...inImage, ...chosen.map(({ selected }) => selected)];
    reporter.expect("resolve", packages.length);
    reporter.report("resolve", packages.length);
    const parts = image?.files() ?? [];
    const bytes = sum([...parts, ...chosen.map(({ selected }) => selected)], ({ size }) => size);
    reporter.expect("download", bytes);
    const fetch = (file: Expected, by: Fetching, name?: string): Promise<unknown> =>
      fetchVerified(file, by, (count) => reporter.advance("download", count, name));
    // What was asked for by its address has come already.
    const wheels = chosen.map(({ selected, fetching: by = fetching }) => fetch(selected, by, selected.name));
    const fetched = [...parts.map((file) => fetch(file, fetching)), ...wheels];
    await Promise.all([...fetched, runtime]);
    return { packages, bytes, kept: await network.kept.settled() };
  }).finally(() => reporter.close());
}

/** What Pyodide fetches while it starts. The browser imports the modules itself, from its HTTP cache. */
async function fetchRuntime(line: Line, settings: Settings, fetching: Fetching, signed: SignedFiles | undefined): Promise<void> {
  const address = await runtimeOf(line, settings, fetching);
  if (signed !== undefined) {
    await fetchSigned(address, signed, fetching);
    return;
  }
  const modules = ["pyodide.mjs", "pyodide.asm.mjs", "pyodide.asm.wasm"];
  const fetched = modules.map((name) => fetchBytes(`${address}${name}`, fetching, "default"));
  await Promise.all([fetchLockfile(settings, fetching), ...fetched]);
}

/** The image of the bare runtime, if it is asked for and would be used. */
async function bareImage(
  { image }: PrefetchOptions,
  line: Line,
  settings: Settings,
  fetching: Fetching,
  signed: SignedFiles | undefined,
): Promise<Image | undefined> {
  if (image !== true) return undefined;
  try {
    const url = `${await runtimeOf(line, settings, fetching)}image.json`;
    return await Image.read(url, fetching, signed?.check("runtime", "image.json"));
  } catch (error) {
    if (!(error instanceof UnusableImage) && (error as LoaderError).status !== 404) throw error;
    settings.log(`no image of the runtime is fetched: ${(error as Error).message}`);
    return undefined;
  }
}
