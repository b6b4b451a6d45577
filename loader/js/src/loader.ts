import { fetchWheels } from "./addresses.js";
import { LoaderError } from "./errors.js";
import { aborted, underSignal, type Fetching } from "./fetching.js";
import { FileTransaction } from "./files.js";
import { installedDistributions, isVersion, type Distribution } from "./installed.js";
import type { Chosen, Line } from "./line.js";
import type { HostLinker, LinkPlan } from "./linking.js";
import { listed } from "./listing.js";
import { checkLockAbi, isLock, lockOf, missingOf } from "./lock.js";
import { Reporter } from "./progress.js";
import { invalidateCaches, missingImports } from "./python.js";
import { startResolver } from "./resolver.js";
import { hasBridge, type Layout, type Runtime } from "./runtime.js";
import type { Settings } from "./settings.js";
import { stateOf, type State } from "./state.js";
import { uninstall } from "./uninstalling.js";
import { obtain, sum, toFetch, type Unpacked } from "./unpacking.js";
import type {
  InstalledDistribution,
  InstalledPackage,
  InstallOptions,
  InstallResult,
  Loader,
  Lock,
  UninstallResult,
} from "./types.js";

/** What may be asked for. */
type Wanted = string | readonly string[] | Lock;

/** What is installed into: an interpreter that runs, or one that is about to. */
export interface Host {
  /** Its ABI, as far as it is known. */
  readonly abi: string | undefined;
  /** The interpreter, once it runs. */
  readonly runtime: Promise<Runtime>;
  /** Its directories, which may be known before. */
  readonly layout: Promise<Layout>;
  /** What is installed in it. */
  installed(): Promise<Distribution[]>;
}

/** An interpreter that runs, to install into. */
export function runningHost(runtime: Runtime): Host {
  return {
    abi: runtime.abi,
    runtime: Promise.resolve(runtime),
    layout: Promise.resolve(runtime.layout),
    installed: () => Promise.resolve(installedDistributions(runtime)),
  };
}

/** One installation on its way. */
interface Job {
  options: InstallOptions;
  fetching: Fetching;
  reporter: Reporter;
  /** Refuses an interpreter of another ABI than what is installed. */
  checkAbi: (found: string | undefined) => void;
}

export class AttachedLoader implements Loader {
  readonly repodata: string;
  readonly #host: Host;
  readonly #line: Line;
  readonly #settings: Settings;
  /** The installation before; the next one waits for it. */
  #last: Promise<unknown> = Promise.resolve();

  constructor(host: Host, line: Line, settings: Settings) {
    this.repodata = settings.repodata;
    this.#host = host;
    this.#line = line;
    this.#settings = settings;
  }

  /** Takes over what was installed and linked when the interpreter was started. */
  adopt({ module }: Runtime, linker: HostLinker, packages: readonly InstalledPackage[]): void {
    const state = stateOf(module);
    state.linker = linker;
    note(state, packages);
  }

  install(requirements: Wanted, options: InstallOptions = {}): Promise<InstallResult> {
    const reporter = new Reporter(options.onProgress);
    return this.installReporting(requirements, options, reporter).finally(() => reporter.close());
  }

  /** The same as a part of something larger that reports. */
  installReporting(wanted: Wanted, options: InstallOptions, reporter: Reporter): Promise<InstallResult> {
    return this.#inTurn(() => this.#install(typeof wanted === "string" ? [wanted] : wanted, options, reporter));
  }

  async installFromImports(code: string, options: InstallOptions = {}): Promise<InstallResult> {
    const runtime = await this.#host.runtime;
    if (!hasBridge(runtime)) {
      const message = `${runtime.name} does not tell what code imports; ask \`packagesFor\` with the names of modules`;
      throw new LoaderError("unsupported_runtime", message);
    }
    const packages = await this.packagesFor(missingImports(runtime.pyodide, code), options);
    return packages.length > 0 ? this.install(packages, options) : { installed: [] };
  }

  async packagesFor(modules: readonly string[], options: { signal?: AbortSignal } = {}): Promise<readonly string[]> {
    texts(modules, "modules", "yaml");
    const { network } = this.#settings;
    return this.#inTurn(() =>
      underSignal(options.signal, "modules cannot be looked up", async (signal) =>
        modules.length > 0 ? this.#line.packagesFor(modules, { network, signal }) : [],
      ),
    );
  }

  list(): Promise<readonly InstalledDistribution[]> {
    return this.#inTurn(async () => listed(await this.#host.runtime));
  }

  uninstall(names: string | readonly string[]): Promise<UninstallResult> {
    const all = typeof names === "string" ? [names] : names;
    return this.#inTurn(async () => {
      const [runtime] = await Promise.all([this.#host.runtime, startResolver()]);
      return uninstall(texts(all, "names", "numpy"), runtime);
    });
  }

  freeze(): Promise<Lock> {
    return this.#inTurn(async () => {
      const runtime = await this.#host.runtime;
      const { module, pyodide } = runtime;
      const abi = runtime.abi ?? this.#line.abi();
      if (abi === undefined) throw new LoaderError("unsupported_runtime", "this interpreter does not say its ABI");
      const present = new Map(listed(runtime).map((distribution) => [distribution.name, distribution]));
      const packages = [...stateOf(module).packages.values()].filter((selected) => {
        // micropip may have taken out what we have installed.
        const there = present.get(selected.name);
        return there !== undefined && isVersion(there, selected);
      });
      const python = String(pyodide.runPython('__import__("sys").version.split()[0]'));
      return lockOf(packages, { abi, runtime: { name: runtime.name, version: pyodide.version, python }, repodata: this.repodata });
    });
  }

  /** Does one thing after another. */
  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#last.then(work);
    this.#last = turn.catch(() => {});
    return turn;
  }

  async #install(wanted: readonly string[] | Lock, options: InstallOptions, reporter: Reporter): Promise<InstallResult> {
    const { network } = this.#settings;
    const result = await underSignal(options.signal, "the installation failed", (signal) => {
      const checkAbi = (found: string | undefined): void =>
        isLock(wanted) ? checkLockAbi(wanted, found) : this.#line.checkAbi(found);
      return this.#run(wanted, { options, reporter, fetching: { network, signal }, checkAbi });
    });
    await network.kept?.settled();
    return result;
  }

  async #run(wanted: readonly string[] | Lock, job: Job): Promise<InstallResult> {
    const { reporter } = job;
    reporter.report("resolve", 0);
    const chosen = await this.#choose(wanted, job);
    const packages = chosen.map(({ selected }) => selected);
    reporter.expect("resolve", packages.length);
    reporter.report("resolve", packages.length);
    const { bytecode } = this.#settings;
    reporter.expect("download", sum(chosen, (one) => toFetch(one, bytecode).size));
    this.#settings.log(
      packages.length === 0 ? "everything is installed" : `installing ${packages.map(label).join(", ")}`,
    );
    if (packages.length === 0) return { installed: [] };
    const unpacked = await Promise.all(
      chosen.map((one) => obtain(one, this.#host.layout, { fetching: one.fetching ?? job.fetching, reporter, bytecode })),
    );
    this.#throwIfAborted(job);
    await this.#commit(packages, unpacked, job);
    return { installed: packages };
  }

  /** The wheels to install. */
  async #choose(wanted: readonly string[] | Lock, { options, fetching, checkAbi }: Job): Promise<Chosen[]> {
    const { abi } = this.#host;
    if (isLock(wanted)) {
      const missing = missingOf(wanted, await this.#host.installed(), this.repodata);
      checkAbi(abi);
      return missing.map((selected) => ({ selected }));
    }
    texts(wanted, "requirements", "numpy>=2");
    const constraints = texts(options.constraints ?? [], "constraints", "numpy<2.4");
    const installed = await this.#host.installed();
    const asked = await fetchWheels(wanted, installed, fetching);
    return this.#line.resolve({ ...asked, constraints }, { abi, installed }, fetching);
  }

  /** Plans the linking, writes all files and registers the libraries; undoes all of it on failure. */
  async #commit(packages: InstalledPackage[], unpacked: Unpacked[][], job: Job): Promise<void> {
    const { abi, module, pyodide } = await this.#host.runtime;
    job.checkAbi(abi);
    const state = stateOf(module);
    const { linker } = state;
    packages.forEach((selected, index) => checkLeftLinked(state, selected, unpacked[index] ?? []));
    const files = unpacked.flat();
    const libraries = files.filter(({ compiled, file }) => compiled !== undefined && !state.leftLinked.has(file.path));
    const paths = libraries.map(({ file }) => file.path);
    const transaction = new FileTransaction(module.FS);
    try {
      const plans = this.#planLinks(linker, libraries);
      const compiled = await Promise.all(libraries.map((library) => library.compiled));
      this.#throwIfAborted(job);
      this.#write(transaction, files, plans, job.reporter);
      libraries.forEach(({ file, contents }, index) => {
        const [plan, code] = [plans.get(file.path), compiled[index]];
        if (plan === undefined || code === undefined || plan.byRuntime) return;
        // A function of here would hold all that was unpacked.
        linker.registerCompiled(plan, code, contents.length);
      });
      await linker.linkLarge(paths);
      this.#throwIfAborted(job);
      invalidateCaches(pyodide);
      for (const { name, url } of packages) pyodide.loadedPackages[name] = url;
    } catch (error) {
      linker.unregister(paths);
      transaction.undo();
      throw error;
    }
    note(state, packages);
    for (const { file } of files) state.leftLinked.delete(file.path);
  }

  #planLinks(linker: HostLinker, libraries: Unpacked[]): Map<string, LinkPlan> {
    if (libraries.length === 0) return new Map();
    for (const { file, contents } of libraries) linker.add(file.path, contents);
    linker.refreshRuntime(libraries.map(({ file }) => file.path));
    return new Map(libraries.map(({ file }) => [file.path, linker.plan(file.path)]));
  }

  /** Side modules that we link leave an empty file: `dlopen` would copy a full one into memory. */
  #write(
    transaction: FileTransaction,
    files: Unpacked[],
    plans: Map<string, LinkPlan>,
    reporter: Reporter,
  ): void {
    reporter.expect("write", files.length);
    for (const { file, contents, read } of files) {
      if (read !== undefined) {
        transaction.writeLazily(file.path, file.size, 0o644, read);
        continue;
      }
      const stub = plans.get(file.path)?.byRuntime === false;
      transaction.write(file.path, stub ? new Uint8Array(0) : contents, file.executable ? 0o755 : undefined);
    }
    reporter.report("write", files.length);
  }

  #throwIfAborted({ options: { signal } }: Job): void {
    if (signal?.aborted) throw aborted(signal);
  }
}

function label({ name, version }: { name: string; version: string }): string {
  return `${name} ${version}`;
}

/** Notes what was installed, and what was asked for. */
function note({ packages }: State, installed: readonly InstalledPackage[]): void {
  for (const selected of installed) packages.set(selected.name, selected);
}

/** A library that stays linked would be taken for another one that has come to its path. */
function checkLeftLinked({ leftLinked }: State, { sha256, ...selected }: InstalledPackage, files: readonly Unpacked[]): void {
  const linked = files.find(({ file: { path } }) => leftLinked.has(path) && leftLinked.get(path) !== sha256);
  if (linked === undefined) return;
  const message = `${linked.file.path} is linked, from a wheel that was uninstalled, and ${label(selected)} has another one; restart the interpreter`;
  throw new LoaderError("still_linked", message);
}

function texts(values: readonly string[], what: string, example: string): readonly string[] {
  if (Array.isArray(values) && values.every((text) => typeof text === "string")) return values;
  throw new LoaderError("invalid_argument", `${what} are a text or a list of texts, such as \`${example}\``);
}
