// Every client in headless Chromium, from a page of another origin.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { startBrowser } from "../support/browser.mjs";
import { withLoader, withLoadPackage, withMicropip } from "../support/clients.mjs";
import { assertNumpy, expectedNumpy, numpyCode } from "../support/numpy.mjs";
import { startServer } from "../support/program.mjs";
import { abi, runtimeVersion } from "../support/settings.mjs";

let server, browser, expected, argument;
before(async () => {
  server = await startServer();
  browser = await startBrowser();
  expected = expectedNumpy();
  argument = { base: server.base, abi, runtime: runtimeVersion, packages: ["numpy"], code: numpyCode };
});
after(async () => {
  await browser?.stop();
  await server?.stop();
});

test("numpy by our loader in a page", async () => {
  assertNumpy(await browser.inPage(withLoader, argument), expected);
});

test("numpy by our loader in a module worker", async () => {
  assertNumpy(await browser.inWorker(withLoader, argument), expected);
});

test("numpy by an unmodified loadPackage with our lockfile", async () => {
  assertNumpy(await browser.inPage(withLoadPackage, argument), expected);
});

test("numpy by an unmodified micropip.install with our index", async () => {
  assertNumpy(await browser.inPage(withMicropip, argument), expected);
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
