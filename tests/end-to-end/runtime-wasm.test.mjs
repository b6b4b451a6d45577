// `boot` where the runtime's wasm cannot be had, for which Pyodide itself waits for ever.
import assert from "node:assert/strict";
import { once } from "node:events";
import { createReadStream, mkdtempSync, readdirSync, rmSync, statSync, symlinkSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { pathToFileURL } from "node:url";
import { startBrowser } from "../support/browser.mjs";
import { startServer } from "../support/program.mjs";
import { abi, loaderModule, runtimeDirectory } from "../support/settings.mjs";

const { boot } = await import(loaderModule);

const wasm = "pyodide.asm.wasm";
const types = { mjs: "text/javascript", wasm: "application/wasm", json: "application/json" };

let server, browser;
before(async () => {
  server = await startServer();
  browser = await startBrowser();
});
after(async () => {
  await browser?.stop();
  await server?.stop();
});

/** Answers for the wasm; everything else of the runtime is sent as it is. */
const failures = {
  "that is not there": (response) => response.writeHead(404, { "access-control-allow-origin": "*" }).end("not here\n"),
  "that breaks off": (response) => {
    const { size } = statSync(join(runtimeDirectory, wasm));
    response.writeHead(200, { "access-control-allow-origin": "*", "content-type": types.wasm, "content-length": size });
    createReadStream(join(runtimeDirectory, wasm), { end: 100_000 }).on("end", () => response.destroy()).pipe(response, { end: false });
  },
  "that is another file": (response) =>
    response.writeHead(200, { "access-control-allow-origin": "*", "content-type": types.wasm }).end("no wasm\n"),
};

/** What `boot` rejects with, in a page or a worker. */
async function codeOf({ base, abi, runtime, image }) {
  const { boot } = await import(`${base}/loader/index.js`);
  try {
    await boot({ repodata: `${base}/repodata/${abi}/`, runtime, image });
    return "it started";
  } catch (error) {
    return `${error.name} ${error.code}`;
  }
}

const expected = { "that is another file": "LoaderError unsupported_runtime" };
for (const [name, answer] of Object.entries(failures)) {
  test(`in a page and in a worker, wasm ${name} is an error`, async () => {
    const runtime = createServer((request, response) => {
      const file = request.url.slice(1);
      if (file === wasm) return answer(response);
      response.writeHead(200, { "access-control-allow-origin": "*", "content-type": types[file.split(".").at(-1)] ?? "application/octet-stream" });
      return createReadStream(join(runtimeDirectory, file)).on("error", () => response.destroy()).pipe(response);
    });
    await once(runtime.listen(0, "127.0.0.1"), "listening");
    try {
      const argument = { base: server.base, abi, runtime: `http://127.0.0.1:${runtime.address().port}/` };
      const code = expected[name] ?? "LoaderError network";
      assert.equal(await browser.inPage(codeOf, { ...argument, image: true }), code);
      assert.equal(await browser.inWorker(codeOf, { ...argument, image: false }), code);
    } finally {
      runtime.closeAllConnections();
      runtime.close();
    }
  });
}

test("in Node, a runtime without its wasm is an error", async () => {
  const directory = mkdtempSync(join(tmpdir(), "pkgsrv-test-"));
  try {
    for (const file of readdirSync(runtimeDirectory)) {
      if (file !== wasm) symlinkSync(join(runtimeDirectory, file), join(directory, file));
    }
    const runtime = pathToFileURL(`${directory}/`);
    for (const image of [true, false]) {
      await assert.rejects(boot({ repodata: `${server.base}/repodata/${abi}/`, runtime, image }), (error) => {
        assert.deepEqual([error.name, error.code], ["LoaderError", "network"]);
        assert.ok(error.message.includes(wasm), error.message);
        return true;
      });
    }
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
});
