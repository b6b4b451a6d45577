// A channel made for one test: head, repodata and blobs on a server of this process.
import { createHash } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:http";

export const sha256 = (bytes) => createHash("sha256").update(bytes).digest("hex");

/**
 * Serves wheels as a channel does.
 *
 * @param {{ name: string, version: string, filename: string, bytes: Uint8Array, depends?: string[] }[]} wheels
 */
export async function serveChannel(wheels, { abi = "2026_0" } = {}) {
  const objects = new Map();
  const packages = {};
  for (const { name, version, filename, bytes, depends = [], imports = [name] } of wheels) {
    const digest = sha256(bytes);
    objects.set(`/blobs/${digest}/${filename}`, bytes);
    const release = { version, filename, sha256: digest, size: bytes.length, depends, extras: {}, imports };
    (packages[name] ??= []).push(release);
  }
  const channel = {
    /** What is at an address; tests replace it to make the server misbehave. */
    objects,
    /** Paths that were asked for, in order. */
    requests: [],
    /** Publishes the packages under a new head. */
    publish() {
      const runtime = { name: "pyodide", version: "314.0.7", python: "3.14.2" };
      const node = Buffer.from(JSON.stringify({ format: 2, leaf: packages }));
      const repodata = { sha256: sha256(node), size: node.length, entries: Object.keys(packages).length, weight: 1 };
      objects.set(`/repodata/${abi}/${repodata.sha256}.json`, node);
      const bringing = {};
      for (const [name, releases] of Object.entries(packages)) {
        for (const { imports } of releases) for (const module of imports) (bringing[module] ??= new Set()).add(name);
      }
      const leaf = Object.fromEntries(Object.entries(bringing).map(([module, names]) => [module, [...names].sort()]));
      const tree = Buffer.from(JSON.stringify({ format: 2, leaf }));
      const modules = { sha256: sha256(tree), size: tree.length, entries: Object.keys(leaf).length, weight: 1 };
      objects.set(`/repodata/${abi}/${modules.sha256}.json`, tree);
      const head = { format: 2, abi, serial: 1, blobs: "../../blobs/", runtime, repodata, modules };
      objects.set(`/repodata/${abi}/head.json`, Buffer.from(JSON.stringify(head)));
    },
    packages,
  };
  channel.publish();
  const server = createServer((request, response) => {
    channel.requests.push(request.url);
    const object = objects.get(request.url);
    if (typeof object === "function") return object(request, response);
    if (object === undefined) {
      response.writeHead(404, { "content-type": "text/plain" });
      return response.end("not here\n");
    }
    response.writeHead(200, { "content-length": object.length, "access-control-allow-origin": "*" });
    return response.end(object);
  });
  // An interpreter that starts keeps this process, and with it the server, from its sockets for seconds.
  server.keepAliveTimeout = 120_000;
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  channel.address = `http://127.0.0.1:${server.address().port}`;
  channel.repodata = `${channel.address}/repodata/${abi}/`;
  channel.close = () => {
    server.closeAllConnections();
    server.close();
  };
  return channel;
}
