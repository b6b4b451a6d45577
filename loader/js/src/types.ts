/** The parts of Pyodide's interface that the loader uses. A CPython that `cpython.mjs` has started has the same. */
export interface PyodideInterface {
  /** The runtime's version. */
  readonly version: string;
  /** Emscripten's file system. */
  readonly FS: unknown;
  /** What is loaded, by name, with where it came from. */
  readonly loadedPackages: Record<string, string>;
  /** Runs Python code and returns the value of its last expression. */
  runPython(code: string): unknown;
  /** The same, for code that waits. */
  runPythonAsync(code: string): Promise<unknown>;
}

/** Where packages come from, and how. */
export interface ChannelOptions {
  /**
   * Address of the repodata directory of one ABI, such as
   * `https://packages.example/repodata/2026_0/`. Relative addresses count from the page.
   *
   * Of several, the first is the one that is meant where one is spoken of: it names the runtime and has the environments. A
   * package comes from the first that has it, in whatever version, and the others are not asked about it: so nobody brings
   * another package under a name of the first one. All have to be there, and of one ABI.
   */
  repodata: string | URL | readonly (string | URL)[];
  /**
   * Ed25519 keys, of all channels, each 32 bytes as base64, as `pkgsrv channel init` prints them. With keys, a head of the
   * repodata is used only if one of them has signed it, it has not expired, and it is not older than one that this loader has seen, or that
   * is kept of an earlier visit. What the head names is checked by hash in any case. `boot` holds environments, images and the channel's
   * runtime to a list that is signed in the same way; a runtime that is given as the option `runtime` is the page's own choice.
   */
  publicKeys?: readonly string[];
  /**
   * Other addresses of the same repodata directory (the first, of several), in the order in which they are asked for what the first one does not
   * give, or gives with other bytes. What lies beside it (blobs, images) is looked for at the same place relative to each.
   */
  mirrors?: readonly (string | URL)[];
  /**
   * Keeps what was fetched and verified, so that another visit needs no network: in browsers in a cache of the page's
   * origin, for its tabs and workers; in Node in a directory. `false`, which is the default, keeps nothing beside the
   * browser's HTTP cache. The head is asked for all the same, and the kept one used where the network is gone; `log` tells
   * it. What is kept is verified again before it is used. Where nothing can be kept, packages are installed all the same.
   */
  cache?: boolean | CacheOptions;
  /**
   * `false` installs modules as their sources, where the channel has bytecode too. With bytecode, which is the default,
   * an import need not compile them, and the first source that somebody reads (a traceback, `inspect`) brings all of its
   * wheel. It is more bytes, as the table in the package's README tells, and needs a loader without own `fetch` and
   * `cache`.
   */
  bytecode?: boolean;
  /**
   * How often something is asked for, at each address, that fails for a while: no connection, one that broke off or
   * stalled, the statuses 408, 425, 429 and from 500 on. There are pauses between, growing from a quarter of a second, or
   * as long as the server says in `Retry-After`; asked for more than 30 seconds, the loader gives up. 3 by default.
   */
  attempts?: number;
  /** Milliseconds without a byte after which a request has failed; 30,000 by default. */
  stallTimeout?: number;
  /** Replaces `globalThis.fetch`, for credentials and tests. */
  fetch?: typeof globalThis.fetch;
  /** Receives a line for each noteworthy step; without it the loader is silent. */
  log?: (message: string) => void;
}

/** How much is kept for another visit, and where. */
export interface CacheOptions {
  /**
   * Node: the directory, which is made if it is not there; programs may share it. By default `pkgsrv-loader` where programs
   * of the user keep such things (`$XDG_CACHE_HOME` or `~/.cache`, `~/Library/Caches`, `%LOCALAPPDATA%`).
   */
  directory?: string | URL;
  /**
   * Bytes that are kept at most, 512 MiB by default; what was not used for the longest time makes room. Each loader keeps to
   * its own limit.
   */
  maxBytes?: number;
}

/** Options of {@link attach}. */
export interface AttachOptions extends ChannelOptions {}

/** Options of `loadPyodide`, of which these are looked at; the others are passed on. */
export interface PyodideOptions {
  /** Variables of Python's environment. */
  env?: Record<string, string>;
  /** What `sys.executable` is to be. */
  _sysExecutable?: string;
  /** Anything else that `loadPyodide` takes. */
  [option: string]: unknown;
}

/** Options of {@link boot}. */
export interface BootOptions extends ChannelOptions, InstallOptions {
  /** Requirements to install, or a lock: they arrive while the interpreter starts. */
  packages?: string | readonly string[] | Lock;
  /**
   * Name of an environment of the channel, made by `pkgsrv bake`: the interpreter starts with its packages installed and
   * imported. Where its image cannot be used, they are installed.
   */
  environment?: string;
  /**
   * Address of the directory with the runtime's files, such as `https://packages.example/runtime/pyodide/314.0.7/`. It is
   * what the channel's head says, if it is left out. Node imports nothing over HTTP: there it is the directory of the npm
   * package, such as `new URL(".", import.meta.resolve("pyodide"))`.
   */
  runtime?: string | URL;
  /**
   * Options of `loadPyodide`; `lockFileURL` is the channel's lockfile, if it is left out, or with `publicKeys` the runtime's own, since
   * the channel's is not signed. With those that hold while Python
   * starts (`args`, `stdLibURL`, a variable `PYTHON…` in `env`) no image is used.
   */
  pyodide?: PyodideOptions;
  /** `false` starts the interpreter without an image. */
  image?: boolean;
}

/** Options of {@link prefetch}. */
export interface PrefetchOptions extends ChannelOptions, InstallOptions {
  /** Requirements: what they need is fetched too. */
  packages?: string | readonly string[];
  /** Name of an environment of the channel: all that its image consists of is fetched, but not its wheels. */
  environment?: string;
  /**
   * `true` fetches the image of the channel's runtime, from which `boot` starts the interpreter. As with an environment, the
   * runtime's own modules are fetched too, which only the browser's HTTP cache keeps, since it imports them itself.
   */
  image?: boolean;
}

/** What {@link prefetch} returns. */
export interface PrefetchResult {
  /** What `install` would install into an interpreter that has nothing, dependencies first. */
  readonly packages: readonly InstalledPackage[];
  /** Size of these wheels and of the image in bytes, whether they had been kept before or not. */
  readonly bytes: number;
  /** Whether all of it is kept now; where it is not, `log` has told why. */
  readonly kept: boolean;
}

/** What {@link boot} returns. */
export interface BootResult {
  /** The interpreter, as `loadPyodide` returns it. */
  readonly pyodide: PyodideInterface;
  /** A loader that is attached to it. */
  readonly loader: Loader;
  /** What is there of `environment` and has been installed of `packages`, each with dependencies first. */
  readonly installed: readonly InstalledPackage[];
  /** Whether the interpreter was started from an image. */
  readonly restored: boolean;
  /** Why it was not, for people. */
  readonly reason?: string;
  /**
   * Resolves when all files of an environment have arrived, which it does not need to run. Until then, whoever reads one
   * waits for it, with the page; a file that cannot be had is an `OSError`. With an own `fetch`, or `cache`, all
   * of them are there.
   */
  readonly complete: Promise<void>;
}

/** Options of {@link Loader.install}. */
export interface InstallOptions {
  /**
   * Limits on the versions of what is needed anyway, such as `numpy<2.4`. They ask for nothing, and mean nothing for a
   * lock.
   */
  constraints?: readonly string[];
  /** Called often, and never after the promise of `install` has settled. */
  onProgress?: (progress: Progress) => void;
  /** Cancels; nothing is installed then. */
  signal?: AbortSignal;
}

/** What `install` is doing: stages overlap. */
export type Stage = "resolve" | "download" | "unpack" | "compile" | "write";

/** How far a stage is. */
export interface Progress {
  /** The stage. */
  readonly stage: Stage;
  /** How much is done, in `unit`. */
  readonly done: number;
  /** How much there is in all; it does not change within one `install`, but is 0 until known. */
  readonly total: number;
  /** What is counted. */
  readonly unit: "bytes" | "files" | "modules" | "packages";
  /** The package that the step was about, if it was about one. */
  readonly package?: string;
}

/** A package that `install` has installed. */
export interface InstalledPackage {
  /** Normalised name. */
  readonly name: string;
  /** Version. */
  readonly version: string;
  /** The wheel's filename. */
  readonly filename: string;
  /** Address of the wheel in the channel; its bytes may have come from a mirror, or an earlier visit. */
  readonly url: string;
  /** SHA-256 of the wheel in hexadecimal. */
  readonly sha256: string;
  /** Size of the wheel in bytes; on the way it may have been less. */
  readonly size: number;
  /** Normalised names of what it needs, also of what was there. */
  readonly depends: readonly string[];
  /** Top-level import names. */
  readonly imports: readonly string[];
  /** Whether it was asked for by name, and not only needed by something. */
  readonly requested: boolean;
}

/** A distribution that the interpreter has, whoever has installed it. */
export interface InstalledDistribution {
  /** Normalised name. */
  readonly name: string;
  /** Version. */
  readonly version: string;
  /** Who has installed it: `pkgsrv`, `pyodide.loadPackage`, `micropip`; what its `INSTALLER` says. */
  readonly installer?: string;
  /** Where it came from: the wheel's address, or what its installer calls the source. */
  readonly source?: string;
  /** Directory that it is installed in. */
  readonly location: string;
  /** Whether it was asked for by name; not all installers note that. */
  readonly requested: boolean;
}

/** What `uninstall` returns. */
export interface UninstallResult {
  /** What is gone, normalised names. */
  readonly uninstalled: readonly { readonly name: string; readonly version: string }[];
  /** By name of what is gone, the names of those that are left and need it. */
  readonly neededBy: Readonly<Record<string, readonly string[]>>;
}

/** Wheels that go together, each by address and hash. `GET /resolve` and `pkgsrv resolve --json` answer the same. */
export interface Lock {
  /** Version of the format: 1. */
  readonly format: number;
  /** The ABI that the wheels are for. */
  readonly abi: string;
  /** The runtime that it was made for. */
  readonly runtime: { readonly name: string; readonly version: string; readonly python: string };
  /** Dependencies first. */
  readonly packages: readonly LockedPackage[];
}

/** A package of a lock. */
export interface LockedPackage extends InstalledPackage {
  /** Address of the wheel, absolute or relative to the directory of the repodata. */
  readonly url: string;
}

/** What `install` returns. */
export interface InstallResult {
  /** What has been installed, dependencies first; empty if everything was there. */
  readonly installed: readonly InstalledPackage[];
}

/** A loader that is attached to an interpreter. */
export interface Loader {
  /** Address of the repodata directory; of several, the first. */
  readonly repodata: string;
  /**
   * Installs packages and what they need. They can be imported when the promise resolves; if it
   * rejects, with a {@link LoaderError}, nothing has been installed and it may be tried again.
   * Calls run one after another.
   *
   * @param requirements names or requirements, such as `numpy` or `foo[bar]>=1,<2`; wheels by address, such as
   *   `https://packages.example/foo-1.0-py3-none-any.whl#sha256=…` or `foo[bar] @ https://…`, of which the requirements
   *   come from the channel. Or a lock: exactly its wheels are installed, without asking the repodata for anything; what
   *   is there in the same version stays.
   */
  install(requirements: string | readonly string[] | Lock, options?: InstallOptions): Promise<InstallResult>;
  /**
   * Installs the packages that bring what a piece of Python code imports, as far as it is missing and the channel has it.
   * Of code that does not parse, nothing.
   */
  installFromImports(code: string, options?: InstallOptions): Promise<InstallResult>;
  /** Names of the packages of the channel that bring modules, such as `pyyaml` for `yaml`; what none brings is left out. */
  packagesFor(modules: readonly string[], options?: { signal?: AbortSignal }): Promise<readonly string[]>;
  /** What the interpreter has, also of `loadPackage` and micropip, sorted by name. */
  list(): Promise<readonly InstalledDistribution[]>;
  /**
   * Takes packages out by the record of their files, whoever has installed them; all of them or none. What needs them
   * stays, and the result names it. Modules that were imported stay in `sys.modules`, and libraries that were linked stay
   * linked: `still_linked` is what installing another version of those says then.
   *
   * @throws {LoaderError} `not_installed`, `not_removable`, `file_system`
   */
  uninstall(names: string | readonly string[]): Promise<UninstallResult>;
  /** A lock of what loaders have installed into this interpreter. What others have installed is not in it. */
  freeze(): Promise<Lock>;
}
