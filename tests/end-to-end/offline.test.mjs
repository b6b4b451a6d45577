// A second visit without a server: what the loader has kept in the browser's Cache API is all that there is, beside the
// page itself, the loader's own files, and what the browser's HTTP cache has of the runtime.
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, request as send } from "node:http";
import { after, before, test } from "node:test";
import { startBrowser } from "../support/browser.mjs";
import { startServer } from "../support/program.mjs";
import { abi, runtimeVersion } from "../support/settings.mjs";

let server, line;
const browsers = {};
before(async () => {
  server = await startServer();
  line = await startLine(server.base);
  await encoded(`${server.base}/runtime/pyodide/${runtimeVersion}/pyodide.asm.wasm`);
  for (const engine of ["chromium", "firefox"]) browsers[engine] = await startBrowser(engine);
});
after(async () => {
  for (const browser of Object.values(browsers)) await browser.stop();
  line?.stop();
  await server?.stop();
});

/** A large file goes out as it is until its encodings are made, and a browser without a disk does not keep it so. */
async function encoded(url) {
  for (let left = 1200; left > 0; left -= 1) {
    const response = await fetch(url, { method: "HEAD", headers: { "accept-encoding": "br" } });
    if (response.headers.get("content-encoding") === "br") return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  assert.fail(`${url} never came in brotli`);
}

/** What is between pages and the server: `/down` cuts it for all but the loader's files, `/up` mends it. */
async function startLine(base) {
  let isUp = true;
  const carried = [];
  const proxy = createServer((request, response) => {
    const { url, method, headers } = request;
    if (url === "/up" || url === "/down") {
      isUp = url === "/up";
      carried.length = 0;
      response.writeHead(200, { "access-control-allow-origin": "*", "cache-control": "no-store" });
      return response.end();
    }
    if (!isUp && !url.startsWith("/loader/")) return request.socket.destroy();
    carried.push(url);
    const forwarded = send(`${base}${url}`, { method, headers }, (answer) => {
      response.writeHead(answer.statusCode, answer.headers);
      answer.pipe(response);
    });
    return request.pipe(forwarded);
  });
  await once(proxy.listen(0, "127.0.0.1"), "listening");
  return {
    base: `http://127.0.0.1:${proxy.address().port}`,
    /** What went over it since it was mended or cut. */
    carried,
    stop() {
      proxy.closeAllConnections();
      proxy.close();
    },
  };
}

/** The first visit fetches, and cuts the line; the second starts Python with numpy. */
async function twice({ base, abi, ahead }) {
  const { boot, prefetch } = await import(`${base}/loader/index.js`);
  const log = [];
  const options = { repodata: `${base}/repodata/${abi}/`, packages: ["numpy"], cache: true, log: (text) => log.push(text) };
  const isFirst = !(await caches.has("pkgsrv"));
  if (isFirst) await fetch(`${base}/up`);
  if (isFirst && ahead) {
    const { kept } = await prefetch({ ...options, image: true });
    await fetch(`${base}/down`);
    return { kept };
  }
  const { pyodide, installed, reason = "" } = await boot(options);
  if (isFirst) await fetch(`${base}/down`);
  const names = installed.map(({ name }) => name);
  return { names, reason, log, sum: pyodide.runPython("import numpy; int(numpy.arange(7).sum())") };
}

const places = [["chromium", "inPage"], ["chromium", "inWorker"], ["firefox", "inPage"], ["firefox", "inWorker"]];
for (const [engine, place] of places) {
  for (const ahead of [false, true]) {
    test(`${engine}, ${place}, ${ahead ? "fetched ahead" : "started before"}`, async () => {
      const { log, ...found } = await browsers[engine][place](twice, { base: line.base, abi, ahead }, { visits: 2 });
      assert.deepEqual(found, { names: ["numpy"], reason: "", sum: 21 });
      assert.match(log.join("\n"), /^cannot fetch \S+\/head\.json: .*; the one of an earlier visit is used$/m);
      assert.deepEqual(line.carried.filter((url) => !url.startsWith("/loader/")), []);
    });
  }
}

/** Whether an entry has the bytes that its address names; runs in the page, by its text. */
async function isWhole({ url }) {
  const bytes = await (await (await caches.open("pkgsrv")).match(url)).arrayBuffer();
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return url.endsWith(Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join(""));
}

test("what is damaged is fetched again, and a line of the log tells it", async () => {
  const damaged = async ({ base, abi, code }) => {
    const { prefetch } = await import(`${base}/loader/index.js`);
    const log = [];
    const options = { repodata: `${base}/repodata/${abi}/`, packages: ["markupsafe"], cache: true, log: (text) => log.push(text) };
    await fetch(`${base}/up`);
    await prefetch(options);
    const cache = await caches.open("pkgsrv");
    const before = (await cache.keys()).length;
    for (const request of await cache.keys()) await cache.put(request, new Response("damaged"));
    const { packages, kept } = await prefetch(options);
    const digests = (await cache.keys()).filter(({ url }) => /\/[0-9a-f]{64}$/.test(url));
    return { before, names: packages.map(({ name }) => name), kept, good: await Promise.all(digests.map(eval(code))), log };
  };
  const { log, ...found } = await browsers.chromium.inPage(damaged, { base: line.base, abi, code: `(${isWhole})` });
  assert.deepEqual(found, { before: 4, names: ["markupsafe"], kept: true, good: [true, true, true] });
  assert.ok(log.every((text) => text.endsWith("is damaged, so it is fetched again")) && log.length === 2, log.join("\n"));
});

test("workers side by side keep the same things, and all of it whole", async () => {
  const side = async ({ base, abi, code }) => {
    const work = async ({ base, abi }) => {
      const { prefetch } = await import(`${base}/loader/index.js`);
      const { kept } = await prefetch({ repodata: `${base}/repodata/${abi}/`, packages: ["markupsafe", "pyyaml"], cache: true });
      return kept;
    };
    await fetch(`${base}/up`);
    const workers = Array.from({ length: 4 }, () => new Worker("/worker.js", { type: "module" }));
    const answers = await Promise.all(workers.map((worker) => new Promise((resolve) => {
      worker.onmessage = ({ data }) => resolve(data);
      worker.postMessage({ code: work.toString(), argument: { base, abi } });
    })));
    const cache = await caches.open("pkgsrv");
    const digests = (await cache.keys()).filter(({ url }) => /\/[0-9a-f]{64}$/.test(url));
    return { answers, good: await Promise.all(digests.map(eval(code))) };
  };
  const { answers, good } = await browsers.chromium.inPage(side, { base: line.base, abi, code: `(${isWhole})` });
  assert.deepEqual(answers, Array(4).fill({ value: true }));
  // Head, node, and two wheels.
  assert.deepEqual(good, Array(4).fill(true));
});

test("a browser that has no room left installs, and says once that it keeps nothing", async () => {
  const full = async ({ base, abi }) => {
    const { boot } = await import(`${base}/loader/index.js`);
    const log = [];
    await fetch(`${base}/up`);
    const { pyodide, installed } = await boot({
      repodata: `${base}/repodata/${abi}/`, packages: ["numpy"], cache: true, log: (text) => log.push(text),
    });
    const used = (await navigator.storage.estimate()).usage;
    return { names: installed.map(({ name }) => name), log, used, sum: pyodide.runPython("import numpy; int(numpy.arange(7).sum())") };
  };
  const quota = 1_000_000;
  const { log, used, ...found } = await browsers.chromium.inPage(full, { base: line.base, abi }, { quota });
  assert.deepEqual(found, { names: ["numpy"], sum: 21 });
  assert.equal(log.filter((text) => text.startsWith("not all is kept for the next visit: ")).length, 1, log.join("\n"));
  assert.ok(used <= quota, `${used} bytes`);
});
