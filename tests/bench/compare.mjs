// Clients in turn, in several places, and what is told of that.
import { parseArgs } from "node:util";
import { inNode } from "../support/node-clients.mjs";

/** `--rounds=5`, `--json`. */
export function benchOptions() {
  const options = { rounds: { type: "string", default: "5" }, json: { type: "boolean", default: false } };
  const { rounds, json } = parseArgs({ options }).values;
  return { rounds: Number(rounds), json };
}

/** Runs in the browser: milliseconds from here, with nothing loaded, or from the mark `from`, to the client's end. */
async function timed({ client, argument, from }) {
  const url = URL.createObjectURL(new Blob([`export default ${client}`], { type: "text/javascript" }));
  const { default: run } = await import(url);
  const started = performance.now();
  await run(argument);
  const ended = performance.now();
  return ended - (from === undefined ? started : performance.getEntriesByName(from)[0].startTime);
}

/**
 * Places for `compare`: in Node, and in a browser on a page and in a worker.
 *
 * @param browser where nothing but the client takes time, so that of plain-chromium.mjs
 * @param argument what the clients are called with
 * @param from the mark to measure from, if that is not the beginning
 */
export function placesOf(browser, what, argument, from) {
  const inBrowser = (client) => ({ client: client.toString(), argument, from });
  return {
    [`${what}, Node`]: (client) => inNode(client, argument, from),
    [`${what}, Chromium page`]: (client, how) => browser.inPage(timed, inBrowser(client), how),
    [`${what}, Chromium worker`]: (client, how) => browser.inWorker(timed, inBrowser(client), how),
  };
}

/**
 * Medians by place and client, in milliseconds; the clients alternate.
 *
 * @param {Record<string, (client: Function) => Promise<number>>} places
 * @param {Record<string, Function>} clients
 */
export async function compare(places, clients, rounds) {
  const results = [];
  for (const [place, run] of Object.entries(places)) {
    const times = Object.fromEntries(Object.keys(clients).map((name) => [name, []]));
    // One round more than counted: the first warms the disk's and the server's caches.
    for (let round = 0; round <= rounds; round += 1) {
      for (const [name, client] of Object.entries(clients)) {
        const milliseconds = await run(client);
        if (round > 0) times[name].push(milliseconds);
      }
    }
    results.push({ place, medians: Object.fromEntries(Object.entries(times).map(([name, all]) => [name, median(all)])) });
  }
  return results;
}

/**
 * Prints medians and ratios, as tables or as JSON.
 *
 * @param {{ title: string, results: object[], pairs: [string, string, (place: string) => number | null][] }[]} tables
 *   what the times are of; what `compare` returned; clients, each with its peer, and the bar of a place
 * @param further rows beside those
 */
export function report(tables, { json }, further = []) {
  const rows = tables.flatMap(({ results, pairs }) =>
    results.flatMap(({ place, medians }) =>
      pairs.map(([client, peer, bar]) => ({
        name: `${place}, ${client} / ${peer}`,
        ratio: Number((medians[client] / medians[peer]).toFixed(3)),
        bar: bar(place),
      })),
    ),
  );
  rows.push(...further);
  if (json) {
    console.log(JSON.stringify({ rows }));
    return;
  }
  for (const { title, results } of tables) {
    const names = Object.keys(results[0].medians);
    console.log(`${title}, ms`);
    console.log("".padStart(50) + names.map((text) => text.padStart(15)).join(""));
    for (const { place, medians } of results) {
      console.log(place.padEnd(50) + names.map((name) => medians[name].toFixed(0).padStart(15)).join(""));
    }
    console.log("");
  }
  console.log(`${"".padEnd(74)}  ratio     bar`);
  for (const { name, ratio, bar } of rows) {
    console.log(`${name.padEnd(74)}${ratio.toFixed(3).padStart(7)}${(bar ?? "").toString().padStart(8)}`);
  }
}

function median(numbers) {
  const sorted = [...numbers].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}
