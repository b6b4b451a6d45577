// A signed channel of the real program, and what the loader takes of it: in Node and in Chromium.
import assert from "node:assert/strict";
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { after, before, test } from "node:test";
import { startBrowser } from "../support/browser.mjs";
import { run, startServer } from "../support/program.mjs";
import { abi, data, loaderModule, runtimeDirectory, runtimeVersion } from "../support/settings.mjs";
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
  own = join(directory.path, "data");
  mkdirSync(own);
  symlinkSync(join(data, "runtime"), join(own, "runtime"));
  symlinkSync(dirname(fileURLToPath(loaderModule)), join(own, "loader"));
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
