// Every client in headless Chromium, from a page of another origin.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { startBrowser } from "../support/browser.mjs";
import { withLoader, withLoadPackage, withMicropip } from "../support/clients.mjs";
import { assertNumpy, expectedNumpy, numpyCode } from "../support/numpy.mjs";
import { startServer } from "../support/program.mjs";
import { abi, runtimeVersion } from "../support/settings.mjs";

let server, browser, expected, argument, uploaded, twin;
before(async () => {
  server = await startServer();
  const json = async (path, accept) => (await fetch(`${server.base}${path}`, { headers: { accept } })).json();
  const page = await json("/simple/numpy/", "application/vnd.pypi.simple.v1+json");
  uploaded = { sha256: page.files[0].hashes.sha256, size: page.files[0].size };
  twin = (await json(`/pyodide/${abi}/pyodide-lock.json`, "*/*")).packages.numpy.sha256;
  browser = await startBrowser();
  expected = expectedNumpy();
  argument = { base: server.base, abi, runtime: runtimeVersion, packages: ["numpy"], code: numpyCode };
});
after(async () => {
  await browser?.stop();
  await server?.stop();
});

/** How numpy's wheel came to the last page: the digest in its address, its encoding, its bytes on the wire. */
function sent() {
  const wheels = browser.responses.filter(({ url }) => /\/blobs\/.*\/numpy-.*\.whl$/.test(url));
  return wheels.map(({ url, status, headers }) => ({
    status,
    sha256: url.split("/").at(-2),
    encoding: headers["content-encoding"],
    length: Number(headers["content-length"]),
  }));
}

/** That it was the stored twin, in brotli, and less than two thirds of what was uploaded. */
function assertTwinWasSent() {
  assert.notEqual(twin, uploaded.sha256);
  const [{ length, ...wheel }, ...others] = sent();
  assert.deepEqual([wheel, others], [{ status: 200, sha256: twin, encoding: "br" }, []]);
  assert.ok(length <= 0.65 * uploaded.size, `${length} of ${uploaded.size} bytes`);
}

/** That it was the compiled twin, in brotli, which is still less than what was uploaded. */
function assertCompiledTwinWasSent() {
  const [{ length, sha256, ...wheel }, ...others] = sent();
  assert.deepEqual([wheel, others], [{ status: 200, encoding: "br" }, []]);
  assert.ok(sha256 !== twin && sha256 !== uploaded.sha256);
  assert.ok(length <= 0.8 * uploaded.size, `${length} of ${uploaded.size} bytes`);
}

test("numpy by our loader in a page", async () => {
  assertNumpy(await browser.inPage(withLoader, argument), expected);
  assertCompiledTwinWasSent();
});

test("numpy by our loader in a module worker", async () => {
  assertNumpy(await browser.inWorker(withLoader, argument), expected);
  assertCompiledTwinWasSent();
});

test("numpy by an unmodified loadPackage with our lockfile", async () => {
  assertNumpy(await browser.inPage(withLoadPackage, argument), expected);
  assertTwinWasSent();
});

test("numpy by an unmodified micropip.install with our index", async () => {
  assertNumpy(await browser.inPage(withMicropip, argument), expected);
  const { sha256, size } = uploaded;
  assert.deepEqual(sent(), [{ status: 200, sha256, encoding: undefined, length: size }]);
});

test("import installs, where Python can wait", async () => {
  const importing = async ({ base, abi }) => {
    const { boot } = await import(`${base}/loader/index.js`);
    const { pyodide, loader } = await boot({ repodata: `${base}/repodata/${abi}/` });
    const code = `
import importlib.util, pkgsrv
pkgsrv.install_on_import()
found = [importlib.util.find_spec("yaml") is None]
def inner():
    import yaml
    return yaml.safe_load("[1, 2]")
found.append(inner() == [1, 2])
try:
    import nowhere_to_be_found
except ModuleNotFoundError as error:
    found.append(str(error))
found`;
    const found = await pyodide.runPythonAsync(code);
    return [found.toJs(), (await loader.list()).map(({ name }) => name)];
  };
  const expected = [[true, true, "No module named 'nowhere_to_be_found'"], ["pyyaml"]];
  assert.deepEqual(await browser.inPage(importing, argument), expected);
  assert.deepEqual(await browser.inWorker(importing, argument), expected);
});

test("the snippets that the server prints work as they are", async () => {
  const snippets = printedSnippets(server.output.stdout);
  assert.equal(snippets.length, 3);
  const [byLoader, byMicropip, byLoadPackage] = snippets;
  const use = "globalThis.escaped = pyodide.runPython('import markupsafe; str(markupsafe.escape(\"<\"))');";
  const run = async (code) => {
    await import(URL.createObjectURL(new Blob([code], { type: "text/javascript" })));
    return globalThis.escaped;
  };
  assert.equal(await browser.inPage(run, `${byLoader}\n${use}`), "&lt;");
  assert.equal(await browser.inPage(run, `${byLoadPackage}\n${use}`), "&lt;");
  // A page has micropip once it has loaded it; the snippet is what is typed then.
  const loadsMicropip = byLoadPackage.replace(/loadPackage\(.*\)/, 'loadPackage("micropip")');
  const types = `await pyodide.runPythonAsync(${JSON.stringify(byMicropip)});`;
  assert.equal(await browser.inPage(run, `${loadsMicropip}\n${types}\n${use}`), "&lt;");
});

/** The indented blocks of code below the addresses. */
function printedSnippets(printed) {
  const lines = printed.split("\n");
  const blocks = [];
  let inside = false;
  for (const line of lines) {
    const code = line.startsWith("    ");
    if (code && !inside) blocks.push([]);
    if (code) blocks.at(-1).push(line.slice(4));
    inside = code;
  }
  return blocks.map((block) => block.join("\n"));
}
