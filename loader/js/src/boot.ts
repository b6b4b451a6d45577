import { startCore } from "./core.js";
import { asLoaderError, LoaderError, UnusableImage } from "./errors.js";
import { aborted, type Fetching } from "./fetching.js";
import { Image, type Restored, type RuntimeModules } from "./image.js";
import { installedDistributions } from "./installed.js";
import { Line } from "./line.js";
import { AttachedLoader } from "./loader.js";
import { isNode } from "./node.js";
import { Reporter } from "./progress.js";
import { provideModule } from "./python.js";
import { afterRestoring, reasonAgainstImage } from "./restored.js";
import { inspect, type Layout, type Runtime } from "./runtime.js";
import { directory, settingsOf, type Settings } from "./settings.js";
import type { BootOptions, BootResult, InstalledPackage, InstallOptions, PyodideInterface } from "./types.js";

/**
 * Starts an interpreter, from the image of a started one that the server has, and attaches a loader to it. Where the
 * image cannot be used, the interpreter starts as `loadPyodide` starts it; the result tells why.
 *
 * @throws {LoaderError} as `attach` and `install` do
 */
export async function boot(options: BootOptions): Promise<BootResult> {
  const { signal } = options ?? {};
  // One failure ends the downloads, as the caller's signal does.
  const controller = new AbortController();
  const abort = (): void => controller.abort(signal?.reason);
  signal?.addEventListener("abort", abort);
  if (signal?.aborted) abort();
  try {
    const settings = await settingsOf(options);
    await startCore();
    const fetching = { fetch: settings.fetch, signal: controller.signal };
    return await unlessAborted(controller.signal, run(options, settings, fetching));
  } catch (error) {
    if (signal?.aborted) throw aborted(signal);
    throw asLoaderError(error, "internal", "the interpreter did not start");
  } finally {
    signal?.removeEventListener("abort", abort);
    controller.abort();
  }
}

/** A started interpreter, and why not from an image. */
interface Started extends Restored {
  /** Known of an image. */
  layout: Layout | undefined;
  reason: string | undefined;
}

async function run(options: BootOptions, settings: Settings, fetching: Fetching): Promise<BootResult> {
  const line = new Line(settings);
  const { runtime: given, packages = [], environment, onProgress } = options;
  const ofLine = (): Promise<string> => runtimeOf(line, settings, fetching);
  const reporter = new Reporter(onProgress);
  const read = async (url: string): Promise<Image> => Image.read(url, fetching, reporter);
  const baked = environment === undefined ? undefined : await readEnvironment(settings, environment, read);
  const address = given === undefined ? await ofLine() : directory("runtime", given, EXAMPLE);
  checkImportable(address);
  const bare = async (): Promise<Image> =>
    // What was unpacked from npm has no image.
    read(`${address.startsWith("file:") ? await ofLine() : address}image.json`);
  const image = withReason(options, baked === undefined ? bare : () => Promise.resolve(baked));
  const started = start(options, settings, address, image, fetching.signal);
  const runtime = started.then(({ pyodide, linker, layout }) => {
    if (linker !== undefined) loader.adopt(linker);
    return inspect(pyodide, layout);
  });
  const host = new StartingHost(runtime, image, options);
  const loader = new AttachedLoader(host, line, settings);
  const progress = { signal: fetching.signal, ...(onProgress === undefined ? {} : { onProgress }) };
  const install = packages.length === 0 ? { installed: [] } : loader.install(packages, progress);
  const [{ pyodide, reason }, { installed }] = await Promise.all([started, install, runtime]);
  host.isStarting = false;
  line.forgetAhead();
  const restored = reason === undefined;
  provideModule(pyodide, (requirements) => loader.install(requirements), restored);
  const inEnvironment = restored ? (baked?.packages ?? []) : await installEnvironment(baked, pyodide, loader, progress);
  return { pyodide, loader, installed: [...inEnvironment, ...installed], restored, ...(restored ? {} : { reason }) };
}

/** Without its image an environment is what it was made of. */
async function installEnvironment(
  baked: Image | undefined,
  pyodide: PyodideInterface,
  loader: AttachedLoader,
  options: InstallOptions,
): Promise<readonly InstalledPackage[]> {
  if (baked?.environment === undefined) return [];
  const { requirements, code } = baked.environment;
  const { installed } = await loader.install(requirements, options);
  await pyodide.runPythonAsync(code);
  return installed;
}

async function readEnvironment(
  { repodata }: Settings,
  name: string,
  read: (url: string) => Promise<Image>,
): Promise<Image> {
  const url = new URL(`../../environments/${abiOf(repodata)}/${encodeURIComponent(name)}.json`, repodata).href;
  try {
    return await read(url);
  } catch (error) {
    if (!(error instanceof LoaderError) || error.code !== "http_status") throw error;
    const message = `${repodata} has no environment ${name}: ${error.message}; \`pkgsrv bake\` makes one`;
    throw new LoaderError("unknown_environment", message, { cause: error });
  }
}

const EXAMPLE = "https://packages.example/runtime/pyodide/314.0.7/";

/** Where the runtime of a line is, by its head. */
async function runtimeOf(line: Line, { repodata }: Settings, fetching: Fetching): Promise<string> {
  const relative = (await line.readAhead(fetching)).runtime();
  if (relative !== undefined) return new URL(relative, repodata).href;
  throw new LoaderError(
    "bad_repodata",
    `the head of ${repodata} does not say where its runtime is; give its address as the option \`runtime\``,
  );
}

function checkImportable(address: string): void {
  if (!isNode() || address.startsWith("file:")) return;
  throw new LoaderError(
    "invalid_argument",
    `Node imports nothing from ${address}; give the directory of the npm package \`pyodide\` as the option \`runtime\`, such as \`new URL(".", import.meta.resolve("pyodide"))\``,
  );
}

/** The image; `UnusableImage` where it should not be used. */
async function withReason(options: BootOptions, image: () => Promise<Image>): Promise<Image> {
  const reason = reasonAgainstImage(options);
  if (reason !== undefined) throw new UnusableImage(reason);
  return image();
}

async function start(
  options: BootOptions,
  settings: Settings,
  address: string,
  image: Promise<Image>,
  signal: AbortSignal,
): Promise<Started> {
  const modules = await importRuntime(address);
  // Pyodide writes into the options that it is given.
  const fresh = (): Record<string, unknown> => ({
    ...(isNode() ? {} : lockfile(settings)),
    ...options.pyodide,
    env: { ...options.pyodide?.env },
    indexURL: isNode() ? nodePath(address) : address,
  });
  try {
    const found = await image;
    const restored = await found.restore(modules, fresh());
    afterRestoring(restored.pyodide, options.pyodide ?? {});
    return { ...restored, layout: found.layout, reason: undefined };
  } catch (error) {
    if (signal.aborted) throw error;
    // Emscripten throws objects that are no errors.
    const reason = (error as { message?: string } | undefined)?.message ?? String(error);
    settings.log(`the interpreter starts without its image: ${reason}`);
    return { pyodide: await modules.loadPyodide(fresh()), linker: undefined, layout: undefined, reason };
  }
}

/** The channel's own lockfile for `loadPackage`. In Node, Pyodide reads lockfiles from the disk only. */
function lockfile({ repodata }: Settings): { lockFileURL: string } {
  return { lockFileURL: new URL(`../../pyodide/${abiOf(repodata)}/pyodide-lock.json`, repodata).href };
}

/** The ABI that an address of repodata names. */
function abiOf(repodata: string): string {
  return new URL(repodata).pathname.split("/").at(-2) ?? "";
}

/** Bundlers leave these alone: they are addresses of what is there already. */
async function importRuntime(address: string): Promise<RuntimeModules> {
  const load = async (name: string): Promise<Record<string, unknown>> => {
    const url = `${address}${name}`;
    try {
      return (await import(/* webpackIgnore: true */ /* @vite-ignore */ url)) as Record<string, unknown>;
    } catch (error) {
      throw asLoaderError(error, "network", `cannot import the runtime's ${url}`);
    }
  };
  const [{ loadPyodide }, { default: createModule }] = await Promise.all([load("pyodide.mjs"), load("pyodide.asm.mjs")]);
  return { loadPyodide, createModule } as RuntimeModules;
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
    promise.then(resolve, reject);
  });
}
