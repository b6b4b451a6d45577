import { call, Installation, Repodata } from "./core.js";
import { asLoaderError, LoaderError } from "./errors.js";
import { aborted, digest, fetchBytes, fetchVerified, type Fetching } from "./fetching.js";
import { FileTransaction } from "./files.js";
import { installedDistributions } from "./installed.js";
import { HostLinker, type LinkPlan } from "./linking.js";
import { Reporter } from "./progress.js";
import type { Runtime } from "./runtime.js";
import type { HeadVerifier } from "./signature.js";
import type { InstalledPackage, InstallOptions, InstallResult, Loader } from "./types.js";

/** Settings of a loader, complete. */
export interface Settings {
  repodata: string;
  fetch: typeof globalThis.fetch;
  log: (message: string) => void;
  /** Only where the page has keys. */
  verifier: HeadVerifier | undefined;
}

/** What the core says about a wheel to install. */
type Selection = Omit<InstalledPackage, "url">;

/** What the core says when it is asked for wheels. */
interface Resolution {
  selected?: Selection[];
  /** Nodes of the repodata that it lacks. */
  needs?: { sha256: string; size: number }[];
}

/** A file of a wheel. */
interface PlannedFile {
  path: string;
  size: number;
  executable: boolean;
  library: boolean;
}

/** A file in memory, about to be written. */
interface Unpacked {
  file: PlannedFile;
  contents: Uint8Array<ArrayBuffer>;
  /** For side modules. */
  compiled?: Promise<WebAssembly.Module>;
}

/** One installation on its way. */
interface Job {
  options: InstallOptions;
  fetching: Fetching;
  reporter: Reporter;
}

export class AttachedLoader implements Loader {
  readonly repodata: string;
  readonly #runtime: Runtime;
  readonly #settings: Settings;
  readonly #linker: HostLinker;
  /** The repodata that was read so far. */
  #known: Repodata | undefined;
  /** Whether the server may have nodes for a request at once. */
  #bringsAtOnce = true;
  /** The installation before; the next one waits for it. */
  #last: Promise<unknown> = Promise.resolve();

  constructor(runtime: Runtime, settings: Settings) {
    this.repodata = settings.repodata;
    this.#runtime = runtime;
    this.#settings = settings;
    this.#linker = new HostLinker(runtime.module);
  }

  install(requirements: string | readonly string[], options: InstallOptions = {}): Promise<InstallResult> {
    const wanted = typeof requirements === "string" ? [requirements] : [...requirements];
    const turn = this.#last.then(() => this.#install(wanted, options));
    this.#last = turn.catch(() => {});
    return turn;
  }

  async #install(wanted: string[], options: InstallOptions): Promise<InstallResult> {
    if (!wanted.every((requirement) => typeof requirement === "string")) {
      throw new LoaderError("invalid_argument", "requirements are a text or a list of texts, such as `numpy>=2`");
    }
    // One failure ends the other downloads, as the caller's signal does.
    const controller = new AbortController();
    const abort = (): void => controller.abort(options.signal?.reason);
    options.signal?.addEventListener("abort", abort);
    if (options.signal?.aborted) abort();
    const { signal } = controller;
    const reporter = new Reporter(options.onProgress);
    try {
      const job = { options, reporter, fetching: { fetch: this.#settings.fetch, signal } };
      return await this.#run(wanted, job);
    } catch (error) {
      if (options.signal?.aborted) throw aborted(options.signal);
      throw asLoaderError(error, "internal", "the installation failed");
    } finally {
      options.signal?.removeEventListener("abort", abort);
      reporter.close();
      controller.abort();
    }
  }

  async #run(wanted: string[], job: Job): Promise<InstallResult> {
    const { reporter } = job;
    reporter.report("resolve", 0);
    const packages = await this.#resolve(wanted, job);
    reporter.expect("resolve", packages.length);
    reporter.report("resolve", packages.length);
    reporter.expect("download", sum(packages, ({ size }) => size));
    this.#settings.log(
      packages.length === 0 ? "everything is installed" : `installing ${packages.map(label).join(", ")}`,
    );
    if (packages.length === 0) return { installed: [] };
    const unpacked = await Promise.all(packages.map((selected) => this.#obtain(selected, job)));
    this.#throwIfAborted(job);
    await this.#commit(packages, unpacked.flat(), job);
    return { installed: packages };
  }

  /** The wheels to install. Of the repodata only what that asks for is fetched, and kept for the next time. */
  async #resolve(wanted: string[], { fetching }: Job): Promise<InstalledPackage[]> {
    const repodata = await this.#readHead(fetching);
    const installed = JSON.stringify(installedDistributions(this.#runtime));
    const ask = (): Resolution =>
      JSON.parse(call(() => repodata.resolve(JSON.stringify(wanted), installed))) as Resolution;
    let answer = ask();
    if (answer.needs !== undefined && (await this.#bringAtOnce(repodata, wanted, fetching))) answer = ask();
    while (answer.needs !== undefined) {
      const nodes = answer.needs.map(async (node) => {
        const url = `${this.repodata}${node.sha256}.json`;
        const bytes = await fetchVerified({ url, ...node }, fetching, () => {});
        call(() => repodata.add(node.sha256, bytes));
      });
      await Promise.all(nodes);
      answer = ask();
    }
    const blobs = new URL(repodata.blobs() ?? "", this.repodata).href;
    return (answer.selected ?? []).map((selection) => ({
      ...selection,
      url: `${blobs}${selection.sha256}/${selection.filename}`,
    }));
  }

  /**
   * Asks for all nodes that a request leads to, where the repodata is large and the server can tell. A node is named by
   * its digest, so what comes needs no trust; what is missing is fetched one by one, as it is from a bucket.
   */
  async #bringAtOnce(repodata: Repodata, wanted: string[], fetching: Fetching): Promise<boolean> {
    const root = repodata.branchingRoot();
    if (root === undefined || !this.#bringsAtOnce) return false;
    const url = new URL(`${root}/nodes`, this.repodata);
    for (const requirement of wanted) url.searchParams.append("requirement", requirement);
    try {
      const text = new TextDecoder().decode(await fetchBytes(url.href, fetching, "default"));
      for (const node of text.split("\n").filter(Boolean)) {
        const bytes = new TextEncoder().encode(node);
        const sha256 = await digest(bytes);
        call(() => repodata.add(sha256, bytes));
      }
      return true;
    } catch (error) {
      if (fetching.signal.aborted) throw error;
      this.#bringsAtOnce = false;
      this.#settings.log(`${url.href} gives no nodes, so they are fetched one by one`);
      return false;
    }
  }

  async #readHead(fetching: Fetching): Promise<Repodata> {
    const url = `${this.repodata}head.json`;
    const head = await fetchBytes(url, fetching, "no-cache");
    const signatures = (sha256: string) => fetchBytes(`${this.repodata}${sha256}.sig.json`, fetching, "default");
    await this.#settings.verifier?.check(head, signatures, url);
    if (this.#known !== undefined) {
      const known = this.#known;
      call(() => known.setHead(head));
    }
    const known = (this.#known ??= call(() => Repodata.read(head)));
    this.#checkAbi(known.abi());
    return known;
  }

  #checkAbi(found: string): void {
    const { abi } = this.#runtime;
    if (abi === undefined || abi === found) return;
    throw new LoaderError(
      "wrong_abi",
      `${this.repodata} is for the ABI ${found}, but this interpreter has ${abi}; use the repodata of ${abi}`,
    );
  }

  /** Fetches and unpacks one wheel; its side modules begin to compile. */
  async #obtain(selected: InstalledPackage, job: Job): Promise<Unpacked[]> {
    const { reporter, fetching } = job;
    const bytes = await fetchVerified(selected, fetching, (count) => {
      reporter.advance("download", count, selected.name);
    });
    const { filename, name, version, url, requested } = selected;
    const expected = JSON.stringify({ filename, name, version, source: url, requested });
    const plan = call(() => Installation.plan(bytes, expected, JSON.stringify(this.#runtime.layout)));
    try {
      const files = JSON.parse(plan.files()) as PlannedFile[];
      reporter.expect("unpack", sum(files, ({ size }) => size));
      return files.map((file, index) => {
        const contents = call(() => plan.contents(index)) as Uint8Array<ArrayBuffer>;
        reporter.advance("unpack", file.size, name);
        return this.#unpacked(file, contents, name, reporter);
      });
    } finally {
      plan.free();
    }
  }

  #unpacked(
    file: PlannedFile,
    contents: Uint8Array<ArrayBuffer>,
    name: string,
    reporter: Reporter,
  ): Unpacked {
    if (!file.library || !isWasm(contents)) return { file, contents };
    reporter.expect("compile", 1);
    const compiled = WebAssembly.compile(contents).then(
      (module) => {
        reporter.advance("compile", 1, name);
        return module;
      },
      (error: unknown) => {
        throw asLoaderError(error, "bad_module", `cannot compile ${file.path}`);
      },
    );
    // Awaited later, or never if something else fails before.
    compiled.catch(() => {});
    return { file, contents, compiled };
  }

  /** Plans the linking, writes all files and registers the libraries; undoes all of it on failure. */
  async #commit(packages: InstalledPackage[], files: Unpacked[], job: Job): Promise<void> {
    const { module, pyodide } = this.#runtime;
    const libraries = files.filter(({ compiled }) => compiled !== undefined);
    const paths = libraries.map(({ file }) => file.path);
    const transaction = new FileTransaction(module.FS);
    try {
      const plans = this.#planLinks(libraries);
      const compiled = await Promise.all(libraries.map((library) => library.compiled));
      this.#throwIfAborted(job);
      this.#write(transaction, files, plans, job.reporter);
      libraries.forEach(({ file, contents }, index) => {
        const [plan, code] = [plans.get(file.path), compiled[index]];
        if (plan === undefined || code === undefined || plan.byRuntime) return;
        this.#linker.register(plan, code, contents.length);
      });
      await this.#linker.linkLarge(paths);
      this.#throwIfAborted(job);
      pyodide.runPython('__import__("importlib").invalidate_caches()');
      for (const { name, url } of packages) pyodide.loadedPackages[name] = url;
    } catch (error) {
      this.#linker.unregister(paths);
      transaction.undo();
      throw error;
    }
  }

  #planLinks(libraries: Unpacked[]): Map<string, LinkPlan> {
    if (libraries.length === 0) return new Map();
    this.#linker.refreshRuntime();
    for (const { file, contents } of libraries) {
      call(() => this.#linker.core.add(file.path, contents));
    }
    return new Map(libraries.map(({ file }) => [file.path, this.#linker.plan(file.path)]));
  }

  /** Side modules that we link leave an empty file: `dlopen` would copy a full one into memory. */
  #write(
    transaction: FileTransaction,
    files: Unpacked[],
    plans: Map<string, LinkPlan>,
    reporter: Reporter,
  ): void {
    reporter.expect("write", files.length);
    for (const { file, contents } of files) {
      const stub = plans.get(file.path)?.byRuntime === false;
      transaction.write(file.path, stub ? new Uint8Array(0) : contents, file.executable);
    }
    reporter.report("write", files.length);
  }

  #throwIfAborted({ options: { signal } }: Job): void {
    if (signal?.aborted) throw aborted(signal);
  }
}

function isWasm(contents: Uint8Array): boolean {
  return contents[0] === 0 && contents[1] === 0x61 && contents[2] === 0x73 && contents[3] === 0x6d;
}

function sum<T>(items: readonly T[], value: (item: T) => number): number {
  return items.reduce((total, item) => total + value(item), 0);
}

function label({ name, version }: InstalledPackage): string {
  return `${name} ${version}`;
}
