// From page load to an import done, of numpy and of sympy, which is pure Python and has 1,700 files: `loadPackage` and
// micropip against our loader, in a Pyodide that starts and in one that it restores, alternating in one run. And what
// numpy's page fetches for it, against `loadPackage` with deflated wheels.
// node bench/load.mjs [--rounds=5] [--json]
import { execFileSync } from "node:child_process";
import { startBrowser } from "../support/browser.mjs";
import { withBoot, withLoader, withLoadPackage, withMicropip } from "../support/clients.mjs";
import { inNode } from "../support/node-clients.mjs";
import { startServer } from "../support/program.mjs";
import { abi, data, program, root, runtimeVersion } from "../support/settings.mjs";
import { benchOptions, compare, report, timed } from "./compare.mjs";
import { serveDeflatedLock, weigh } from "./weigh.mjs";

/** What the time of `boot` may be, of that of `loadPackage`. */
const BARS = { numpy: 0.3, sympy: 0.15 };

const options = benchOptions();
const clients = { loadPackage: withLoadPackage, micropip: withMicropip, "our loader": withLoader, "our boot": withBoot };
const none = () => null;
const pairs = [
  ["our boot", "loadPackage", (place) => BARS[place.split(",")[0]]],
  ["our boot", "micropip", none],
  ["our loader", "loadPackage", none],
  ["our loader", "micropip", none],
];

execFileSync(program, ["up", "sympy", "--no-serve", "--data", data], { cwd: root, stdio: "ignore" });
const server = await startServer();
const browser = await startBrowser();
try {
  const places = Object.keys(BARS).flatMap((name) => {
    const argument = { base: server.base, abi, runtime: runtimeVersion, packages: [name], code: `import ${name}` };
    const of = (client) => ({ client: client.toString(), argument });
    return [
      [`${name}, Node`, (client) => inNode(client, argument)],
      [`${name}, Chromium page`, (client) => browser.inPage(timed, of(client))],
      [`${name}, Chromium worker`, (client) => browser.inWorker(timed, of(client))],
    ];
  });
  const results = await compare(Object.fromEntries(places), clients, options.rounds);
  report(`page load to an import done, medians of ${options.rounds}`, results, pairs, options, await weights());
} finally {
  await browser.stop();
  await server.stop();
}

/** Rows of what a page fetches from an empty cache, until numpy is imported. */
async function weights() {
  const deflated = await serveDeflatedLock(server.base, abi);
  try {
    const argument = { base: server.base, abi, runtime: runtimeVersion, packages: ["numpy"], code: "import numpy" };
    const found = await weigh(browser, clients, argument);
    const { peer } = await weigh(browser, { peer: withLoadPackage }, { ...argument, lockFileURL: deflated.lockFileURL });
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
