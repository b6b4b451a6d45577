// The built loader and the real runtime.
import { existsSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

const dist = new URL("../../dist/index.js", import.meta.url);
if (!existsSync(dist)) throw new Error("loader/js/dist is not built: run `cargo xtask loader` first");
export const { attach, boot, LoaderError, prefetch } = await import(dist.href);

export const directory = process.env.PKGSRV_TEST_PYODIDE;

/** Starts a Pyodide from the directory that PKGSRV_TEST_PYODIDE names. */
export async function startPyodide() {
  if (directory === undefined) {
    throw new Error("PKGSRV_TEST_PYODIDE must name the directory of an unpacked npm package pyodide 314.0.7");
  }
  const { loadPyodide } = await import(pathToFileURL(join(directory, "pyodide.mjs")).href);
  return loadPyodide({ indexURL: directory });
}
