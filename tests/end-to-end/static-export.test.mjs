// A channel as static objects, in a directory behind nginx and in a bucket of SeaweedFS, with no pkgsrv running.
import assert from "node:assert/strict";
import { existsSync, mkdirSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { startBrowser } from "../support/browser.mjs";
import { smallDisk } from "../support/disk.mjs";
import { numpyClients } from "../support/numpy-clients.mjs";
import { freePorts, installSeaweedfs, startNginx, startSeaweedfs } from "../support/other-servers.mjs";
import { pipDownloadsNumpy } from "../support/pip.mjs";
import { publishBuilt, run } from "../support/program.mjs";
import { abi, data, runtimeVersion } from "../support/settings.mjs";
import { temporaryDirectory } from "../support/upstream.mjs";

const wheels = process.env.PKGSRV_TEST_WHEELS;

let directory, browser, clients;
before(async () => {
  await publishBuilt();
  const baked = await run(["bake", "numpy", "--data", data]);
  assert.equal(baked.code, 0, baked.stderr);
  assert.match(baked.stdout, /^ {2}the server \(`pkgsrv serve`\) opens a prompt with it at \/\?environment=numpy$/m);
  directory = temporaryDirectory();
  browser = await startBrowser();
  clients = numpyClients(browser);
});
after(async () => {
  await browser?.stop();
  directory?.remove();
});

async function exported(to, base, options) {
  const { code, stdout, stderr } = await run(["export", "--to", to, "--base-url", base, "--data", data, "--json"], options);
  assert.equal(code, 0, stderr);
  return JSON.parse(stdout).channels[0];
}

describe("a directory behind nginx", () => {
  let nginx, base, place;
  before(async () => {
    const [port] = await freePorts(1);
    base = `http://127.0.0.1:${port}`;
    place = join(directory.path, "static");
    const first = await exported(`file://${place}`, base);
    assert.ok(first.objects > 40 && first.lines.every((line) => line.changed), JSON.stringify(first));
    nginx = await startNginx(join(directory.path, "nginx"), port, "static.nginx.conf", (text) => text.replace("/srv/packages", place));
  });
  after(() => nginx?.stop());

  test("exporting again sends nothing", async () => {
    assert.equal((await exported(`file://${place}`, base)).objects, 0);
  });
  test("publish --to publishes, then exports", async () => {
    const wheel = readdirSync(wheels).find((name) => name.startsWith("typing_extensions-"));
    const to = ["--to", `file://${place}`, "--base-url", base];
    const { code, stdout, stderr } = await run(["publish", join(wheels, wheel), ...to, "--data", data]);
    assert.equal(code, 0, stderr);
    assert.match(stdout, /already there: typing_extensions-[^]*\nchannel main, ABI 2026_0, serial \d+: was there already\n/);
    assert.match((await run(["publish", join(wheels, wheel), "--to", `file://${place}`, "--data", data])).stderr, /--base-url <URL>/);
  });
  test("our loader", () => clients.loader(base));
  test("our loader, which restores the interpreter", () => clients.boot(base));
  test("our loader, with numpy in the interpreter", () => clients.environment(base));
  test("Pyodide's loadPackage", () => clients.loadPackage(base));
  test("micropip", () => clients.micropip(base));
  test("pip", () => pipDownloadsNumpy(base, directory.path));

  test("headers are those of the server", async () => {
    const get = async (path, accept) => {
      const { status, headers } = await fetch(`${base}${path}`, { headers: { Accept: accept } });
      return [status, ...["content-type", "cache-control", "access-control-allow-origin", "vary"].map((name) => headers.get(name))];
    };
    const json = "application/vnd.pypi.simple.v1+json";
    const page = "public, max-age=10, stale-while-revalidate=60, stale-if-error=86400";
    assert.deepEqual(await get("/simple/numpy/", json), [200, json, page, "*", "Accept"]);
    assert.deepEqual(await get("/simple/numpy/", "*/*"), [200, "text/html; charset=utf-8", page, "*", "Accept"]);
    assert.deepEqual(await get(`/${abi}/simple/`, json), [200, json, page, "*", "Accept"]);
    const { packages } = await (await fetch(`${base}/pyodide/${abi}/pyodide-lock.json`)).json();
    const wheel = new URL(packages.numpy.file_name, `${base}/pyodide/${abi}/`).pathname;
    const immutable = "public, max-age=31536000, immutable";
    assert.deepEqual(await get(wheel, "*/*"), [200, "application/octet-stream", `${immutable}, no-transform`, "*", "Accept-Encoding"]);
    const codings = ["br", "zstd", "gzip", "identity"].map(async (coding) => {
      const answer = await fetch(`${base}${wheel}`, { method: "HEAD", headers: { "Accept-Encoding": coding } });
      return answer.headers.get("content-encoding");
    });
    assert.deepEqual(await Promise.all(codings), ["br", "zstd", "gzip", null]);
    assert.deepEqual((await get(`/runtime/pyodide/${runtimeVersion}/pyodide.asm.wasm`, "*/*")).slice(0, 3), [200, "application/wasm", immutable]);
    const short = "public, max-age=10, stale-while-revalidate=60, stale-if-error=86400";
    assert.deepEqual((await get(`/runtime/pyodide/${runtimeVersion}/image.json`, "*/*")).slice(0, 3), [200, "application/json", short]);
    assert.deepEqual((await get(`/runtime/pyodide/${runtimeVersion}/file_list.json`, "*/*")).slice(0, 3), [200, "application/json", short]);
    assert.deepEqual((await get(`/environments/${abi}/numpy.json`, "*/*")).slice(0, 3), [200, "application/json", short]);
    const environment = new URL(`${base}/environments/${abi}/numpy.json`);
    const { memory } = await (await fetch(environment)).json();
    const sent = await fetch(new URL(memory.file, environment), { headers: { "accept-encoding": "gzip" } });
    assert.deepEqual(["content-encoding", "cache-control"].map((name) => sent.headers.get(name)), ["gzip", immutable]);
    assert.equal((await sent.arrayBuffer()).byteLength, memory.size);
    assert.deepEqual((await get("/blobs/nothing", "*/*")).at(3), "*");
    assert.equal((await get("/.export.lock", "*/*"))[0], 404);
  });

  test("a mirror of it has the same head, and fetches once", async () => {
    const copy = join(directory.path, "copy");
    const mirror = async (...names) => {
      const { code, stdout, stderr } = await run(["mirror", base, ...names, "--data", copy, "--json"]);
      assert.equal(code, 0, stderr);
      return JSON.parse(stdout);
    };
    const { lines, files } = await mirror();
    assert.ok(files > 20 && lines.every((line) => line.added.length > 0), JSON.stringify({ lines, files }));
    const head = (store) => readFileSync(join(store, "repodata", abi, "head.json"), "utf8");
    assert.equal(head(join(copy, "store")), head(join(data, "store")));
    const again = await mirror();
    assert.ok(again.files === 0 && again.lines.every((line) => line.fetched === 0), JSON.stringify(again));
  });
});

test("a disk that is full is named, and the target has no head", async () => {
  const place = join(directory.path, "small");
  mkdirSync(place);
  const disk = await smallDisk(place, "3m");
  try {
    const { code, stderr } = await disk.run(["export", "--to", `file://${place}`, "--base-url", "https://cdn.example", "--data", data]);
    assert.equal(code, 1, stderr);
    assert.match(stderr, /error: cannot write blobs\/\S+ in file:\/\/\S+\/small; /);
    assert.match(stderr, /No space left on device[^]*is full/);
    assert.equal(await disk.shell(`find ${place} -name head.json`), "");
  } finally {
    await disk.stop();
  }
});

describe("a bucket of SeaweedFS", async () => {
  const { program, reason } = await installSeaweedfs();
  const skip = reason ?? false;
  let bucket, edge, base, direct, options;
  before(async () => {
    if (skip) return;
    bucket = await startSeaweedfs(program, join(directory.path, "seaweedfs"));
    const [port] = await freePorts(1);
    base = `http://127.0.0.1:${port}`;
    direct = `${bucket.base}/packages/py`;
    const access = { AWS_ENDPOINT_URL: bucket.base, AWS_REGION: "here", AWS_SKIP_SIGNATURE: "true" };
    options = { env: { ...process.env, ...access } };
    const first = await exported("s3://packages/py", base, options);
    assert.ok(first.lines.every((line) => line.changed), JSON.stringify(first));
    const adapt = (text) => text.replace("http://127.0.0.1:8333", bucket.base);
    edge = await startNginx(join(directory.path, "edge"), port, "bucket.nginx.conf", adapt);
  });
  after(async () => {
    await edge?.stop();
    await bucket?.stop();
  });

  test("exporting again sends nothing", { skip }, async () => {
    assert.equal((await exported("s3://packages/py", base, options)).objects, 0);
  });
  test("our loader, from the bucket itself", { skip }, async () => {
    await clients.loader(direct);
  });
  test("Pyodide's loadPackage, from the bucket itself", { skip }, async () => {
    await clients.loadPackage(direct);
  });
  test("micropip, through nginx", { skip }, () => clients.micropip(base));
  test("pip, through nginx", { skip }, () => pipDownloadsNumpy(base, directory.path));
  test("types and caching are the objects' own", { skip }, async () => {
    const { headers } = await fetch(`${direct}/repodata/${abi}/head.json`);
    const page = "public, max-age=10, stale-while-revalidate=60, stale-if-error=86400";
    assert.deepEqual([headers.get("content-type"), headers.get("cache-control")], ["application/json", page]);
  });

  test("of two exports at once that race for the head, both end well", { skip }, async () => {
    const twice = [1, 2].map(() => exported("s3://packages/race", base, options));
    for (const { lines } of await Promise.all(twice)) assert.ok(lines.length > 0);
    assert.equal((await fetch(`${bucket.base}/packages/race/repodata/${abi}/head.json`)).status, 200);
  });

  test("numpy alone is mirrored from it", { skip }, async () => {
    const copy = join(directory.path, "copy-of-bucket");
    const { code, stdout, stderr } = await run(["mirror", "s3://packages/py", "numpy", "--abi", abi, "--data", copy], options);
    assert.equal(code, 0, stderr);
    assert.match(stdout, new RegExp(`^channel main, ABI ${abi}, serial 1: \\d+ objects fetched\n  added numpy-`));
    assert.ok(existsSync(join(copy, "store/repodata", abi, "head.json")));
  });
});
