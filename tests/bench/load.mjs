// From page load to `import numpy` done: `loadPackage` and micropip against our loader, in a
// Pyodide that starts and in one that it restores, alternating in one run.
// node bench/load.mjs [--rounds=5] [--json]
import { parseArgs } from "node:util";
import { startBrowser } from "../support/browser.mjs";
import { withBoot, withLoader, withLoadPackage, withMicropip } from "../support/clients.mjs";
import { startServer } from "../support/program.mjs";
import { abi, runtimeVersion } from "../support/settings.mjs";
import { inNode } from "../support/node-clients.mjs";

const { values: options } = parseArgs({
  options: { rounds: { type: "string", default: "5" }, json: { type: "boolean", default: false } },
});
const clients = { loadPackage: withLoadPackage, micropip: withMicropip, "our loader": withLoader, "our boot": withBoot };
const [ours, peers] = [["our loader", "our boot"], ["loadPackage", "micropip"]];
/** Highest ratio of our boot to loadPackage that will do. */
const BAR = 0.3;

const median = (numbers) => {
  const sorted = [...numbers].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
};

const server = await startServer();
const browser = await startBrowser();
try {
  const argument = { base: server.base, abi, runtime: runtimeVersion, packages: ["numpy"], code: "import numpy" };
  const places = {
    Node: (client) => inNode(client, argument),
    "Chromium page": (client) => browser.inPage(timed, { client: client.toString(), argument }),
    "Chromium worker": (client) => browser.inWorker(timed, { client: client.toString(), argument }),
  };
  const results = [];
  for (const [place, run] of Object.entries(places)) {
    const times = Object.fromEntries(Object.keys(clients).map((name) => [name, []]));
    // One round more than counted: the first warms the disk's and the server's caches.
    for (let round = 0; round <= Number(options.rounds); round += 1) {
      for (const [name, client] of Object.entries(clients)) {
        const milliseconds = await run(client);
        if (round > 0) times[name].push(milliseconds);
      }
    }
    results.push({ place, medians: Object.fromEntries(Object.entries(times).map(([name, all]) => [name, median(all)])) });
  }
  report(results);
} finally {
  await browser.stop();
  await server.stop();
}

/** Runs in the browser: milliseconds from here, with nothing loaded, to the end of the import. */
async function timed({ client, argument }) {
  const url = URL.createObjectURL(new Blob([`export default ${client}`], { type: "text/javascript" }));
  const { default: run } = await import(url);
  const started = performance.now();
  await run(argument);
  return performance.now() - started;
}

function report(results) {
  const rows = results.flatMap(({ place, medians }) =>
    ours.flatMap((client) =>
      peers.map((peer) => ({
        name: `numpy, ${place}, ${client} / ${peer}`,
        ratio: Number((medians[client] / medians[peer]).toFixed(3)),
        bar: client === "our boot" && peer === "loadPackage" ? BAR : null,
      })),
    ),
  );
  if (options.json) {
    console.log(JSON.stringify({ rows }));
    return;
  }
  const names = Object.keys(clients);
  console.log(`page load to \`import numpy\` done, medians of ${options.rounds}, ms`);
  console.log(["", ...names].map((text) => text.padStart(16)).join(""));
  for (const { place, medians } of results) {
    console.log([place, ...names.map((name) => medians[name].toFixed(0))].map((text) => text.padStart(16)).join(""));
  }
  console.log(`\nratios (our boot / loadPackage must be at most ${BAR})`);
  for (const { name, ratio } of rows) console.log(`${name.padEnd(50)}${ratio.toFixed(3)}`);
}
