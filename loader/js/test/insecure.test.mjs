// A page that is no secure context has no crypto.subtle; the digest is checked all the same.
import assert from "node:assert/strict";
import { test } from "node:test";

import { serveChannel, sha256 } from "./support/channel.mjs";
import { refused } from "./support/refused.mjs";
import { attach, startPyodide } from "./support/runtime.mjs";
import { wheel } from "./support/wheel.mjs";

test("hashing without crypto.subtle", async () => {
  const bar = wheel({ name: "bar", files: { "bar.py": `word = '${"bar".repeat(5000)}'\n` } });
  const channel = await serveChannel([bar]);
  const pyodide = await startPyodide();
  const { getRandomValues } = globalThis.crypto;
  const crypto = { getRandomValues: getRandomValues.bind(globalThis.crypto) };
  Object.defineProperty(globalThis, "crypto", { value: crypto, configurable: true });
  const loader = await attach(pyodide, { repodata: channel.repodata });
  const altered = Buffer.from(bar.bytes);
  altered[50] ^= 1;
  const address = `/blobs/${sha256(bar.bytes)}/${bar.filename}`;
  channel.objects.set(address, altered);
  assert.deepEqual(await refused(loader.install("bar"), channel.address), {
    code: "hash_mismatch",
    message: `${address} has SHA-256 ${sha256(altered)}, expected ${sha256(bar.bytes)}; nothing of it is used`,
  });
  channel.objects.set(address, bar.bytes);
  await loader.install("bar");
  assert.equal(pyodide.runPython("import bar; bar.word[:3]"), "bar");
  channel.close();
});
