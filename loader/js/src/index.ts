/**
 * Installs Python packages into a running Pyodide.
 *
 * ```js
 * import { attach } from "pkgsrv-loader";
 * const loader = await attach(pyodide, { repodata: "https://packages.example/repodata/2026_0/" });
 * await loader.install(["numpy"]);
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
