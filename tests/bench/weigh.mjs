// What a page fetches from an empty cache, with each client.
import { once } from "node:events";
import { createServer } from "node:http";
import { brotliCompressSync } from "node:zlib";

/**
 * Bytes of bodies as they were sent, and requests, of one visit by each client.
 *
 * @param browser Chromium, of `startBrowser`
 * @param {Record<string, Function>} clients
 * @returns {Promise<Record<string, { bytes: number, requests: number }>>}
 */
export async function weigh(browser, clients, argument) {
  const weights = {};
  for (const [name, client] of Object.entries(clients)) {
    let fetched;
    do {
      await browser.inPage(client, argument);
      fetched = browser.responses.filter(({ headers }) => headers["content-type"] !== "text/html");
    } while (fetched.some(isStillEncoded));
    weights[name] = { bytes: fetched.reduce((sum, response) => sum + length(response), 0), requests: fetched.length };
  }
  return weights;
}

const length = ({ headers }) => Number(headers["content-length"]);

/** Whether the server sent a file as it is, as it does with large ones until it has their encodings. */
function isStillEncoded(response) {
  const { vary = "", "content-encoding": encoding } = response.headers;
  return vary.includes("Accept-Encoding") && encoding === undefined && length(response) > 1 << 20;
}

/** A server of one lockfile: the channel's, but with the wheels as they were uploaded, which Pyodide's own names. */
export async function serveDeflatedLock(base, abi) {
  const directory = `${base}/pyodide/${abi}/`;
  const lock = await (await fetch(`${directory}pyodide-lock.json`)).json();
  for (const entry of Object.values(lock.packages)) {
    const page = await fetch(`${base}/${abi}/simple/${entry.name}/`, { headers: { accept: "application/vnd.pypi.simple.v1+json" } });
    const filename = new URL(entry.file_name, directory).pathname.split("/").at(-1);
    const file = (await page.json()).files.find((file) => file.filename === filename);
    Object.assign(entry, { file_name: file.url, sha256: file.hashes.sha256 });
  }
  const body = brotliCompressSync(JSON.stringify(lock));
  const server = createServer((_, response) => {
    const headers = { "access-control-allow-origin": "*", "content-encoding": "br", "content-length": body.length };
    response.writeHead(200, { "content-type": "application/json", ...headers }).end(body);
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  return { lockFileURL: `http://127.0.0.1:${server.address().port}/pyodide-lock.json`, stop: () => server.close() };
}
