// Every client in headless Chromium, from a page of another origin.
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
