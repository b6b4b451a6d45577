// What a loader reads of the repodata to resolve one requirement, from an empty cache: prints
// {"packages", "bytes" (as sent), "requests", "rounds"}.
// node bench/closure.mjs BASE REQUIREMENT
import { Repodata, startCore } from "../../loader/js/dist/core.js";

const [base, requirement] = process.argv.slice(2);
const directory = `${base}/repodata/2026_0/`;
const cost = { bytes: 0, requests: 0, rounds: 0 };

async function get(path) {
  const response = await fetch(directory + path, { headers: { "accept-encoding": "br, gzip" } });
  if (!response.ok) throw new Error(`${path} answered ${response.status}`);
  cost.requests += 1;
  cost.bytes += Number(response.headers.get("content-length"));
  return new Uint8Array(await response.arrayBuffer());
}

await startCore();
cost.rounds += 1;
const repodata = Repodata.read(await get("head.json"));
for (;;) {
  const answer = JSON.parse(repodata.resolve(JSON.stringify([requirement]), "[]"));
  if (answer.selected) {
    console.log(JSON.stringify({ packages: answer.selected.length, ...cost }));
    break;
  }
  cost.rounds += 1;
  await Promise.all(answer.needs.map(async ({ sha256 }) => repodata.add(sha256, await get(`${sha256}.json`))));
}
