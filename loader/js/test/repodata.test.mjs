// Repodata comes in parts, and of those only what is asked for.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { serveChannel, sha256 } from "./support/channel.mjs";
import { refused } from "./support/refused.mjs";
import { attach, startPyodide } from "./support/runtime.mjs";
import { wheel } from "./support/wheel.mjs";

const module = (name, depends = []) => wheel({ name, depends, files: { [`${name}.py`]: `name = "${name}"\n` } });
const wheels = [
  module("app", ["lib"]), module("lib", ["base"]), module("base"), module("other"),
  module("whole", ["part"]), module("part"), module("altered"),
];

let pyodide;
let channel;
let loader;

before(async () => {
  pyodide = await startPyodide();
  channel = await serveChannel(wheels);
  loader = await attach(pyodide, { repodata: channel.repodata });
});

after(() => channel.close());

/** Stores a node, and returns what names it. */
function store(node, { entries, weight = 1 }) {
  const bytes = Buffer.from(JSON.stringify({ format: 2, ...node }));
  const reference = { sha256: sha256(bytes), size: bytes.length, entries, weight };
  channel.objects.set(`/repodata/2026_0/${reference.sha256}.json`, bytes);
  return reference;
}

/** Publishes the packages with one leaf each, below two levels of branches. */
function publishTree(weight = 1) {
  const branches = {};
  const leaves = {};
  for (const [name, releases] of Object.entries(channel.packages)) {
    const way = sha256(Buffer.from(name));
    leaves[name] = store({ leaf: { [name]: releases } }, { entries: 1 });
    (branches[way[0]] ??= {})[way[1]] = leaves[name];
  }
  const children = Object.entries(branches).map(([digit, branch]) => [digit, store({ branch }, { entries: 1 })]);
  const repodata = store({ branch: Object.fromEntries(children) }, { entries: wheels.length, weight });
  const runtime = { name: "pyodide", version: "314.0.7", python: "3.14.2" };
  const head = { format: 2, abi: "2026_0", serial: 2, blobs: "../../blobs/", runtime, repodata };
  channel.objects.set("/repodata/2026_0/head.json", Buffer.from(JSON.stringify(head)));
  return { leaves, repodata };
}

const asked = () => channel.requests.filter((path) => path.startsWith("/repodata/"));
const node = ({ sha256 }) => `/repodata/2026_0/${sha256}.json`;

test("a node that was altered on the way", async () => {
  const { leaves } = publishTree();
  const leaf = channel.objects.get(node(leaves.lib));
  channel.objects.set(node(leaves.lib), Buffer.from(leaf.toString().replace("1.0", "1.1")));
  assert.equal((await refused(loader.install("app"))).code, "hash_mismatch");
  channel.objects.set(node(leaves.lib), leaf);
});

test("only the ways to what is needed are read, and once", async () => {
  const { leaves, repodata } = publishTree();
  const fresh = await attach(pyodide, { repodata: channel.repodata });
  channel.requests.length = 0;
  const { installed } = await fresh.install("app");
  assert.deepEqual(installed.map(({ name }) => name), ["base", "lib", "app"]);
  assert.equal(pyodide.runPython("import app, lib, base; base.name"), "base");
  const first = asked();
  assert.deepEqual(first.slice(0, 2), ["/repodata/2026_0/head.json", node(repodata)]);
  for (const name of ["app", "lib", "base"]) assert.ok(first.includes(node(leaves[name])), name);
  assert.ok(!first.includes(node(leaves.other)));
  assert.equal(new Set(first).size, first.length, "nothing is asked for twice");

  channel.requests.length = 0;
  await fresh.install("other");
  assert.ok(asked().includes(node(leaves.other)));
  assert.ok(!asked().includes(node(repodata)), "the root is known");
});

test("a server that can sends all nodes of a large repodata at once", async () => {
  const { leaves, repodata } = publishTree(1 << 20);
  const text = ({ sha256 }) => channel.objects.get(`/repodata/2026_0/${sha256}.json`).toString();
  const branches = Object.values(JSON.parse(text(repodata)).branch);
  const all = [repodata, ...branches, ...Object.values(leaves)].map(text);
  const lines = (nodes) => Buffer.from(nodes.map((line) => `${line}\n`).join(""));
  const altered = all.map((line) => (line === text(leaves.altered) ? line.replace("1.0", "1.1") : line));
  // What was altered on the way is another node, which nobody asked for; the right one is fetched.
  for (const [name, sent, fetched] of [["whole", all, []], ["altered", altered, [node(leaves.altered)]]]) {
    const address = `/repodata/2026_0/${repodata.sha256}/nodes?requirement=${name}`;
    channel.objects.set(address, lines(sent));
    channel.requests.length = 0;
    const fresh = await attach(pyodide, { repodata: channel.repodata });
    await fresh.install(name);
    assert.deepEqual(asked(), ["/repodata/2026_0/head.json", address, ...fetched]);
    assert.equal(pyodide.runPython(`import ${name}; ${name}.name`), name);
  }
});

test("a bucket, which cannot, is asked once", async () => {
  publishTree(1 << 20);
  const fresh = await attach(pyodide, { repodata: channel.repodata });
  channel.requests.length = 0;
  assert.equal((await refused(fresh.install("appp"))).code, "unknown_package");
  assert.equal((await refused(fresh.install("appq"))).code, "unknown_package");
  assert.equal(channel.requests.filter((path) => path.includes("/nodes?")).length, 1);
});

test("a name that no leaf has", async () => {
  publishTree();
  const { code, message } = await refused(loader.install("appp"));
  assert.equal(code, "unknown_package");
  assert.match(message, /^unknown package `appp`/);
});

test("repodata of format 1, one document", async () => {
  const names = ["late"];
  const late = module(...names);
  channel.objects.set(`/blobs/${sha256(late.bytes)}/${late.filename}`, late.bytes);
  const release = {
    version: "1.0", filename: late.filename, sha256: sha256(late.bytes), size: late.bytes.length, depends: [], imports: names,
  };
  const runtime = { name: "pyodide", version: "314.0.7", python: "3.14.2" };
  const repodata = { format: 1, abi: "2026_0", blobs: "../../blobs/", runtime, packages: { late: [release] } };
  const bytes = Buffer.from(JSON.stringify(repodata));
  const reference = { sha256: sha256(bytes), size: bytes.length };
  channel.objects.set(`/repodata/2026_0/${reference.sha256}.json`, bytes);
  const head = { format: 1, abi: "2026_0", serial: 3, index: reference, repodata: reference };
  channel.objects.set("/repodata/2026_0/head.json", Buffer.from(JSON.stringify(head)));
  await loader.install("late");
  assert.equal(pyodide.runPython("import late; late.name"), "late");
});
