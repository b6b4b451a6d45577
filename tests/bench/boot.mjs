// From page load to a first result of numpy, and of pandas and matplotlib: `loadPyodide` with `loadPackage` and the import,
// against an interpreter that is restored, bare and with them imported; with a cold and a warm HTTP cache, and over a slow
// line.
// node bench/boot.mjs [--rounds=5] [--json]
import { execFileSync } from "node:child_process";
import { startBrowser } from "../support/browser.mjs";
import { withBoot, withEnvironment, withLoadPackage } from "../support/clients.mjs";
import { startPlainChromium } from "../support/plain-chromium.mjs";
import { startServer } from "../support/program.mjs";
import { abi, data, program, root, runtimeVersion } from "../support/settings.mjs";
import { benchOptions, compare, placesOf, report } from "./compare.mjs";

/** What the memory of numpy's environment may weigh on the wire, bytes. */
const MOST_BYTES = 4.3e6;
/** Bits per second of the slow line. */
const SLOW = 10e6;

/** What is baked, the first result, and what its time may be on a page or in Node, and in a worker, of the peer's. */
const ENVIRONMENTS = {
  numpy: { packages: ["numpy"], code: "import numpy\nfloat(numpy.linalg.det(numpy.eye(3)))", bars: [0.12, 0.15] },
  "pandas + matplotlib": {
    packages: ["pandas", "matplotlib"],
    code: "import pandas, matplotlib.pyplot\nint(pandas.DataFrame({'a': [1, 2]}).a.sum())",
    bars: [0.08, 0.08],
  },
};

const options = benchOptions();
const clients = { loadPackage: withLoadPackage, "our boot": withBoot, baked: withEnvironment };
const pairs = [
  ["baked", "loadPackage", barOf],
  ["our boot", "loadPackage", () => null],
];

const wanted = Object.values(ENVIRONMENTS).flatMap(({ packages }) => packages);
const server = await startServer(["up", ...wanted, "--data", data]);
for (const { packages } of Object.values(ENVIRONMENTS)) {
  execFileSync(program, ["bake", ...packages, "--name", nameOf(packages), "--data", data], { cwd: root, stdio: "ignore" });
}
const browser = await startPlainChromium();
// A slow line is one of its tools for developers.
const slowBrowser = await startBrowser();
try {
  const places = Object.entries(ENVIRONMENTS).map(([what, of]) => allPlacesOf(what, of));
  const results = await compare(Object.assign({}, ...places), clients, options.rounds);
  const size = await bytesOnTheWire();
  const weight = { name: `numpy, memory of ${size} bytes / ${MOST_BYTES}`, ratio: Number((size / MOST_BYTES).toFixed(3)), bar: 1 };
  const title = `page load to a first result, medians of ${options.rounds}`;
  report([{ title, results, pairs }], options, [weight]);
} finally {
  await slowBrowser.stop();
  browser.stop();
  await server.stop();
}

/** What an environment of these packages is called. */
function nameOf(packages) {
  return packages.join("-");
}

/** The places of an environment: also with warm caches, and over a slow line. */
function allPlacesOf(what, { packages, code }) {
  const argument = { base: server.base, abi, runtime: runtimeVersion, packages, environment: nameOf(packages), code };
  const cold = placesOf(browser, what, argument);
  const [, [page, inPage], [worker, inWorker]] = Object.entries(cold);
  const [, [, inSlowPage]] = Object.entries(placesOf(slowBrowser, what, argument));
  return {
    ...cold,
    [`${page}, warm`]: (client) => inPage(client, { visits: 2 }),
    [`${worker}, warm`]: (client) => inWorker(client, { visits: 2 }),
    [`${page}, 10 Mbit/s`]: (client) => inSlowPage(client, { bitsPerSecond: SLOW }),
  };
}

/** There is none where the line is what takes the time. */
function barOf(place) {
  const [elsewhere, inWorker] = ENVIRONMENTS[place.split(",")[0]].bars;
  if (place.includes("Mbit")) return null;
  return place.includes("worker") ? inWorker : elsewhere;
}

/** How large the memory of numpy's environment arrives, once its encoding is made. */
async function bytesOnTheWire() {
  const address = `${server.base}/environments/${abi}/numpy.json`;
  const { memory } = await (await fetch(address)).json();
  const headers = { "accept-encoding": "gzip, deflate, br, zstd" };
  const response = await fetch(new URL(memory.file, address), { method: "HEAD", headers });
  return Number(response.headers.get("content-length"));
}
