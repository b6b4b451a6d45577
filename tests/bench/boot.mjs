// From page load to a first result of numpy: `loadPyodide` with `loadPackage` and the import, against an interpreter that is
// restored, bare and with numpy imported; with a cold and a warm HTTP cache, and over a slow line.
// node bench/boot.mjs [--rounds=5] [--json]
import { execFileSync } from "node:child_process";
import { startBrowser } from "../support/browser.mjs";
import { withBoot, withEnvironment, withLoadPackage } from "../support/clients.mjs";
import { inNode } from "../support/node-clients.mjs";
import { startServer } from "../support/program.mjs";
import { abi, data, program, root, runtimeVersion } from "../support/settings.mjs";
import { benchOptions, compare, report, timed } from "./compare.mjs";

/** What the memory of numpy's environment may weigh on the wire, bytes. */
const MOST_BYTES = 4.3e6;
/** Bits per second of the slow line. */
const SLOW = 10e6;

const options = benchOptions();
const clients = { loadPackage: withLoadPackage, "our boot": withBoot, baked: withEnvironment };
const pairs = [
  ["baked", "loadPackage", (place) => (place.includes("Mbit") ? null : place.includes("worker") ? 0.15 : 0.12)],
  ["our boot", "loadPackage", () => null],
];

const server = await startServer();
execFileSync(program, ["bake", "numpy", "--data", data], { cwd: root, stdio: "ignore" });
const browser = await startBrowser();
try {
  const code = "import numpy\nfloat(numpy.linalg.det(numpy.eye(3)))";
  const argument = { base: server.base, abi, runtime: runtimeVersion, packages: ["numpy"], environment: "numpy", code };
  const of = (client) => ({ client: client.toString(), argument });
  const size = await bytesOnTheWire(argument);
  const places = {
    "numpy, Node": (client) => inNode(client, argument),
    "numpy, Chromium page": (client) => browser.inPage(timed, of(client)),
    "numpy, Chromium worker": (client) => browser.inWorker(timed, of(client)),
    "numpy, Chromium page, warm": (client) => browser.inPage(timed, of(client), { visits: 2 }),
    "numpy, Chromium worker, warm": (client) => browser.inWorker(timed, of(client), { visits: 2 }),
    "numpy, Chromium page, 10 Mbit/s": (client) => browser.inPage(timed, of(client), { bitsPerSecond: SLOW }),
  };
  const results = await compare(places, clients, options.rounds);
  const weight = { name: `numpy, memory of ${size} bytes / ${MOST_BYTES}`, ratio: Number((size / MOST_BYTES).toFixed(3)), bar: 1 };
  const title = `page load to a first result of numpy, medians of ${options.rounds}`;
  report([{ title, results, pairs }], options, [weight]);
} finally {
  await browser.stop();
  await server.stop();
}

/** How large the memory of the environment arrives, once its encoding is made. */
async function bytesOnTheWire({ base }) {
  const address = `${base}/environments/${abi}/numpy.json`;
  const { memory } = await (await fetch(address)).json();
  const headers = { "accept-encoding": "gzip, deflate, br, zstd" };
  const response = await fetch(new URL(memory.file, address), { method: "HEAD", headers });
  return Number(response.headers.get("content-length"));
}
