// Wheels that arrive in an encoding: what the runtime's own fetch asks for is what it decodes, and all that is counted
// and checked is decoded.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import * as zlib from "node:zlib";

import { serveChannel, sha256 } from "./support/channel.mjs";
import { refused } from "./support/refused.mjs";
import { attach, startPyodide } from "./support/runtime.mjs";
import { wheel } from "./support/wheel.mjs";

const encoders = {
  br: zlib.brotliCompressSync,
  deflate: zlib.deflateSync,
  gzip: zlib.gzipSync,
  zstd: zlib.zstdCompressSync,
};
const text = "word = 'so much of the same'\n".repeat(5_000);
const made = (name) => wheel({ name, files: { [`${name}.py`]: text } });
/** The package that comes in an encoding; some of their names are those of modules of Python. */
const named = (coding) => `sent_as_${coding}`;
const blob = ({ bytes, filename }) => `/blobs/${sha256(bytes)}/${filename}`;

let pyodide, channel, loader;
const accepted = [];

/** Serves a wheel's bytes in an encoding, with the length that they then have. */
function serveEncoded(served, coding, bytes = served.bytes) {
  channel.objects.set(blob(served), (request, response) => {
    accepted.push(request.headers["accept-encoding"]);
    const body = encoders[coding](bytes);
    assert.notEqual(body.length, bytes.length);
    response.writeHead(200, { "content-encoding": coding, "content-length": body.length, vary: "Accept-Encoding" });
    response.end(body);
  });
}

before(async () => {
  pyodide = await startPyodide();
  channel = await serveChannel(["probe", "bad", ...Object.keys(encoders).map(named)].map(made));
  loader = await attach(pyodide, { repodata: channel.repodata });
});
after(() => channel.close());

test("every encoding that is asked for is decoded, and progress counts what comes out", async () => {
  serveEncoded(made("probe"), "gzip");
  await loader.install("probe");
  const codings = accepted[0].split(",").map((coding) => coding.trim().split(";")[0]);
  assert.ok(codings.includes("gzip"), accepted[0]);
  for (const coding of codings) {
    assert.ok(encoders[coding], `fetch asks for ${coding}, which Node ${process.version} cannot make`);
    const name = named(coding);
    serveEncoded(made(name), coding);
    const downloads = [];
    const { installed } = await loader.install(name, {
      onProgress: ({ stage, done, total }) => stage === "download" && downloads.push([done, total]),
    });
    const { bytes } = made(name);
    const size = bytes.length;
    assert.deepEqual(installed.map((one) => [one.size, one.sha256]), [[size, sha256(bytes)]]);
    assert.deepEqual(downloads.at(-1), [size, size], coding);
    assert.ok(downloads.every(([done]) => done <= size), coding);
    assert.equal(pyodide.runPython(`import ${name}; ${name}.word`), "so much of the same");
  }
});

test("what does not decode to the right bytes is refused", async () => {
  const bad = made("bad");
  const size = bad.bytes.length;
  const altered = Buffer.from(bad.bytes);
  altered[40] ^= 1;
  for (const [bytes, found, wanted] of [
    [altered, `SHA-256 ${sha256(altered)}`, sha256(bad.bytes)],
    [bad.bytes.subarray(0, size - 1), `${size - 1} bytes`, `${size} bytes`],
    // A small body may decode to a large one; no more is taken than was announced.
    [Buffer.concat([bad.bytes, Buffer.alloc(1 << 24)]), `more than ${size} bytes`, `${size} bytes`],
  ]) {
    serveEncoded(bad, "gzip", bytes);
    const message = `${blob(bad)} has ${found}, expected ${wanted}; nothing of it is used`;
    assert.deepEqual(await refused(loader.install("bad"), channel.address), { code: "hash_mismatch", message });
  }
});
