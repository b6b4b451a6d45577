// What was fetched is kept for another visit, which needs no network then; and nothing that goes wrong there is an error.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { generateKeyPairSync, sign } from "node:crypto";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, afterEach, before, beforeEach, test } from "node:test";
import { fileURLToPath, pathToFileURL } from "node:url";
import { promisify } from "node:util";

import { serveChannel, sha256 } from "./support/channel.mjs";
import { refused } from "./support/refused.mjs";
import { attach, prefetch, startPyodide } from "./support/runtime.mjs";
import { uninstall } from "./support/uninstall.mjs";
import { wheel } from "./support/wheel.mjs";

const foo = wheel({ name: "foo", depends: ["bar>=1"], files: { "foo/__init__.py": "answer = 42\n" } });
const bar = wheel({ name: "bar", files: { "bar.py": "word = 'bar'\n" } });
const HEAD = "/repodata/2026_0/head.json";
const blob = ({ bytes, filename }) => `/blobs/${sha256(bytes)}/${filename}`;

let pyodide, channel, directory, log;

before(async () => {
  pyodide = await startPyodide();
});

beforeEach(async () => {
  channel = await serveChannel([foo, bar]);
  directory = mkdtempSync(join(tmpdir(), "pkgsrv-keeping-"));
  log = [];
});

afterEach(() => {
  channel.close();
  rmSync(directory, { recursive: true, force: true });
});

const options = (more = {}) => ({ repodata: channel.repodata, cache: { directory }, log: (line) => log.push(line), ...more });
const kept = (bytes, within = directory) => join(within, sha256(bytes));
const files = () => readdirSync(directory).filter((name) => !name.startsWith("name-")).sort();

/** Installs foo with a loader of its own, uses it, and takes it out again. */
async function visit(more) {
  const events = [];
  const loader = await attach(pyodide, options(more));
  const { installed } = await loader.install("foo", { onProgress: (event) => events.push(event) });
  assert.deepEqual(installed.map(({ name }) => name), ["bar", "foo"]);
  assert.equal(pyodide.runPython("import foo, bar; foo.answer"), 42);
  uninstall(pyodide, "foo", "bar");
  const last = events.findLast(({ stage }) => stage === "download");
  assert.deepEqual([last.done, last.total], [foo.bytes.length + bar.bytes.length, last.done]);
}

test("a second visit asks for the head alone, and needs no server", async () => {
  await visit();
  channel.requests.length = 0;
  await visit({ cache: { directory: pathToFileURL(directory) } });
  assert.deepEqual(channel.requests, [HEAD]);
  channel.close();
  log = [];
  await visit();
  const head = `${channel.address}${HEAD}`;
  assert.deepEqual(log, [
    `cannot fetch ${head}: fetch failed; it is fetched again`,
    `cannot fetch ${head}: fetch failed; the one of an earlier visit is used`,
    "installing bar 1.0, foo 1.0",
  ]);
});

test("without the option nothing is kept", async () => {
  await visit({ cache: false });
  await visit({ cache: undefined });
  assert.deepEqual(readdirSync(directory), []);
});

test("with `true` it is kept where programs of the user keep such things", async () => {
  const argument = JSON.stringify({ repodata: channel.repodata, packages: ["bar"], cache: true });
  const env = { ...process.env, XDG_CACHE_HOME: directory, HOME: directory, LOCALAPPDATA: directory };
  const { stdout } = await promisify(execFile)(process.execPath, [program, argument], { env });
  assert.deepEqual(JSON.parse(stdout), { names: ["bar"], kept: true, log: [] });
  const place = process.platform === "darwin" ? "Library/Caches" : ".";
  assert.ok(existsSync(join(directory, place, "pkgsrv-loader", sha256(bar.bytes))));
});

test("a server that fails has the kept head used, and one that has none does not", async () => {
  await visit();
  channel.objects.set(HEAD, (request, response) => response.writeHead(503).end());
  await visit();
  assert.match(log.at(-2), /answered 503, expected 200; the one of an earlier visit is used$/);
  channel.objects.delete(HEAD);
  const loader = await attach(pyodide, options());
  assert.equal((await refused(loader.install("foo"))).code, "http_status");
});

test("what is not kept is not to be had without a server", async () => {
  await prefetch(options({ packages: ["bar"] }));
  channel.close();
  const loader = await attach(pyodide, options());
  const { code, message } = await refused(loader.install("foo"), channel.address);
  assert.deepEqual([code, message], ["network", `cannot fetch ${blob(foo)}: fetch failed`]);
});

test("damaged files are fetched again", async () => {
  await visit();
  const names = readdirSync(directory);
  assert.equal(names.length, 5);
  for (const damage of [(bytes) => bytes.subarray(0, 40), () => Buffer.alloc(0), (bytes) => Buffer.concat([bytes, bytes])]) {
    for (const name of names) writeFileSync(join(directory, name), damage(readFileSync(join(directory, name))));
    log = [];
    await visit();
    assert.ok(log.includes(`what was kept of ${sha256(bar.bytes)} is damaged, so it is fetched again`), log.join("\n"));
    for (const name of files()) assert.equal(sha256(readFileSync(join(directory, name))), name);
  }
  // A name that leads elsewhere leads nowhere.
  const outside = join(directory, "of-someone-else");
  writeFileSync(outside, "");
  for (const name of names.filter((name) => name.startsWith("name-"))) writeFileSync(join(directory, name), "of-someone-else");
  await visit();
  assert.ok(existsSync(outside));
  channel.close();
  await visit();
});

test("what was not used for the longest time makes room", async () => {
  const one = wheel({ name: "one", files: { "one.py": `one = "${"1".repeat(500)}"\n` } });
  const two = wheel({ name: "two", files: { "two.py": `two = "${"2".repeat(500)}"\n` } });
  const three = wheel({ name: "three", files: { "three.py": `three = "${"3".repeat(500)}"\n` } });
  channel.close();
  channel = await serveChannel([one, two, three]);
  await prefetch(options({ packages: ["one", "two"] }));
  const used = statSync(kept(two.bytes)).size + readdirSync(directory).reduce((sum, name) => sum + statSync(join(directory, name)).size, 0);
  // An hour ago all was used, half an hour ago the first.
  const ago = (minutes) => Date.now() / 1000 - 60 * minutes;
  for (const name of readdirSync(directory)) utimesSync(join(directory, name), ago(60), ago(60));
  await prefetch(options({ packages: ["one"] }));
  const strange = join(directory, "of-someone-else");
  writeFileSync(strange, Buffer.alloc(4000));
  utimesSync(strange, ago(600), ago(600));
  await prefetch(options({ packages: ["three"], cache: { directory, maxBytes: used - 10 } }));
  assert.deepEqual([one, two, three].map(({ bytes }) => existsSync(kept(bytes))), [true, false, true]);
  assert.ok(existsSync(strange));
});

test("more than may be kept is installed all the same", async () => {
  await visit({ cache: { directory, maxBytes: 10 } });
  assert.deepEqual(readdirSync(directory), []);
  assert.deepEqual(log, ["not all is kept for the next visit: at most 10 bytes are to be", "installing bar 1.0, foo 1.0"]);
  const { kept } = await prefetch(options({ packages: ["foo"], cache: { directory, maxBytes: foo.bytes.length + 100 } }));
  assert.equal(kept, false);
});

test("where nothing can be kept, one line says it, and packages are installed", async () => {
  const file = join(directory, "file");
  writeFileSync(file, "");
  await visit({ cache: { directory: join(file, "below") } });
  assert.equal(log.length, 2);
  assert.match(log[0], /^not all is kept for the next visit: ENOTDIR: /);
  // A directory that goes away meanwhile.
  const gone = join(directory, "gone");
  const loader = await attach(pyodide, options({ cache: { directory: gone } }));
  await loader.install("bar");
  uninstall(pyodide, "bar");
  assert.ok(existsSync(kept(bar.bytes, gone)));
  rmSync(gone, { recursive: true });
  log = [];
  await loader.install("foo");
  uninstall(pyodide, "foo", "bar");
  assert.equal(log.filter((line) => /^not all is kept for the next visit: ENOENT: /.test(line)).length, 1, log.join("\n"));
});

const program = fileURLToPath(new URL("./support/visit.mjs", import.meta.url));

/** Fetches ahead in a process of its own; `around` is a command that starts it. */
async function inProcess(around = []) {
  const argument = JSON.stringify({ repodata: channel.repodata, packages: ["foo"], cache: { directory } });
  const [command, ...rest] = [...around, process.execPath, program, argument];
  return JSON.parse((await promisify(execFile)(command, rest)).stdout);
}

test("a full disk", async () => {
  // A disk of a page, in a namespace of its own: an ordinary user may make it.
  const script = 'mount -t tmpfs -o size=4k tmpfs "$1" && shift && exec "$@"';
  const around = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", script, "sh", directory];
  const { names, kept, log } = await inProcess(around);
  assert.deepEqual([names, kept, log.length], [["bar", "foo"], false, 1]);
  assert.match(log[0], /^not all is kept for the next visit: ENOSPC: /);
});

test("processes side by side", async () => {
  const answers = await Promise.all(Array.from({ length: 4 }, () => inProcess()));
  for (const answer of answers) assert.deepEqual(answer, { names: ["bar", "foo"], kept: true, log: [] });
  assert.equal(files().length, 4);
  for (const name of files()) assert.equal(sha256(readFileSync(join(directory, name))), name);
  channel.close();
  await visit();
});

test("what is fetched ahead needs no server any more", async () => {
  const events = [];
  const { packages, bytes, kept } = await prefetch(options({ packages: "foo", onProgress: (event) => events.push(event) }));
  assert.deepEqual(packages.map(({ name, requested }) => [name, requested]), [["bar", false], ["foo", true]]);
  assert.deepEqual([bytes, kept], [foo.bytes.length + bar.bytes.length, true]);
  assert.deepEqual(events.at(-1), { stage: "download", done: bytes, total: bytes, unit: "bytes", package: events.at(-1).package });
  channel.close();
  await visit();
  const { code } = await refused(prefetch(options({ packages: "foo", cache: false })));
  assert.equal(code, "invalid_argument");
});

const rawKey = (publicKey) => Buffer.from(publicKey.export({ format: "jwk" }).x, "base64url");

/** Publishes a head that expires in an hour. */
function publishSigned(serial, { privateKey, publicKey }) {
  const expires = new Date(Date.now() + 3_600_000).toISOString().replace("Z", "000Z");
  const head = Buffer.from(JSON.stringify({ ...JSON.parse(channel.objects.get(HEAD)), serial, expires }));
  const signature = sign(null, Buffer.concat([Buffer.from("pkgsrv head 1\n"), head]), privateKey).toString("base64");
  channel.objects.set(HEAD, head);
  const document = { format: 1, signatures: [{ key: sha256(rawKey(publicKey)).slice(0, 16), signature }] };
  channel.objects.set(`/repodata/2026_0/${sha256(head)}.sig.json`, Buffer.from(JSON.stringify(document)));
}

test("a head that is older than the one of an earlier visit is refused", async () => {
  const [key, other] = [generateKeyPairSync("ed25519"), generateKeyPairSync("ed25519")];
  const publicKeys = [rawKey(key.publicKey).toString("base64")];
  publishSigned(9, other);
  await visit();
  publishSigned(5, key);
  await visit({ publicKeys });
  publishSigned(4, key);
  assert.equal((await refused((await attach(pyodide, options({ publicKeys }))).install("foo"))).code, "older_head");
  await visit({ publicKeys, cache: false });
  publishSigned(5, key);
  await visit({ publicKeys });
});

test("a kept head has to be signed, by a key of now, and its time not over", async (t) => {
  const key = generateKeyPairSync("ed25519");
  publishSigned(1, key);
  const publicKeys = [rawKey(key.publicKey).toString("base64")];
  await visit({ publicKeys });
  channel.close();
  await visit({ publicKeys });
  const another = [rawKey(generateKeyPairSync("ed25519").publicKey).toString("base64")];
  const code = async (publicKeys) => (await refused((await attach(pyodide, options({ publicKeys }))).install("foo"))).code;
  assert.equal(await code(another), "bad_signature");
  t.mock.timers.enable({ apis: ["Date"], now: Date.now() + 3_700_000 });
  assert.equal(await code(publicKeys), "expired_head");
});

test("a head that is refused is not kept", async () => {
  await visit();
  const publicKeys = [rawKey(generateKeyPairSync("ed25519").publicKey).toString("base64")];
  const usual = channel.objects.get(HEAD);
  channel.objects.set(HEAD, Buffer.from(`${usual} `));
  await refused((await attach(pyodide, options({ publicKeys }))).install("foo"));
  assert.equal(existsSync(kept(`${usual} `)), false);
});

test("options that are none", async () => {
  const messages = [];
  for (const cache of ["directory", null, { maxBytes: -1 }]) messages.push((await refused(attach(pyodide, options({ cache })))).message);
  assert.deepEqual(messages, [
    "the option `cache` is directory, expected true, false or an object with `directory` and `maxBytes`",
    "the option `cache` is null, expected true, false or an object with `directory` and `maxBytes`",
    "the option `cache.maxBytes` is -1, expected a number above 0",
  ]);
});
