import { call } from "./core.js";
import { LoaderError } from "./errors.js";
import { aborted, underSignal, type Fetching } from "./fetching.js";
import { FileTransaction } from "./files.js";
import { installedDistributions, type Distribution } from "./installed.js";
import type { Line } from "./line.js";
import { HostLinker, type LinkPlan } from "./linking.js";
import { Reporter } from "./progress.js";
import type { Layout, Runtime } from "./runtime.js";
import type { Settings } from "./settings.js";
import { obtain, sum, toFetch, type Unpacked } from "./unpacking.js";
import type { InstalledPackage, InstallOptions, InstallResult, Loader } from "./types.js";

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
}

export class AttachedLoader implements Loader {
  readonly repodata: string;
  readonly #host: Host;
  readonly #line: Line;
  readonly #settings: Settings;
  #linker: HostLinker | undefined;
  /** The installation before; the next one waits for it. */
  #last: Promise<unknown> = Promise.resolve();

  constructor(host: Host, line: Line, settings: Settings) {
    this.repodata = settings.repodata;
    this.#host = host;
    this.#line = line;
    this.#settings = settings;
  }

  /** Takes the linker that has linked what the interpreter was started with. */
  adopt(linker: HostLinker): void {
    this.#linker = linker;
  }

  install(requirements: string | readonly string[], options: InstallOptions = {}): Promise<InstallResult> {
    const reporter = new Reporter(options.onProgress);
    return this.installReporting(requirements, options, reporter).finally(() => reporter.close());
  }

  /** The same as a part of something larger that reports. */
  installReporting(
    requirements: string | readonly string[],
    options: InstallOptions,
    reporter: Reporter,
  ): Promise<InstallResult> {
    const wanted = typeof requirements === "string" ? [requirements] : [...requirements];
    const turn = this.#last.then(() => this.#install(wanted, options, reporter));
    this.#last = turn.catch(() => {});
    return turn;
  }

  async #install(wanted: string[], options: InstallOptions, reporter: Reporter): Promise<InstallResult> {
    if (!wanted.every((requirement) => typeof requirement === "string")) {
      throw new LoaderError("invalid_argument", "requirements are a text or a list of texts, such as `numpy>=2`");
    }
    const { network } = this.#settings;
    const result = await underSignal(options.signal, "the installation failed", (signal) =>
      this.#run(wanted, { options, reporter, fetching: { network, signal } }),
    );
    await network.kept?.settled();
    return result;
  }

  async #run(wanted: string[], job: Job): Promise<InstallResult> {
    const { reporter } = job;
    reporter.report("resolve", 0);
    const installed = await this.#host.installed();
    const packages = await this.#line.resolve(wanted, { abi: this.#host.abi, installed }, job.fetching);
    reporter.expect("resolve", packages.length);
    reporter.report("resolve", packages.length);
    const { late } = this.#settings;
    reporter.expect("download", sum(packages, (selected) => toFetch(selected, late).size));
    this.#settings.log(
      packages.length === 0 ? "everything is installed" : `installing ${packages.map(label).join(", ")}`,
    );
    if (packages.length === 0) return { installed: [] };
    const unpacked = await Promise.all(packages.map((selected) => obtain(selected, this.#host.layout, { ...job, late })));
    this.#throwIfAborted(job);
    await this.#commit(packages, unpacked.flat(), job);
    return { installed: packages.map(({ compiled: _, ...installed }) => installed) };
  }

  /** Plans the linking, writes all files and registers the libraries; undoes all of it on failure. */
  async #commit(packages: InstalledPackage[], files: Unpacked[], job: Job): Promise<void> {
    const { abi, module, pyodide } = await this.#host.runtime;
    this.#line.checkAbi(abi);
    const linker = (this.#linker ??= new HostLinker(module));
    const libraries = files.filter(({ compiled }) => compiled !== undefined);
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
        linker.register(plan, () => code, contents.length);
      });
      await linker.linkLarge(paths);
      this.#throwIfAborted(job);
      pyodide.runPython('__import__("importlib").invalidate_caches()');
      for (const { name, url } of packages) pyodide.loadedPackages[name] = url;
    } catch (error) {
      linker.unregister(paths);
      transaction.undo();
      throw error;
    }
  }

  #planLinks(linker: HostLinker, libraries: Unpacked[]): Map<string, LinkPlan> {
    if (libraries.length === 0) return new Map();
    linker.refreshRuntime();
    for (const { file, contents } of libraries) {
      call(() => linker.core.add(file.path, contents));
    }
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
      transaction.write(file.path, stub ? new Uint8Array(0) : contents, file.executable);
    }
    reporter.report("write", files.length);
  }

  #throwIfAborted({ options: { signal } }: Job): void {
    if (signal?.aborted) throw aborted(signal);
  }
}

function label({ name, version }: InstalledPackage): string {
  return `${name} ${version}`;
}
