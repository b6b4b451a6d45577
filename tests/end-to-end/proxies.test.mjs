// A running pkgsrv behind nginx and behind varnish, with the configurations of docker/.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdirSync, writeFileSync } from "node:fs";
import { createServer, request } from "node:http";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { startBrowser } from "../support/browser.mjs";
import { numpyClients } from "../support/numpy-clients.mjs";
import { freePorts, startNginx, startVarnish } from "../support/other-servers.mjs";
import { pipDownloadsNumpy } from "../support/pip.mjs";
import { publishBuilt, run, startServer } from "../support/program.mjs";
import { abi, data, runtimeVersion } from "../support/settings.mjs";
import { formOf, sha256, upload } from "../support/upload.mjs";
import { temporaryDirectory } from "../support/upstream.mjs";
import { pureWheel } from "../support/wheel.mjs";

const json = "application/vnd.pypi.simple.v1+json";

/** Headers that a proxy must not change. */
const kept = [
  "access-control-allow-origin", "access-control-expose-headers", "cache-control", "content-encoding", "content-length",
  "content-range", "content-type", "cross-origin-resource-policy", "etag", "vary",
];

let directory, browser, clients;
before(async () => {
  await publishBuilt();
  directory = temporaryDirectory();
  browser = await startBrowser();
  clients = numpyClients(browser);
});
after(async () => {
  await browser?.stop();
  directory?.remove();
});

/** An answer as it came: nothing is decoded. */
async function get(address, headers = {}, method = "GET") {
  const asked = request(address, { method, headers, agent: false }).end();
  const [answer] = await once(asked, "response");
  const chunks = await answer.toArray();
  return { status: answer.statusCode, headers: answer.headers, body: Buffer.concat(chunks) };
}

/** Stands between a proxy and the server, and tells what was asked for. */
async function startWitness(base) {
  const asked = [];
  const server = createServer(async (incoming, outgoing) => {
    asked.push(`${incoming.method} ${incoming.url}`);
    const { method, headers, url } = incoming;
    const [answer] = await once(incoming.pipe(request(`${base}${url}`, { method, headers })), "response");
    outgoing.writeHead(answer.statusCode, answer.headers);
    answer.pipe(outgoing);
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  return { address: `127.0.0.1:${server.address().port}`, port: server.address().port, asked, stop: () => (server.close(), server.closeAllConnections()) };
}

const proxies = {
  nginx: (place, port, { address }) => {
    const adapt = (text) => text.replace("127.0.0.1:8417", address).replace("/var/cache/pkgsrv", join(place, "kept"));
    return startNginx(place, port, "proxy.nginx.conf", adapt);
  },
  varnish: (place, port, witness) => startVarnish(place, port, "proxy.vcl", (text) => text.replace('"8417"', `"${witness.port}"`)),
};

for (const [name, startProxy] of Object.entries(proxies)) {
  describe(`behind ${name}`, () => {
    let copy, server, witness, proxy, base, twin, wheel;
    before(async () => {
      // What is published into it must not stay. The store replaces files and never writes into them.
      copy = join(directory.path, `data-${name}`);
      execFileSync("cp", ["--archive", "--link", data, copy]);
      const [port] = await freePorts(1);
      base = `http://127.0.0.1:${port}`;
      server = await startServer(["serve", "--data", copy, "--base-url", base]);
      witness = await startWitness(server.base);
      proxy = await startProxy(join(directory.path, name), port, witness);
      const lockAddress = `${base}/pyodide/${abi}/pyodide-lock.json`;
      const lock = JSON.parse((await get(lockAddress)).body);
      twin = new URL(lock.packages.numpy.file_name, lockAddress).pathname;
      const page = JSON.parse((await get(`${base}/simple/numpy/`, { accept: json })).body);
      wheel = new URL(page.files[0].url).pathname;
      assert.ok(page.files[0].url.startsWith(`${base}/`), page.files[0].url);
    });
    after(async () => {
      await proxy?.stop();
      witness?.stop();
      await server?.stop();
    });

    /** What must be the same with the proxy and without. */
    const shown = ({ status, headers, body }) => ({ status, body, ...Object.fromEntries(kept.map((name) => [name, headers[name]])) });
    /** The answer through the proxy, asked for twice, is the server's own. */
    const same = async (path, headers, method) => {
      const direct = shown(await get(`${server.base}${path}`, headers, method));
      for (const time of ["first", "second"]) {
        assert.deepEqual(shown(await get(`${base}${path}`, headers, method)), direct, `${time} answer for ${method ?? "GET"} ${path}`);
      }
      return direct;
    };

    test("each encoding arrives, with its own entity tag", async () => {
      const tags = new Set();
      for (const coding of ["br", "zstd", "gzip", "identity"]) {
        for (const path of [twin, `/pyodide/${abi}/pyodide-lock.json`]) {
          const answer = await same(path, { "accept-encoding": coding });
          if (path === twin) assert.equal(answer["content-encoding"], coding === "identity" ? undefined : coding);
          assert.match(answer.vary, /Accept-Encoding/);
          tags.add(answer.etag);
        }
      }
      // Of the twin four, of the lockfile three: it has no zstd.
      assert.equal(tags.size, 7);
    });
    test("a browser's own header gets brotli", async () => {
      const answer = await get(`${base}${twin}`, { "accept-encoding": "gzip, deflate, br, zstd" });
      assert.equal(answer.headers["content-encoding"], "br");
    });
    test("each form of a page arrives", async () => {
      for (const accept of [json, "text/html"]) {
        for (const coding of ["br", "gzip", "identity"]) {
          const answer = await same("/simple/numpy/", { accept, "accept-encoding": coding });
          assert.ok(answer["content-type"].startsWith(accept));
          assert.equal(answer.vary, "Accept, Accept-Encoding");
        }
      }
    });

    test("who has it is told so", async () => {
      for (const [path, coding] of [[twin, "br"], [twin, "identity"], [wheel, "identity"], ["/simple/numpy/", "gzip"]]) {
        const headers = { accept: json, "accept-encoding": coding };
        const { etag } = (await get(`${base}${path}`, headers)).headers;
        const known = await get(`${base}${path}`, { ...headers, "if-none-match": etag });
        assert.deepEqual([known.status, known.headers.etag, known.body.length], [304, etag, 0]);
        const other = await get(`${base}${path}`, { ...headers, "if-none-match": '"another"' });
        assert.deepEqual([other.status, other.headers.etag], [200, etag]);
      }
    });

    test("ranges are of the encoding that is asked for", async () => {
      for (const [path, coding] of [[wheel, "identity"], [twin, "br"], [twin, "identity"]]) {
        const headers = { "accept-encoding": coding };
        const whole = (await get(`${server.base}${path}`, headers)).body;
        for (const [range, part] of [["bytes=0-99", whole.subarray(0, 100)], [`bytes=${whole.length - 7}-`, whole.subarray(-7)], ["bytes=-9", whole.subarray(-9)]]) {
          const answer = await get(`${base}${path}`, { ...headers, range });
          assert.equal(answer.status, 206, `${path} ${coding} ${range}`);
          assert.deepEqual(answer.body, part);
          assert.match(answer.headers["content-range"], new RegExp(`^bytes \\d+-\\d+/${whole.length}$`));
        }
        assert.equal((await get(`${base}${path}`, { ...headers, range: `bytes=${whole.length}-` })).status, 416);
      }
    });

    test("what never changes is asked for once", async () => {
      const head = JSON.parse((await get(`${base}/repodata/${abi}/head.json`)).body);
      const runtime = `/runtime/pyodide/${runtimeVersion}/pyodide.mjs`;
      for (const path of [`${wheel}.metadata`, runtime, `/repodata/${abi}/${head.repodata.sha256}.json`]) {
        // A browser that reloads asks for all of a page anew.
        for (const headers of [{}, {}, { "cache-control": "no-cache" }]) assert.equal((await get(`${base}${path}`, headers)).status, 200);
        assert.deepEqual(witness.asked.filter((line) => line === `GET ${path}`), [`GET ${path}`]);
      }
    });

    test("pages of other origins may read answers, errors too", async () => {
      const origin = { origin: "http://elsewhere.example" };
      for (const path of [wheel, "/simple/numpy/", `/repodata/${abi}/head.json`, "/simple/no-such-project/", "/blobs/nothing"]) {
        const { headers } = await get(`${base}${path}`, { ...origin, accept: json });
        assert.equal(headers["access-control-allow-origin"], "*", path);
      }
      const asking = { ...origin, "access-control-request-method": "GET", "access-control-request-headers": "range" };
      const preflight = await get(`${base}${wheel}`, asking, "OPTIONS");
      assert.deepEqual([preflight.status, preflight.headers["access-control-allow-headers"]], [200, "*"]);
      assert.equal((await get(`${base}/simple/no-such-project/`)).status, 404);
    });

    test("a publish is seen at once by who asks whether a page is current", async () => {
      const headAddress = `${base}/repodata/${abi}/head.json`;
      const serial = async (headers) => JSON.parse((await get(headAddress, headers)).body).serial;
      const versions = async (headers) => JSON.parse((await get(`${base}/simple/later/`, { accept: json, ...headers })).body).versions;
      const publish = async (version) => {
        const wheels = join(directory.path, `later-${name}-${version}`);
        mkdirSync(wheels);
        const path = join(wheels, `later-${version}-py3-none-any.whl`);
        writeFileSync(path, pureWheel("later", version, { "later/__init__.py": "" }));
        const { code, stderr } = await run(["publish", path, "--abi", abi, "--data", copy]);
        assert.equal(code, 0, stderr);
      };
      // The two that our loader and pip send.
      const [ofLoader, ofPip] = [{ "cache-control": "no-cache" }, { "cache-control": "max-age=0" }];
      const before = await serial({});
      assert.equal(await serial(ofLoader), before);
      await publish("1.0");
      assert.equal(await serial(ofLoader), before + 1);
      // And from then on by all others.
      assert.equal(await serial({}), before + 1);
      assert.deepEqual(await versions({}), ["1.0"]);
      await publish("1.1");
      assert.deepEqual(await versions(ofPip), ["1.0", "1.1"]);
      assert.deepEqual(await versions({}), ["1.0", "1.1"]);
    });

    test("an upload arrives, larger than proxies take by themselves, and who sent it hears of it", async () => {
      const { stdout } = await run(["token", "create", name, "--data", copy]);
      const path = join(directory.path, "sent-1.0-py3-none-any.whl");
      writeFileSync(path, pureWheel("sent", "1.0", { "sent.py": `# ${randomBytes(2 << 20).toString("base64")}\n` }));
      const address = `${base}/legacy/`;
      const taken = await upload(address, stdout.trim(), path, formOf(path, "sent", "1.0"));
      assert.deepEqual([taken.status, taken.headers.get("cache-control")], [200, "no-store"], await taken.text());
      const page = JSON.parse((await get(`${base}/simple/sent/`, { accept: json })).body);
      assert.deepEqual(page.files.map(({ hashes }) => hashes.sha256), [sha256(path)]);
      const refused = await upload(address, "pkgsrv-nothing", path, formOf(path, "sent", "1.0"));
      assert.deepEqual([refused.status, (await refused.json()).code], [401, "bad_credentials"]);
    });

    test("our loader", () => clients.loader(base));
    test("Pyodide's loadPackage", () => clients.loadPackage(base));
    test("micropip", () => clients.micropip(base));
    test("pip", () => pipDownloadsNumpy(base, directory.path));

    test("without the server, a wheel that was asked for before is still there", async () => {
      await server.stop();
      witness.stop();
      assert.equal((await get(`${base}${wheel}`)).status, 200);
    });
  });
}
