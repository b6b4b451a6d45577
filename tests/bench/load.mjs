// From page load to `import numpy` done: `loadPackage` and micropip against our loader, in a Pyodide that starts and in one
// that it restores, alternating in one run.
// node bench/load.mjs [--rounds=5] [--json]
import { startBrowser } from "../support/browser.mjs";
import { withBoot, withLoader, withLoadPackage, withMicropip } from "../support/clients.mjs";
import { inNode } from "../support/node-clients.mjs";
import { startServer } from "../support/program.mjs";
import { abi, runtimeVersion } from "../support/settings.mjs";
import { benchOptions, compare, report, timed } from "./compare.mjs";

const options = benchOptions();
const clients = { loadPackage: withLoadPackage, micropip: withMicropip, "our loader": withLoader, "our boot": withBoot };
const none = () => null;
const pairs = [
  ["our boot", "loadPackage", () => 0.3],
  ["our boot", "micropip", none],
  ["our loader", "loadPackage", none],
  ["our loader", "micropip", none],
];

const server = await startServer();
const browser = await startBrowser();
try {
  const argument = { base: server.base, abi, runtime: runtimeVersion, packages: ["numpy"], code: "import numpy" };
  const places = {
    Node: (client) => inNode(client, argument),
    "Chromium page": (client) => browser.inPage(timed, { client: client.toString(), argument }),
    "Chromium worker": (client) => browser.inWorker(timed, { client: client.toString(), argument }),
  };
  const results = await compare(places, clients, options.rounds);
  report(`page load to \`import numpy\` done, medians of ${options.rounds}`, results, pairs, options);
} finally {
  await browser.stop();
  await server.stop();
}
