// What `cargo xtask test` and `cargo xtask bench` hand over.
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

function required(name) {
  const value = process.env[name];
  if (!value) throw new Error(`${name} is not set; run these tests with \`cargo xtask test\``);
  return value;
}

/** Root of the checkout. */
export const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
/** The `pkgsrv` program. */
export const program = required("PKGSRV_TEST_PROGRAM");
/** Data directory with everything published. */
export const data = required("PKGSRV_TEST_DATA");
/** Directory with numpy for the machine's own Python. */
export const reference = required("PKGSRV_TEST_REFERENCE");

export const runtimeVersion = "314.0.7";
export const abi = "2026_0";
/** The runtime's files, as `pkgsrv up` lays them out. */
export const runtimeDirectory = join(data, "runtime/pyodide", runtimeVersion);
/** The loader's npm build. */
export const loaderModule = pathToFileURL(join(root, "loader/js/dist/index.js")).href;
