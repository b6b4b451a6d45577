/** The parts of Pyodide's interface that the loader uses. */
export interface PyodideInterface {
  /** The runtime's version. */
  readonly version: string;
  /** Emscripten's file system. */
  readonly FS: unknown;
  /** What is loaded, by name, with where it came from. */
  readonly loadedPackages: Record<string, string>;
  /** Runs Python code and returns the value of its last expression. */
  runPython(code: string): unknown;
}

/** Options of {@link attach}. */
export interface AttachOptions {
  /**
   * Address of the repodata directory of one ABI, such as
   * `https://packages.example/repodata/2026_0/`. Relative addresses count from the page.
   */
  repodata: string | URL;
  /**
   * Ed25519 keys, each 32 bytes as base64, as `pkgsrv channel init` prints them. With keys, a head of the repodata is used
   * only if one of them has signed it, it has not expired, and it is not older than one that this loader has seen. What
   * the head names is checked by hash in any case.
   */
  publicKeys?: readonly string[];
  /** Replaces `globalThis.fetch`, for credentials and tests. */
  fetch?: typeof globalThis.fetch;
  /** Receives a line for each noteworthy step; without it the loader is silent. */
  log?: (message: string) => void;
}

/** Options of {@link Loader.install}. */
export interface InstallOptions {
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
  /** Address that the wheel came from. */
  readonly url: string;
  /** SHA-256 of the wheel in hexadecimal. */
  readonly sha256: string;
  /** Size of the wheel in bytes; on the way it may have been less. */
  readonly size: number;
  /** Top-level import names. */
  readonly imports: readonly string[];
  /** Whether it was asked for by name, and not only needed by something. */
  readonly requested: boolean;
}

/** What `install` returns. */
export interface InstallResult {
  /** What has been installed, dependencies first; empty if everything was there. */
  readonly installed: readonly InstalledPackage[];
}

/** A loader that is attached to an interpreter. */
export interface Loader {
  /** Address of the repodata directory. */
  readonly repodata: string;
  /**
   * Installs packages and what they need. They can be imported when the promise resolves; if it
   * rejects, with a {@link LoaderError}, nothing has been installed and it may be tried again.
   * Calls run one after another.
   *
   * @param requirements names or requirements, such as `numpy` or `foo[bar]>=1,<2`
   */
  install(requirements: string | readonly string[], options?: InstallOptions): Promise<InstallResult>;
}
