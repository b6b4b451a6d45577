import { startCore } from "./core.js";
import { asLoaderError, LoaderError } from "./errors.js";
import { aborted, type Fetching } from "./fetching.js";
import { Image, UnusableImage, type RuntimeModules } from "./image.js";
import { installedDistributions } from "./installed.js";
import { Line } from "./line.js";
import { AttachedLoader } from "./loader.js";
import { afterRestoring, reasonAgainstImage } from "./restored.js";
import { inspect, type Layout, type Runtime } from "./runtime.js";
import { directory, settingsOf, type Settings } from "./settings.js";
import type { BootOptions, BootResult, PyodideInterface } from "./types.js";

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
interface Started {
  pyodide: PyodideInterface;
  reason: string | undefined;
}

async function run(options: BootOptions, settings: Settings, fetching: Fetching): Promise<BootResult> {
  const line = new Line(settings);
  const { runtime: given, packages = [], onProgress } = options;
  const ofLine = (): Promise<string> => runtimeOf(line, settings, fetching);
  const address = given === undefined ? await ofLine() : directory("runtime", given, EXAMPLE);
  checkImportable(address);
  // What was unpacked from npm has no image.
  const image = readImage(options, address.startsWith("file:") ? ofLine : () => Promise.resolve(address), fetching);
  const started = start(options, settings, address, image, fetching.signal);
  const runtime = started.then(({ pyodide }) => inspect(pyodide));
  const host = new StartingHost(runtime, image, options);
  const loader = new AttachedLoader(host, line, settings);
  const { signal } = fetching;
  const install =
    packages.length === 0
      ? { installed: [] }
      : loader.install(packages, { signal, ...(onProgress === undefined ? {} : { onProgress }) });
  const [{ pyodide, reason }, { installed }] = await Promise.all([started, install, runtime]);
  host.isStarting = false;
  line.forgetAhead();
  return { pyodide, loader, installed, restored: reason === undefined, ...(reason === undefined ? {} : { reason }) };
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

/** The image; `UnusableImage` where it should not or cannot be used. */
async function readImage(options: BootOptions, address: () => Promise<string>, fetching: Fetching): Promise<Image> {
  const reason = reasonAgainstImage(options);
  if (reason !== undefined) throw new UnusableImage(reason);
  return Image.read(await address(), fetching);
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
    const pyodide = await (await image).restore(modules, fresh());
    afterRestoring(pyodide, options.pyodide ?? {});
    return { pyodide, reason: undefined };
  } catch (error) {
    if (signal.aborted) throw error;
    // Emscripten throws objects that are no errors.
    const reason = (error as { message?: string } | undefined)?.message ?? String(error);
    settings.log(`the interpreter starts without its image: ${reason}`);
    return { pyodide: await modules.loadPyodide(fresh()), reason };
  }
}

/** The channel's own lockfile for `loadPackage`. In Node, Pyodide reads lockfiles from the disk only. */
function lockfile({ repodata }: Settings): { lockFileURL: string } {
  const abi = new URL(repodata).pathname.split("/").at(-2) ?? "";
  return { lockFileURL: new URL(`../../pyodide/${abi}/pyodide-lock.json`, repodata).href };
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

  constructor(runtime: Promise<Runtime>, image: Promise<Image>, { pyodide }: BootOptions) {
    this.isStarting = !("fsInit" in (pyodide ?? {}) || "packages" in (pyodide ?? {}));
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

function isNode(): boolean {
  return typeof process === "object" && process.versions?.node !== undefined && typeof document === "undefined";
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
