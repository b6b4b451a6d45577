// What fails for a while is asked for again, and what one address does not give, of its mirrors.
import assert from "node:assert/strict";
import { createServer } from "node:http";
import { once } from "node:events";
import { after, afterEach, before, beforeEach, test } from "node:test";

import { serveChannel, sha256 } from "./support/channel.mjs";
import { refused } from "./support/refused.mjs";
import { attach, startPyodide } from "./support/runtime.mjs";
import { uninstall } from "./support/uninstall.mjs";
import { wheel } from "./support/wheel.mjs";

const foo = wheel({ name: "foo", files: { "foo.py": `answer = 42\n${"# padding\n".repeat(100)}` } });
const blob = `/blobs/${sha256(foo.bytes)}/${foo.filename}`;
const HEAD = "/repodata/2026_0/head.json";

let pyodide, channel, mirror, log;

before(async () => {
  pyodide = await startPyodide();
});

beforeEach(async () => {
  channel = await serveChannel([foo]);
  mirror = await serveChannel([foo]);
  log = [];
});

afterEach(() => {
  channel.close();
  mirror.close();
});

after(() => {
  if ("foo" in pyodide.loadedPackages) uninstall(pyodide, "foo");
});

const mirrored = () => [mirror.repodata];
const asked = (server, path = blob) => server.requests.filter((one) => one === path).length;
const attached = (options = {}) => attach(pyodide, { repodata: channel.repodata, log: (line) => log.push(line), ...options });

/** Answers so as many times, then as usual. */
function fails(times, answer, path = blob) {
  const usual = channel.objects.get(path);
  channel.objects.set(path, (request, response) => {
    times -= 1;
    if (times === 0) channel.objects.set(path, usual);
    answer(response, usual);
  });
}

const answers = (status, headers = {}) => (response) => {
  response.writeHead(status, headers);
  response.end();
};

/** Installs foo, uses it, and takes it out again; returns the numbers of bytes that were told. */
async function installs(options) {
  const events = [];
  const loader = await attached(options);
  const { installed } = await loader.install("foo", { onProgress: (event) => events.push(event) });
  assert.deepEqual(installed.map(({ name }) => name), ["foo"]);
  assert.equal(pyodide.runPython("import foo; foo.answer"), 42);
  uninstall(pyodide, "foo");
  const downloads = events.filter(({ stage }) => stage === "download");
  assert.equal(downloads.at(-1).total, foo.bytes.length);
  return downloads.map(({ done }) => done);
}

/** Timers end at once, for the time that a test takes; what was asked for is returned. */
function withoutWaiting(t) {
  const pauses = [];
  const setTimer = globalThis.setTimeout;
  t.mock.method(globalThis, "setTimeout", (run, milliseconds, ...rest) => {
    if (milliseconds > 0) pauses.push(milliseconds);
    return setTimer(run, 0, ...rest);
  });
  return pauses;
}

for (const status of [408, 425, 429, 500, 502, 503, 504]) {
  test(`${status} twice, then the wheel`, async (t) => {
    withoutWaiting(t);
    fails(2, answers(status));
    assert.deepEqual(await installs(), [foo.bytes.length]);
    assert.equal(asked(channel), 3);
    const line = `${channel.address}${blob} answered ${status}, expected 200; it is fetched again`;
    assert.deepEqual(log, ["installing foo 1.0", line, line]);
  });
}

test("503 for ever", async (t) => {
  const pauses = withoutWaiting(t);
  fails(Infinity, answers(503));
  const loader = await attached();
  const { code, message } = await refused(loader.install("foo"), channel.address);
  assert.deepEqual([code, message, asked(channel)], ["http_status", `${blob} answered 503, expected 200`, 3]);
  // Each pause is from once to twice its step, and the steps double.
  const steps = pauses.filter((pause) => pause >= 250 && pause <= 1000);
  assert.equal(steps.length, 2, pauses.join());
  assert.ok(steps[0] < 500 && steps[1] >= 500, steps.join());
  await refused((await attached({ attempts: 5 })).install("foo"));
  assert.equal(asked(channel), 8);
});

test("what is not there is not asked for again", async () => {
  channel.objects.delete(blob);
  await refused((await attached()).install("foo"));
  assert.equal(asked(channel), 1);
});

test("the server's Retry-After, in seconds and as a date", async (t) => {
  const pauses = withoutWaiting(t);
  fails(1, answers(503, { "retry-after": "7" }));
  await installs();
  assert.ok(pauses.includes(7000), pauses.join());
  fails(1, answers(503, { "retry-after": new Date(Date.now() + 20_000).toUTCString() }));
  await installs();
  assert.ok(pauses.some((pause) => pause > 15_000 && pause <= 20_000), pauses.join());
});

test("a server that wants to be left alone for long is", async () => {
  fails(Infinity, answers(429, { "retry-after": "3600" }));
  const { code, message } = await refused((await attached()).install("foo"), channel.address);
  assert.deepEqual([code, message, asked(channel)], ["http_status", `${blob} answered 429, expected 200`, 1]);
});

test("a body that breaks off, and one that ends too soon", async (t) => {
  withoutWaiting(t);
  const part = foo.bytes.subarray(0, 50);
  fails(1, (response) => {
    response.writeHead(200, { "content-length": foo.bytes.length });
    response.write(part, () => setImmediate(() => response.destroy()));
  });
  const done = await installs();
  assert.deepEqual(done, done.toSorted((one, other) => one - other));
  assert.equal(done.at(-1), foo.bytes.length);
  fails(1, (response) => response.end(part));
  assert.deepEqual(await installs(), [50, foo.bytes.length]);
  assert.equal(asked(channel), 4);
});

test("a head that breaks off", async (t) => {
  withoutWaiting(t);
  fails(1, (response) => response.destroy(), HEAD);
  await installs();
  assert.equal(asked(channel, HEAD), 2);
});

test("a body that stalls, and an answer that never begins", async (t) => {
  for (const stall of [(response) => response.write(foo.bytes.subarray(0, 50)), () => {}]) {
    fails(1, (response) => {
      if (stall.length > 0) response.writeHead(200, { "content-length": foo.bytes.length });
      stall(response);
    });
    const loader = await attached({ stallTimeout: 100, attempts: 1 });
    const { code, message } = await refused(loader.install("foo"), channel.address);
    assert.deepEqual([code, message], ["network", `cannot fetch ${blob}: no byte came for 0.1 s`]);
  }
  fails(1, (response) => {
    response.writeHead(200, { "content-length": foo.bytes.length });
    response.write(foo.bytes.subarray(0, 50));
  });
  const done = await installs({ stallTimeout: 200 });
  assert.deepEqual(done, done.toSorted((one, other) => one - other));
  assert.equal(done.at(-1), foo.bytes.length);
});

test("a body that is slow, but comes", async () => {
  fails(1, (response) => {
    response.writeHead(200, { "content-length": foo.bytes.length });
    let sent = 0;
    const timer = setInterval(() => {
      response.write(foo.bytes.subarray(sent, sent + 50));
      sent += 50;
      if (sent < foo.bytes.length) return;
      clearInterval(timer);
      response.end();
    }, 100);
  });
  assert.ok(foo.bytes.length > 10 * 50, "the whole takes longer than a stall");
  await installs({ stallTimeout: 1000, attempts: 1 });
});

test("cancelling in a pause", async (t) => {
  const controller = new AbortController();
  const setTimer = globalThis.setTimeout;
  t.mock.method(globalThis, "setTimeout", (run, milliseconds, ...rest) => {
    if (milliseconds === 25_000) queueMicrotask(() => controller.abort());
    return setTimer(run, milliseconds, ...rest);
  });
  fails(Infinity, answers(503, { "retry-after": "25" }));
  const loader = await attached();
  assert.equal((await refused(loader.install("foo", { signal: controller.signal }))).code, "aborted");
  assert.equal(asked(channel), 1);
});

test("a mirror has the bytes that an address has not", async () => {
  const altered = Buffer.from(foo.bytes);
  altered[40] ^= 1;
  channel.objects.set(blob, altered);
  await installs({ mirrors: mirrored() });
  assert.deepEqual([asked(channel), asked(mirror)], [1, 1]);
  const line = `${channel.address}${blob} has SHA-256 ${sha256(altered)}, expected ${sha256(foo.bytes)}; nothing of it is used; a mirror is asked`;
  assert.deepEqual(log, ["installing foo 1.0", line]);
  mirror.objects.set(blob, altered);
  const { code, message } = await refused((await attached({ mirrors: mirrored() })).install("foo"), channel.address);
  assert.equal(code, "hash_mismatch");
  assert.equal(message, `${blob} has SHA-256 ${sha256(altered)}, expected ${sha256(foo.bytes)}; nothing of it is used`);
});

test("where a server is gone, all comes from the mirror that is there", async () => {
  const { repodata } = channel;
  channel.close();
  const gone = await serveChannel([]);
  gone.close();
  const loader = await attach(pyodide, { repodata, mirrors: [gone.repodata, ...mirrored()] });
  await loader.install("foo");
  uninstall(pyodide, "foo");
  const node = [...mirror.objects.keys()].find((path) => /[0-9a-f]{64}\.json$/.test(path));
  assert.deepEqual(mirror.requests, [HEAD, node, blob]);
});

test("a mirror in a folder of its host", async () => {
  const inFolder = createServer((request, response) => {
    const object = mirror.objects.get(request.url.replace("/some/where", ""));
    response.writeHead(object && request.url.startsWith("/some/where/") ? 200 : 404);
    response.end(object);
  });
  inFolder.listen(0, "127.0.0.1");
  await once(inFolder, "listening");
  try {
    channel.objects.delete(HEAD);
    await installs({ mirrors: [`http://127.0.0.1:${inFolder.address().port}/some/where/repodata/2026_0`] });
    assert.equal(asked(channel), 0);
  } finally {
    inFolder.closeAllConnections();
    inFolder.close();
  }
});

test("options that are none", async () => {
  const messages = [];
  for (const options of [{ mirrors: "https://mirror.example/" }, { mirrors: ["no address"] }, { attempts: 0 }, { stallTimeout: "1 s" }]) {
    const { code, message } = await refused(attached(options));
    messages.push([code, message]);
  }
  assert.deepEqual(messages, [
    ["invalid_argument", "the option `mirrors` is https://mirror.example/, expected a list of addresses"],
    ["invalid_argument", "the option `mirrors` is no address, expected an address such as https://packages.example/repodata/2026_0/"],
    ["invalid_argument", "the option `attempts` is 0, expected a number above 0"],
    ["invalid_argument", "the option `stallTimeout` is 1 s, expected a number above 0"],
  ]);
});
