// `boot` in browsers and Node: from the image that the server publishes, with numpy, and what comes afterwards.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, test } from "node:test";
import { startBrowser } from "../support/browser.mjs";
import { withBoot } from "../support/clients.mjs";
import { inNode } from "../support/node-clients.mjs";
import { assertNumpy, expectedNumpy, numpyCode } from "../support/numpy.mjs";
import { startServer } from "../support/program.mjs";
import { abi, root } from "../support/settings.mjs";

const facts = readFileSync(`${root}/loader/js/test/support/facts.py`, "utf8");

let server, browser, argument;
before(async () => {
  server = await startServer();
  browser = await startBrowser();
  argument = { base: server.base, abi, packages: ["numpy"], code: numpyCode };
});
after(async () => {
  await browser?.stop();
  await server?.stop();
});

test("numpy in a page", async () => {
  assertNumpy(await browser.inPage(withBoot, argument), expectedNumpy());
});

test("numpy in a module worker", async () => {
  assertNumpy(await browser.inWorker(withBoot, argument), expectedNumpy());
});

test("numpy in Node", async () => {
  assert.ok((await inNode(withBoot, { ...argument, code: "import numpy; numpy.linalg.svd(numpy.eye(3))" })) > 0);
});

test("numpy in Firefox, in a page and in a module worker", async () => {
  const firefox = await startBrowser("firefox");
  try {
    assertNumpy(await firefox.inPage(withBoot, argument), expectedNumpy());
    assertNumpy(await firefox.inWorker(withBoot, argument), expectedNumpy());
  } finally {
    await firefox.stop();
  }
});

for (const [engine, place] of [["chromium", "inPage"], ["chromium", "inWorker"], ["firefox", "inWorker"]]) {
  test(`a restored interpreter says of itself what one says that started, ${engine}, ${place}`, async () => {
    const ask = async ({ base, abi, facts, image }) => {
      const { boot } = await import(`${base}/loader/index.js`);
      const { pyodide, restored } = await boot({ repodata: `${base}/repodata/${abi}/`, image });
      return { restored, facts: pyodide.runPython(facts) };
    };
    const other = engine === "chromium" ? undefined : await startBrowser(engine);
    const told = (image) => (other ?? browser)[place](ask, { ...argument, facts, image });
    const [restored, started] = await told(true).then(async (first) => [first, await told(false)]).finally(() => other?.stop());
    assert.deepEqual([restored.restored, started.restored], [true, false]);
    assert.deepEqual(JSON.parse(restored.facts), JSON.parse(started.facts));
  });
}

test("what the image needs comes encoded, and of the runtime nothing twice", async () => {
  await browser.inPage(withBoot, argument);
  const files = browser.responses.filter(({ url }) => url.includes("/runtime/"));
  const ahead = files.filter(({ url }) => /memory-|stdlib-|pyodide\.asm/.test(url));
  assert.deepEqual([...new Set(ahead.map(({ headers }) => headers["content-encoding"]))], ["zstd"]);
  const names = files.map(({ url }) => url.split("/").at(-1).replace(/-[0-9a-f]{16}/, ""));
  assert.deepEqual([...new Set(names)].sort(), ["image.json", "memory.bin", "pyodide.asm.mjs", "pyodide.asm.wasm", "pyodide.mjs", "stdlib.zip"]);
  const twice = names.filter((name, at) => names.indexOf(name) !== at);
  // Pyodide is given the index, small and in the browser's cache, where it would fetch its own standard library.
  assert.deepEqual(twice.filter((name) => name !== "image.json"), []);
});

test("the resolver is fetched when something is resolved", async () => {
  const lock = await (await fetch(`${server.base}/resolve?requirement=markupsafe&abi=${abi}`)).json();
  const installs = async ({ base, abi, wanted }) => {
    const { boot } = await import(`${base}/loader/index.js`);
    const { loader } = await boot({ repodata: `${base}/repodata/${abi}/` });
    const { installed } = await loader.install(wanted);
    return installed.map(({ name }) => name);
  };
  for (const [wanted, fetched] of [[lock, 0], ["markupsafe", 1]]) {
    assert.deepEqual(await browser.inPage(installs, { ...argument, wanted }), ["markupsafe"]);
    const found = browser.responses.filter(({ url }) => url.endsWith("/pkgsrv_resolver_bg.wasm"));
    assert.equal(found.length, fetched, JSON.stringify(wanted));
  }
});

test("loadPackage, micropip and the loader go on in it", async () => {
  const goOn = async ({ base, abi }) => {
    const { boot } = await import(`${base}/loader/index.js`);
    const { pyodide, loader, restored } = await boot({ repodata: `${base}/repodata/${abi}/`, packages: ["numpy"] });
    await pyodide.loadPackage(["micropip", "pyyaml"]);
    const micropip = pyodide.pyimport("micropip");
    await micropip.install.callKwargs("markupsafe", { index_urls: `${base}/simple` });
    const { installed } = await loader.install(["pydantic_core"]);
    const code = `
import ctypes, json, markupsafe, micropip, numpy, pydantic_core, yaml
json.dumps({
    "listed": sorted({name.lower() for name in micropip.list()} & {"numpy", "micropip", "pyyaml", "markupsafe"}),
    "numpy": numpy.arange(3).sum().item(),
    "yaml": yaml.load("a: 1", Loader=yaml.CLoader),
    "escaped": markupsafe.escape("<"),
    "library": ctypes.CDLL(yaml._yaml.__file__) is not None,
})`;
    return { restored, names: installed.map(({ name }) => name), found: JSON.parse(pyodide.runPython(code)), loaded: Object.keys(pyodide.loadedPackages) };
  };
  const { restored, names, found, loaded } = await browser.inPage(goOn, argument);
  assert.equal(restored, true);
  assert.deepEqual(names, ["typing-extensions", "pydantic-core"]);
  assert.deepEqual(found, { listed: ["markupsafe", "micropip", "numpy", "pyyaml"], numpy: 3, yaml: { a: 1 }, escaped: "&lt;", library: true });
  assert.ok(["numpy", "micropip", "pyyaml"].every((name) => loaded.includes(name)), loaded.join());
});
