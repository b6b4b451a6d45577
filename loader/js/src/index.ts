/**
 * Starts Pyodide with Python packages, or installs them into one that runs.
 *
 * ```js
 * import { attach, boot } from "pkgsrv-loader";
 * const repodata = "https://packages.example/repodata/2026_0/";
 * const { pyodide, loader } = await boot({ repodata, packages: ["numpy"] });
 *
 * const other = await attach(running, { repodata });
 * await other.install(["numpy"]);
 * ```
 *
 * @packageDocumentation
 */
export { attach } from "./attach.js";
export { boot } from "./boot.js";
export { prefetch } from "./prefetch.js";
export { LoaderError, type LoaderErrorCode } from "./errors.js";
export type {
  AttachOptions,
  BootOptions,
  BootResult,
  CacheOptions,
  ChannelOptions,
  InstalledDistribution,
  InstalledPackage,
  InstallOptions,
  InstallResult,
  Loader,
  Lock,
  LockedPackage,
  PrefetchOptions,
  PrefetchResult,
  Progress,
  PyodideInterface,
  PyodideOptions,
  Stage,
  UninstallResult,
} from "./types.js";
