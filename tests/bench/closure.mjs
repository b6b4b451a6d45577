// What a loader reads of the repodata to resolve one requirement, from an empty cache: prints
// {"server", "static"}, each {"packages", "bytes" (as sent), "requests", "rounds"}: with the nodes that the server sends at
// once, and as from a bucket, one by one.
// node bench/closure.mjs BASE REQUIREMENT
import { createHash } from "node:crypto";
import { Repodata, startResolver } from "../../loader/js/build/resolver.js";

const sha256 = (bytes) => createHash("sha256").update(bytes).digest("hex");

const [base, requirement] = process.argv.slice(2);
const directory = `${base}/repodata/2026_0/`;

async function measure(atOnce) {
  const cost = { bytes: 0, requests: 0, rounds: 0 };
  const get = async (path) => {
    const response = await fetch(directory + path, { headers: { "accept-encoding": "br, gzip" } });
    if (!response.ok) throw new Error(`${path} answered ${response.status}`);
    cost.requests += 1;
    cost.bytes += Number(response.headers.get("content-length"));
    return new Uint8Array(await response.arrayBuffer());
  };
  cost.rounds += 1;
  const repodata = Repodata.read(await get("head.json"));
  if (atOnce) {
    cost.rounds += 1;
    const nodes = await get(`${repodata.branchingRoot()}/nodes?requirement=${requirement}`);
    for (const node of new TextDecoder().decode(nodes).split("\n").filter(Boolean)) {
      const bytes = new TextEncoder().encode(node);
      repodata.add(sha256(bytes), bytes);
    }
  }
  for (;;) {
    const answer = JSON.parse(repodata.resolve(JSON.stringify({ wanted: [requirement], installed: [] })));
    if (answer.selected) return { packages: answer.selected.length, ...cost };
    cost.rounds += 1;
    await Promise.all(answer.needs.map(async ({ sha256 }) => repodata.add(sha256, await get(`${sha256}.json`))));
  }
}

await startResolver();
console.log(JSON.stringify({ server: await measure(true), static: await measure(false) }));
