import { startCore } from "./core.js";
import { asLoaderError, LoaderError, UnusableImage } from "./errors.js";
import { aborted, fetchNamed, underSignal, type Fetching } from "./fetching.js";
import { Image, type ImageParts, type Restored, type RuntimeModules } from "./image.js";
import { installedDistributions } from "./installed.js";
import { Line } from "./line.js";
import { AttachedLoader } from "./loader.js";
import { isNode } from "./node.js";
import { Reporter } from "./progress.js";
import { provideModule } from "./python.js";
import { afterRestoring, reasonAgainstImage } from "./restored.js";
import { inspect, type Layout, PYODIDE, type Runtime } from "./runtime.js";
import { RuntimeWasm } from "./runtime-wasm.js";
import { abiOf, directory, settingsOf, type Settings } from "./settings.js";
import { importSigned, SignedFiles } from "./signed.js";
import type { BootOptions, BootResult, InstalledPackage, Lock, PyodideInterface } from "./types.js";

/**
 * Starts an interpreter, from the image of a started one that the server has, and attaches a loader to it. Where the
 * image cannot be used, the interpreter starts as `loadPyodide` starts it; the result tells why.
 *
 * @throws {LoaderError} as `attach` and `install` do
 */
export async function boot(options: BootOptions): Promise<BootResult> {
  const reporter = new Reporter(options?.onProgress);
  return underSignal(options?.signal, "the interpreter did not start", async (signal) => {
    // Who needs the core waits for it, and other things arrive meanwhile.
    startCore().catch(() => {});
    const settings = await settingsOf(options);
    return unlessAborted(signal, run(options, settings, { fetching: { network: settings.network, signal }, reporter }));
  }).finally(() => reporter.close());
}

/** One boot on its way. */
interface Job {
  fetching: Fetching;
  reporter: Reporter;
}

/** A started interpreter, and why not from an image. */
interface Started extends Restored {
  /** Known of an image. */
  layout: Layout | undefined;
  reason: string | undefined;
  /** When its files are there; without the call, they stop arriving when the boot is over. */
  complete: Promise<void>;
  detach: () => void;
}

async function run(options: BootOptions, settings: Settings, job: Job): Promise<BootResult> {
  const { fetching, reporter } = job;
  const line = new Line(settings);
  const { runtime: given, packages = [] } = options;
  const ofLine = (): Promise<string> => runtimeOf(line, settings, fetching);
  // Nothing waits for the other: of an environment the index tells what it consists of, the head where the runtime is.
  const signed = SignedFiles.of(settings, fetching);
  const reading = readEnvironment(options.environment, settings, fetching, signed);
  const locating = locate(given, async () => (await reading)?.runtime ?? ofLine());
  // What is asked for beside an environment is resolved last, by a head that is there then.
  if (options.environment !== undefined && (packages as { length?: number }).length) line.readAhead(fetching).catch(() => {});
  // For a runtime of its own choice a page answers itself.
  const isOwn = given !== undefined || isNode();
  const importing = locating.then((address) =>
    signed === undefined || isOwn ? importRuntime(address, options, fetching.signal) : importSigned(address, signed, fetching),
  );
  const bare = async (): Promise<Image> => {
    const address = await locating;
    // What was unpacked from npm has no image.
    const url = `${address.startsWith("file:") ? await ofLine() : address}image.json`;
    return Image.read(url, fetching, signed?.check("runtime", "image.json"));
  };
  const image = usableImage(options, settings, async () => (await reading) ?? bare(), job);
  // Awaited later, or never if something else fails before.
  for (const part of [importing, image]) part.catch(() => {});
  const [baked, address] = await Promise.all([reading, locating]);
  const started = start(options, settings, { address, importing }, image, fetching);
  const runtime = started.then(({ pyodide, linker, layout }) => {
    const inspected = inspect(pyodide, layout);
    if (linker !== undefined) loader.adopt(inspected, linker, baked?.packages ?? []);
    return inspected;
  });
  const host = new StartingHost(runtime, image.then((it) => it.image), options);
  const loader = new AttachedLoader(host, line, settings);
  const { constraints = [] } = options;
  const install = async (wanted: string | readonly string[] | Lock): Promise<readonly InstalledPackage[]> =>
    (wanted as { length?: number }).length === 0
      ? []
      : (await loader.installReporting(wanted, { constraints, signal: fetching.signal }, reporter)).installed;
  // What was baked comes before what is asked for beside it, whether it is restored or installed.
  const early = baked === undefined ? install(packages) : undefined;
  early?.catch(() => {});
  const { pyodide, reason, complete, detach } = await started;
  await runtime;
  const restored = reason === undefined;
  provideModule(pyodide, loader, restored);
  const environment = restored ? (baked?.packages ?? []) : await installEnvironment(baked, pyodide, install);
  const installed = [...environment, ...(await (early ?? install(packages)))];
  host.isStarting = false;
  line.forgetAhead();
  await settings.network.kept?.settled();
  if (!fetching.signal.aborted) detach();
  return { pyodide, loader, installed, restored, complete, ...(restored ? {} : { reason }) };
}

/** Without its image an environment is the same wheels, with the same code run. */
async function installEnvironment(
  baked: Image | undefined,
  pyodide: PyodideInterface,
  install: (wanted: readonly string[]) => Promise<readonly InstalledPackage[]>,
): Promise<readonly InstalledPackage[]> {
  if (baked?.environment === undefined) return [];
  const installed = await install(baked.packages.map(({ name, version }) => `${name}==${version}`));
  await pyodide.runPythonAsync(baked.environment.code);
  return installed;
}

/** The image of the environment that is asked for, if one is. */
export async function readEnvironment(
  name: string | undefined,
  { repodata }: Settings,
  fetching: Fetching,
  signed: SignedFiles | undefined,
): Promise<Image | undefined> {
  if (name === undefined) return undefined;
  const url = new URL(`../../environments/${abiOf(repodata)}/${encodeURIComponent(name)}.json`, repodata).href;
  try {
    return await Image.read(url, fetching, signed?.check("environments", `${name}.json`));
  } catch (error) {
    if (error instanceof UnusableImage) {
      throw new LoaderError("bad_environment", `${error.message}; update the loader, or bake ${name} again`, { cause: error });
    }
    if (!(error instanceof LoaderError) || error.status !== 404) throw error;
    const message = `${repodata} has no environment ${name}: ${error.message}; \`pkgsrv bake\` makes one`;
    throw new LoaderError("unknown_environment", message, { cause: error });
  }
}

const EXAMPLE = "https://packages.example/runtime/pyodide/314.0.7/";

/** Where the runtime of a line is, by its head. */
export async function runtimeOf(line: Line, { repodata }: Settings, fetching: Fetching): Promise<string> {
  const relative = await line.runtime(fetching);
  const [, name = PYODIDE, version = ""] = /\/runtime\/([\w.-]+)\/([\w.-]+)\//.exec(relative ?? "") ?? [];
  // Up to 0.29 its JavaScript is no module.
  if (name !== PYODIDE || version.startsWith("0.")) {
    const message = `${repodata} is for ${name} ${version}, which \`boot\` does not start: have its ${name}.mjs start it, then \`attach\``;
    throw new LoaderError("unsupported_runtime", message);
  }
  if (relative !== undefined) return new URL(relative, repodata).href;
  throw new LoaderError(
    "bad_repodata",
    `the head of ${repodata} does not say where its runtime is; give its address as the option \`runtime\``,
  );
}

/** Where the runtime is imported from. */
async function locate(given: string | URL | undefined, ofLine: () => Promise<string>): Promise<string> {
  const address = given === undefined ? await ofLine() : directory("runtime", given, EXAMPLE);
  if (!isNode() || address.startsWith("file:")) return address;
  throw new LoaderError(
    "invalid_argument",
    `Node imports nothing from ${address}; give the directory of the npm package \`pyodide\` as the option \`runtime\`, such as \`new URL(".", import.meta.resolve("pyodide"))\``,
  );
}

/** An image that arrives, and what ends that. */
interface Arriving {
  image: Image;
  parts: ImageParts;
  stop: () => void;
  /** Has it go on when the boot is over. */
  detach: () => void;
}

/** The image; `UnusableImage` where it should not be used. */
async function usableImage(
  options: BootOptions,
  settings: Settings,
  read: () => Promise<Image>,
  { fetching, reporter }: Job,
): Promise<Arriving> {
  const reason = reasonAgainstImage(options);
  if (reason !== undefined) throw new UnusableImage(reason);
  const image = await read();
  const controller = new AbortController();
  const stop = (): void => controller.abort(fetching.signal.reason);
  fetching.signal.addEventListener("abort", stop, { once: true });
  // The index may have come after that.
  if (fetching.signal.aborted) stop();
  const detach = (): void => fetching.signal.removeEventListener("abort", stop);
  const parts = image.fetchParts({ ...fetching, signal: controller.signal }, reporter, settings.late);
  return { image, parts, stop, detach };
}

async function start(
  options: BootOptions,
  settings: Settings,
  { address, importing }: { address: string; importing: Promise<RuntimeModules> },
  arriving: Promise<Arriving>,
  fetching: Fetching,
): Promise<Started> {
  const { signal } = fetching;
  const lockfile = givesLockfile(options) || settings.verifier ? {} : lockfileOptions(settings, fetching);
  const modules = await importing;
  // Pyodide writes into the options that it is given.
  const fresh = (): Record<string, unknown> => ({
    ...lockfile,
    ...options.pyodide,
    env: { ...options.pyodide?.env },
    indexURL: isNode() ? nodePath(address) : address,
  });
  try {
    const { image, parts, detach } = await arriving;
    const restored = await image.restore(parts, modules, fresh());
    afterRestoring(restored.pyodide, options.pyodide ?? {});
    return { ...restored, layout: image.layout, reason: undefined, complete: parts.complete, detach };
  } catch (error) {
    if (signal.aborted) throw error;
    arriving.then(
      ({ stop }) => stop(),
      () => {},
    );
    // Emscripten throws objects that are no errors.
    const reason = (error as { message?: string } | undefined)?.message ?? String(error);
    settings.log(`the interpreter starts without its image: ${reason}`);
    const pyodide = await modules.loadPyodide({ createPyodideModule: modules.createModule, ...fresh() });
    return { pyodide, linker: undefined, layout: undefined, reason, complete: Promise.resolve(), detach: () => {} };
  }
}

/** The channel's own lockfile for `loadPackage`. */
export async function fetchLockfile({ repodata }: Settings, fetching: Fetching): Promise<string> {
  return new TextDecoder().decode(await fetchNamed(`${lockfiles(repodata)}pyodide-lock.json`, fetching, "default"));
}

/** It is fetched here, so that it is kept as the rest is. */
function lockfileOptions(settings: Settings, fetching: Fetching): Record<string, unknown> {
  const lockFileContents = fetchLockfile(settings, fetching);
  // Pyodide awaits it, or nobody if the runtime cannot be imported.
  lockFileContents.catch(() => {});
  return { lockFileContents, packageBaseUrl: lockfiles(settings.repodata) };
}

/** In Node, Pyodide has its own lockfile on the disk. */
function givesLockfile({ pyodide = {} }: BootOptions): boolean {
  return isNode() || "lockFileURL" in pyodide || "lockFileContents" in pyodide;
}

/** The directory of it. */
function lockfiles(repodata: string): string {
  return new URL(`../../pyodide/${abiOf(repodata)}/`, repodata).href;
}

/** Bundlers leave these alone: they are addresses of what is there already. */
async function importRuntime(address: string, { pyodide = {} }: BootOptions, signal: AbortSignal): Promise<RuntimeModules> {
  const load = async (name: string): Promise<Record<string, unknown>> => {
    const url = `${address}${name}`;
    try {
      return (await import(/* webpackIgnore: true */ /* @vite-ignore */ url)) as Record<string, unknown>;
    } catch (error) {
      throw asLoaderError(error, "network", `cannot import the runtime's ${url}`);
    }
  };
  const wasm = new RuntimeWasm(`${address}pyodide.asm.wasm`, pyodide["createPyodideModule"] === undefined, signal);
  // The larger one may come later: what is called first begins to fetch the module's code.
  const larger = load("pyodide.asm.mjs");
  larger.catch(() => {});
  const { loadPyodide } = await load("pyodide.mjs");
  if (signal.aborted) throw aborted(signal);
  return {
    loadPyodide: (settings) => wasm.loading(() => (loadPyodide as RuntimeModules["loadPyodide"])(settings)),
    createModule: async (settings) => wasm.create((await larger)["default"] as RuntimeModules["createModule"], settings),
  };
}

/** What is known of an interpreter before it runs. */
class StartingHost {
  readonly runtime: Promise<Runtime>;
  readonly layout: Promise<Layout>;
  /** While it starts, nothing is installed in it, unless its options bring something. */
  isStarting: boolean;
  abi: string | undefined;

  constructor(runtime: Promise<Runtime>, image: Promise<Image>, { environment, pyodide = {} }: BootOptions) {
    this.isStarting = environment === undefined && !("fsInit" in pyodide || "packages" in pyodide);
    this.runtime = runtime;
    this.layout = image.then(
      ({ layout }) => layout,
      () => runtime.then(({ layout }) => layout),
    );
    // Who awaits them sees the failure.
    this.layout.catch(() => {});
    runtime.then(
      ({ abi }) => (this.abi = abi),
      () => {},
    );
  }

  async installed(): Promise<ReturnType<typeof installedDistributions>> {
    return this.isStarting ? [] : installedDistributions(await this.runtime);
  }
}

/** Pyodide takes paths in Node. */
function nodePath(address: string): string {
  return process.getBuiltinModule("node:url").fileURLToPath(address);
}

/** The promise, or the signal's error at once: starting an interpreter cannot be broken off. */
function unlessAborted<T>(signal: AbortSignal, promise: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = (): void => reject(aborted(signal));
    if (signal.aborted) abort();
    signal.addEventListener("abort", abort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener("abort", abort));
  });
}
