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
export { LoaderError, type LoaderErrorCode } from "./errors.js";
export type {
  AttachOptions,
  BootOptions,
  BootResult,
  ChannelOptions,
  InstalledPackage,
  InstallOptions,
  InstallResult,
  Loader,
  Progress,
  PyodideInterface,
  PyodideOptions,
  Stage,
} from "./types.js";
