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
// Named here, all modules are fetched at once, and not each after the one that imports it.
import "./pkgsrv_loader.js";
import "./core.js";
import "./linking.js";
import "./fetching.js";
import "./retrying.js";
import "./kept.js";
import "./loader.js";
import "./image.js";
import "./environment.js";
import "./line.js";
import "./addresses.js";
import "./imports.js";
import "./listing.js";
import "./lock.js";
import "./state.js";
import "./uninstalling.js";
import "./unpacking.js";
import "./files.js";
import "./installed.js";
import "./progress.js";
import "./python.js";
import "./restored.js";
import "./runtime.js";
import "./settings.js";
import "./signature.js";
import "./node.js";
import "./errors.js";
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
