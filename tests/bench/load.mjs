// From page load to an import done, of numpy, of sympy, which is pure Python and has 1,700 files, and of pandas and
// matplotlib: `loadPackage` and micropip against our loader, in a Pyodide that starts and in one that it restores,
// alternating in one run. What numpy's page fetches for it, against `loadPackage` with deflated wheels. Then many side
// modules, loaded into an interpreter that runs, and the memory that they keep.
// node bench/load.mjs [--rounds=5] [--json]
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { startBrowser } from "../support/browser.mjs";
import { withBoot, withLoader, withLoadPackage, withMicropip } from "../support/clients.mjs";
import { lastLine } from "../support/node-clients.mjs";
import { startPlainChromium } from "../support/plain-chromium.mjs";
import { startServer } from "../support/program.mjs";
import { abi, data, runtimeVersion } from "../support/settings.mjs";
import { importAll, serveSideModules } from "../support/side-modules.mjs";
import { benchOptions, compare, placesOf, report } from "./compare.mjs";
import { serveDeflatedLock, weigh } from "./weigh.mjs";

/** What is imported, from which packages, and what the time of `boot` may be, of that of `loadPackage`. */
const IMPORTS = {
  numpy: { packages: ["numpy"], code: "import numpy", bar: 0.3 },
  sympy: { packages: ["sympy"], code: "import sympy", bar: 0.15 },
  "pandas + matplotlib": { packages: ["pandas", "matplotlib"], code: "import pandas, matplotlib.pyplot", bar: 0.4 },
};
/** Likewise for 110 side modules that `install` has made ready. */
const SIDE_MODULES = { page: 0.1, worker: 0.15 };
/** What of the memory that `loadPackage` keeps for side modules may be kept. */
const MEMORY = 0.1;

const options = benchOptions();
const clients = { loadPackage: withLoadPackage, micropip: withMicropip, "our loader": withLoader, "our boot": withBoot };
const none = () => null;
const pairs = [
  ["our boot", "loadPackage", (place) => IMPORTS[place.split(",")[0]].bar],
  ["our boot", "micropip", none],
  ["our loader", "loadPackage", none],
  ["our loader", "micropip", none],
];
const loaders = { loadPackage: withLoadPackage, "our loader": withLoader };

const wanted = Object.values(IMPORTS).flatMap(({ packages }) => packages);
const server = await startServer(["up", ...wanted, "--data", data]);
const sideModules = await serveSideModules();
const browser = await startPlainChromium();
// It tells what a page fetches.
const watched = await startBrowser();
try {
  const places = Object.entries(IMPORTS).map(([name, { packages, code }]) =>
    placesOf(browser, name, { base: server.base, abi, runtime: runtimeVersion, packages, code }),
  );
  const results = await compare(Object.assign({}, ...places), clients, options.rounds);
  const ofSideModules = {
    ...sideModulePlaces("110 small side modules, loaded", "None"),
    ...sideModulePlaces("110 small side modules, imported", importAll("small-modules")),
  };
  const loaded = await compare(ofSideModules, loaders, options.rounds);
  const memory = [await keptMemory("small-modules"), await keptMemory("large-modules")];
  const bar = (place) => (place.includes("loaded") ? (SIDE_MODULES[place.split(" ").at(-1)] ?? null) : null);
  report(
    [
      { title: `page load to an import done, medians of ${options.rounds}`, results, pairs },
      {
        title: `into an interpreter that runs, medians of ${options.rounds}`,
        results: loaded,
        pairs: [["our loader", "loadPackage", bar]],
      },
    ],
    options,
    [...(await weights()), ...memory],
  );
} finally {
  await watched.stop();
  browser.stop();
  await sideModules.stop();
  await server.stop();
}

function sideModulePlaces(what, code) {
  const { base } = sideModules;
  const runtimeDirectory = join(sideModules.runtimes, runtimeVersion);
  const argument = { base, abi, runtime: runtimeVersion, runtimeDirectory, packages: ["small-modules"], code };
  return placesOf(browser, what, argument, "booted");
}

/** The row of a project's memory; nothing of it depends on time, so it is measured once. */
async function keptMemory(project) {
  const argument = { abi, base: sideModules.base, runtimeDirectory: join(sideModules.runtimes, runtimeVersion), packages: [project] };
  const script = fileURLToPath(new URL("kept-memory.mjs", import.meta.url));
  const measure = async (client) => JSON.parse(await lastLine(["--expose-gc", script, client.name, JSON.stringify(argument)]));
  const [ours, theirs] = [await measure(withLoader), await measure(withLoadPackage)];
  const name = `${project.replace("-", " ")} (${ours.modules}), ${ours.kept} of ${theirs.kept} bytes kept, Node`;
  return { name, ratio: Number((ours.kept / theirs.kept).toFixed(3)), bar: project === "large-modules" ? MEMORY : null };
}

/** Rows of what a page fetches from an empty cache, until numpy is imported. */
async function weights() {
  const deflated = await serveDeflatedLock(server.base, abi);
  try {
    const argument = { base: server.base, abi, runtime: runtimeVersion, packages: ["numpy"], code: "import numpy" };
    const found = await weigh(watched, clients, argument);
    const { peer } = await weigh(watched, { peer: withLoadPackage }, { ...argument, lockFileURL: deflated.lockFileURL });
    const ours = Object.keys(clients).filter((name) => name !== "micropip");
    return ours.flatMap((name) =>
      ["bytes", "requests"].map((unit) => {
        const [own, theirs] = [found[name][unit], peer[unit]];
        return { name: `numpy, ${own} ${unit}, ${name} / deflated, ${theirs}`, ratio: Number((own / theirs).toFixed(3)), bar: null };
      }),
    );
  } finally {
    deflated.stop();
  }
}
