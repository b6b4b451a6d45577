import { installedDistributions, normalised, readText } from "./installed.js";
import type { Runtime } from "./runtime.js";
import type { InstalledDistribution } from "./types.js";

/** What the interpreter has, whoever has installed it, sorted by name. */
export function listed(runtime: Runtime): InstalledDistribution[] {
  const { FS } = runtime.module;
  const distributions = installedDistributions(runtime).map(({ name, version, location, info }) => {
    const read = (file: string): string | undefined => readText(FS, `${info}/${file}`)?.trim();
    const installer = read("INSTALLER");
    // micropip tells the address apart from what kind of source it is.
    const source = read("PYODIDE_URL") ?? read("PYODIDE_SOURCE");
    return {
      name: normalised(name),
      version,
      ...(installer ? { installer } : {}),
      ...(source ? { source } : {}),
      location,
      requested: read("REQUESTED") !== undefined,
    };
  });
  return distributions.sort((one, other) => (one.name < other.name ? -1 : 1));
}
