// A signed channel of the real program, and what the loader takes of it: in Node and in Chromium.
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { after, before, test } from "node:test";
import { startBrowser } from "../support/browser.mjs";
import { ownData, run, startServer } from "../support/program.mjs";
import { abi, loaderModule, runtimeDirectory, runtimeVersion } from "../support/settings.mjs";
import { temporaryDirectory } from "../support/upstream.mjs";
import { pureWheel } from "../support/wheel.mjs";

let directory, own, server, browser, pyodide, attach;

/** Runs a command on this test's channel; what it prints as JSON. */
async function pkgsrv(...words) {
  const { code, stdout, stderr } = await run([...words, "--data", own, "--json"]);
  assert.equal(code, 0, stderr);
  return JSON.parse(stdout);
}

async function publish(name) {
  const path = join(directory.path, `${name}-1.0-py3-none-any.whl`);
  writeFileSync(path, pureWheel(name, "1.0", { [`${name}.py`]: "word = 'signed'\n" }));
  return pkgsrv("publish", path, "--no-import");
}

const repodata = () => `${server.base}/repodata/${abi}/`;
const headFile = () => join(own, `store/repodata/${abi}/head.json`);
const loaderWith = (publicKeys) => attach(pyodide, { repodata: repodata(), publicKeys });

before(async () => {
  directory = temporaryDirectory();
  own = ownData(directory.path);
  const { loadPyodide } = await import(pathToFileURL(join(runtimeDirectory, "pyodide.mjs")).href);
  pyodide = await loadPyodide({ indexURL: `${runtimeDirectory}/` });
  ({ attach } = await import(loaderModule));
  await publish("before");
  server = await startServer(["serve", "--data", own]);
  browser = await startBrowser();
});
after(async () => {
  await browser?.stop();
  await server?.stop();
  directory.remove();
});

let key;

test("a channel that gets a key signs what it has and what comes", async () => {
  const unsigned = await loaderWith(["11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="]);
  await assert.rejects(unsigned.install("before"), { name: "LoaderError", code: "bad_signature" });
  const channel = await pkgsrv("channel", "init", "main");
  key = channel.public_keys[0].public_key;
  const loader = await loaderWith([key]);
  await loader.install("before");
  await publish("later");
  await loader.install("later");
  assert.equal(pyodide.runPython("import before, later; before.word + later.word"), "signedsigned");
  await assert.rejects(unsigned.install("later"), { code: "bad_signature" });
});

test("a page in Chromium takes what the key has signed, and nothing else", async () => {
  const inPage = async ({ base, abi, runtime, publicKeys }) => {
    const { loadPyodide } = await import(`${base}/runtime/pyodide/${runtime}/pyodide.mjs`);
    const { attach } = await import(`${base}/loader/index.js`);
    const pyodide = await loadPyodide();
    const loader = await attach(pyodide, { repodata: `${base}/repodata/${abi}/`, publicKeys });
    try {
      await loader.install("later");
      return pyodide.runPython("import later; later.word");
    } catch (error) {
      return error.code;
    }
  };
  const argument = { base: server.base, abi, runtime: runtimeVersion };
  assert.equal(await browser.inPage(inPage, { ...argument, publicKeys: [key] }), "signed");
  const other = "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=";
  assert.equal(await browser.inPage(inPage, { ...argument, publicKeys: [other] }), "bad_signature");
});

test("a rotation is seen by pages with either key, and ends with the new one", async () => {
  const rotated = await pkgsrv("channel", "rotate-key", "main");
  const [newer, older] = rotated.public_keys.map(({ public_key }) => public_key);
  assert.equal(older, key);
  for (const publicKeys of [[newer], [older], [older, newer]]) await (await loaderWith(publicKeys)).install("later");
  await pkgsrv("channel", "rotate-key", "main", "--retire-old");
  await (await loaderWith([newer])).install("later");
  await assert.rejects((await loaderWith([older])).install("later"), { code: "bad_signature" });
  key = newer;
});

test("an old head that comes back is refused, a rollback is not", async () => {
  const loader = await loaderWith([key]);
  const old = readFileSync(headFile());
  await publish("newest");
  await loader.install("newest");
  // As a server that holds readers back, or a cache on the way, would have it.
  const now = readFileSync(headFile());
  writeFileSync(headFile(), old);
  await assert.rejects(loader.install("newest"), { code: "older_head" });
  writeFileSync(headFile(), now);
  const { lines } = await pkgsrv("channel", "rollback", "main");
  assert.deepEqual(lines[0].deleted, ["newest-1.0-py3-none-any.whl"]);
  await loader.install("later");
  await assert.rejects((await loaderWith([key])).install("newest2"), { code: "unknown_package" });
});

/** Starts an interpreter in a page, a worker or Node; where an address ends with one of `altered`, a bit of the answer is another. */
const start = async ({ base, abi, loader = `${base}/loader/index.js`, altered = [], missing, replayed, ...options }) => {
  const { boot } = await import(loader);
  const answer = async (address, init) => {
    const name = String(address).split("/").at(-1);
    if (name === missing) return new Response("", { status: 404 });
    if (replayed !== undefined && name === "signed_files.json") return new Response(replayed);
    const response = await fetch(address, init);
    if (!altered.includes(name)) return response;
    const bytes = new Uint8Array(await response.arrayBuffer());
    bytes[bytes.length >> 1] ^= 1;
    return new Response(bytes);
  };
  try {
    const isChanged = altered.length > 0 || missing !== undefined || replayed !== undefined;
    const given = { repodata: `${base}/repodata/${abi}/`, ...options, ...(isChanged && { fetch: answer, attempts: 1 }) };
    const { pyodide, restored, reason, installed } = await boot(given);
    const word = pyodide.runPython("import sys; '-'.join([sys.modules['before'].word] if 'before' in sys.modules else []) or sys.version[:4]");
    return { restored, ...(reason && { reason }), installed: installed.map(({ name }) => name), word };
  } catch (error) {
    return { code: error.code, message: error.message };
  }
};

const argument = (more) => ({ base: server.base, abi, publicKeys: [key], ...more });
const inNode = (more) => start(argument({ loader: loaderModule, runtime: String(pathToFileURL(`${runtimeDirectory}/`)), ...more }));
const BAKED = { restored: true, installed: ["before"], word: "signed" };
const BARE = { restored: true, installed: [], word: "3.14" };

test("an environment and the runtime are signed: a page, a worker and Node start from them", async () => {
  await pkgsrv("bake", "before");
  for (const more of [{ environment: "before" }, {}]) {
    const expected = more.environment ? BAKED : BARE;
    assert.deepEqual(await browser.inPage(start, argument(more)), expected);
    assert.deepEqual(await browser.inWorker(start, argument(more)), expected);
    assert.deepEqual(await inNode(more), expected);
  }
});

test("they are signed in Firefox too", async () => {
  const firefox = await startBrowser("firefox");
  try {
    assert.deepEqual(await firefox.inPage(start, argument({ environment: "before" })), BAKED);
    assert.deepEqual(await firefox.inWorker(start, argument({ environment: "before" })), BAKED);
  } finally {
    await firefox.stop();
  }
});

test("of the runtime nothing runs that is not what was signed", async () => {
  for (const name of ["pyodide.mjs", "pyodide.asm.mjs", "pyodide.asm.wasm", "pyodide-lock.json"]) {
    const { code, message } = await browser.inPage(start, argument({ altered: [name] }));
    assert.equal(code, "hash_mismatch", name);
    assert.ok(message.includes(name), message);
  }
  const { restored, reason } = await browser.inPage(start, argument({ altered: ["image.json"] }));
  assert.equal(restored, false);
  assert.match(reason, /image\.json has SHA-256 \w+, but \w+ is signed; nothing of it is used$/);
  const library = await browser.inPage(start, argument({ image: false, altered: ["python_stdlib.zip"] }));
  assert.equal(library.code, "hash_mismatch");
  assert.deepEqual(await browser.inPage(start, argument({ image: false })), { ...BARE, restored: false, reason: "the option `image` is false" });
});

test("an environment that nobody has signed is refused", async () => {
  const { code, message } = await inNode({ environment: "before", altered: ["before.json"] });
  assert.equal(code, "hash_mismatch");
  assert.match(message, /before\.json has SHA-256 \w+, but \w+ is signed; nothing of it is used$/);
  for (const changed of [{ altered: ["signed_files.json"] }, { publicKeys: ["11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="] }]) {
    assert.equal((await inNode({ environment: "before", ...changed })).code, "bad_signature");
  }
  const unsigned = { missing: "signed_files.json" };
  for (const client of [inNode, (more) => browser.inPage(start, argument(more))]) {
    const { code, message } = await client({ environment: "before", ...unsigned });
    assert.equal(code, "bad_signature");
    assert.match(message, /^what interpreters start from is not signed: .*signed_files\.json answered 404/);
  }
  assert.equal((await browser.inPage(start, argument(unsigned))).code, "bad_signature");
  // Node has a runtime of its own, and uses no image then.
  const { restored, reason, word } = await inNode(unsigned);
  assert.deepEqual([restored, word], [false, "3.14"]);
  assert.match(reason, /is not signed/);
});

test("what was fetched ahead needs no network, and is checked all the same", async () => {
  const visit = async ({ base, abi, publicKeys }) => {
    const { boot, prefetch } = await import(`${base}/loader/index.js`);
    const options = { repodata: `${base}/repodata/${abi}/`, publicKeys, cache: true, environment: "before" };
    const { kept } = await prefetch(options);
    const gone = () => Promise.reject(new TypeError("no network"));
    const { pyodide, restored } = await boot({ ...options, fetch: gone, attempts: 1 });
    return { kept, restored, word: pyodide.runPython("import before; before.word") };
  };
  assert.deepEqual(await browser.inPage(visit, argument()), { kept: true, restored: true, word: "signed" });
});

test("an environment that is baked again is signed again, and the list before is not believed by who saw it", async () => {
  const path = join(own, `environments/main/${abi}/signed_files.json`);
  const old = readFileSync(path, "utf8");
  const warm = join(directory.path, "warm.py");
  writeFileSync(warm, "import before\nbefore.word = 'again'\n");
  await pkgsrv("bake", "before", "--warm", warm);
  const cache = { directory: join(directory.path, "kept") };
  assert.deepEqual(await inNode({ environment: "before", cache }), { ...BAKED, word: "again" });
  assert.equal((await inNode({ environment: "before", cache, replayed: old })).code, "older_head");
  await pkgsrv("channel", "refresh", "main", "--head-expiry", "30");
  assert.deepEqual(await inNode({ environment: "before" }), { ...BAKED, word: "again" });
  await pkgsrv("bake", "--remove", "before");
  assert.equal((await inNode({ environment: "before" })).code, "unknown_environment");
});
