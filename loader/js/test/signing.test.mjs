// A page that has a channel's keys takes nothing that was not signed by them.
import assert from "node:assert/strict";
import { createHash, generateKeyPairSync, sign } from "node:crypto";
import { after, before, beforeEach, test } from "node:test";

import { serveChannel, sha256 } from "./support/channel.mjs";
import { refused } from "./support/refused.mjs";
import { attach, startPyodide } from "./support/runtime.mjs";
import { wheel } from "./support/wheel.mjs";

const HEAD = "/repodata/2026_0/head.json";
const DAY = 86_400_000;

function makeKey() {
  const { privateKey, publicKey } = generateKeyPairSync("ed25519");
  const raw = Buffer.from(publicKey.export({ format: "jwk" }).x, "base64url");
  const name = createHash("sha256").update(raw).digest("hex").slice(0, 16);
  return { privateKey, name, text: raw.toString("base64") };
}

const [trusted, other] = [makeKey(), makeKey()];
let pyodide;
let channel;
let unsigned;
let number = 0;

before(async () => {
  pyodide = await startPyodide();
  const names = Array.from({ length: 12 }, (_, index) => `signed${index}`);
  channel = await serveChannel(names.map((name) => wheel({ name, files: { [`${name}.py`]: "word = 'signed'\n" } })));
  unsigned = JSON.parse(channel.objects.get(HEAD));
});

after(() => channel.close());

beforeEach(() => {
  number += 1;
});

const signatureOf = (head, { privateKey, name }, domain = "pkgsrv head 1\n") => ({
  key: name,
  signature: sign(null, Buffer.concat([Buffer.from(domain), head]), privateKey).toString("base64"),
});

const inDays = (days) => new Date(Date.now() + days * DAY).toISOString().replace("Z", "000Z");

/** Publishes a head with these signatures. */
function publish({ serial = 1, expires = inDays(1), sign: signatures, format = 1 }) {
  const head = Buffer.from(JSON.stringify({ ...unsigned, serial, expires }));
  channel.objects.set(HEAD, head);
  const document = Buffer.from(JSON.stringify({ format, signatures: signatures(head) }));
  channel.objects.set(`/repodata/2026_0/${sha256(head)}.sig.json`, document);
  return head;
}

const fresh = (publicKeys = [trusted.text]) => attach(pyodide, { repodata: channel.repodata, publicKeys });
/** What an install that must not happen is refused with. */
async function refusal(loader) {
  const name = `signed${number}`;
  const { code, message } = await refused(loader.install(name), channel.address);
  assert.equal(pyodide.runPython(`import importlib.util; importlib.util.find_spec("${name}") is None`), true);
  return { code, message };
}

test("a signed head is used, by any of the keys", async () => {
  publish({ sign: (head) => [signatureOf(head, other), signatureOf(head, trusted)] });
  const loader = await fresh();
  await loader.install(`signed${number}`);
  assert.equal(pyodide.runPython(`import signed${number}; signed${number}.word`), "signed");
  await (await fresh([other.text])).install("signed0");
});

test("a head without a signature", async () => {
  publish({ sign: () => [] });
  const loader = await fresh();
  assert.deepEqual(await refusal(loader), {
    code: "bad_signature",
    message: `no key of \`publicKeys\` has signed ${HEAD}; nothing of it is used`,
  });
  channel.objects.set(HEAD, Buffer.from(JSON.stringify(unsigned)));
  const { code, message } = await refusal(loader);
  assert.equal(code, "bad_signature");
  assert.match(message, /^\/repodata\/2026_0\/head\.json is not signed: .*\.sig\.json answered 404, expected 200$/);
});

test("signatures that are none", async () => {
  for (const signatures of [
    (head) => [signatureOf(head, other)],
    (head) => [{ ...signatureOf(head, other), key: trusted.name }],
    (head) => [signatureOf(head, trusted, "")],
    (head) => [signatureOf(head, trusted, "pkgsrv head 2\n")],
    (head) => [signatureOf(Buffer.concat([head, Buffer.from(" ")]), trusted)],
    () => [{ key: trusted.name, signature: "?" }, { key: trusted.name, signature: "" }, {}],
  ]) {
    publish({ sign: signatures });
    assert.equal((await refusal(await fresh())).code, "bad_signature");
  }
  publish({ sign: (head) => [signatureOf(head, trusted)], format: 2 });
  assert.deepEqual(await refusal(await fresh()), {
    code: "bad_signature",
    message: `the signatures of ${HEAD} have format 2, expected 1`,
  });
});

test("a head that was altered after it was signed", async () => {
  const head = publish({ sign: (head) => [signatureOf(head, trusted)] });
  const signatures = channel.objects.get(`/repodata/2026_0/${sha256(head)}.sig.json`);
  const altered = Buffer.from(head.toString().replace("blobs/", "elsewhere/"));
  channel.objects.set(HEAD, altered);
  channel.objects.set(`/repodata/2026_0/${sha256(altered)}.sig.json`, signatures);
  assert.equal((await refusal(await fresh())).code, "bad_signature");
});

test("a head whose time is over", async () => {
  const expires = inDays(-1);
  publish({ expires, sign: (head) => [signatureOf(head, trusted)] });
  assert.deepEqual(await refusal(await fresh()), {
    code: "expired_head",
    message: `${HEAD} has expired at ${expires}; the server must renew it, or this machine's clock is wrong`,
  });
  for (const expires of [undefined, "soon", 4e12]) {
    publish({ expires: expires ?? null, sign: (head) => [signatureOf(head, trusted)] });
    assert.equal((await refusal(await fresh())).code, "expired_head");
  }
});

test("a head that is older than one seen before", async () => {
  const signatures = (head) => [signatureOf(head, trusted)];
  const loader = await fresh();
  publish({ serial: 8, sign: signatures });
  await loader.install("signed8");
  publish({ serial: 7, sign: signatures });
  assert.deepEqual(await refusal(loader), {
    code: "older_head",
    message: `${HEAD} has serial 7, but 8 was there before; nothing of it is used`,
  });
  // A head that nobody signed does not raise the mark.
  publish({ serial: 100, sign: () => [] });
  assert.equal((await refusal(loader)).code, "bad_signature");
  publish({ serial: 8, sign: signatures });
  await loader.install(`signed${number}`);
});

test("keys that are none", async () => {
  for (const publicKeys of [[], "", [trusted.text.slice(4)], ["?"], [7], null]) {
    assert.equal((await refused(fresh(publicKeys))).code, "invalid_argument", String(publicKeys));
  }
});

test("without keys nothing is checked", async () => {
  publish({ expires: inDays(-1), sign: () => [] });
  channel.requests.length = 0;
  await (await attach(pyodide, { repodata: channel.repodata })).install("signed9");
  assert.ok(!channel.requests.some((path) => path.endsWith(".sig.json")));
});

test("where nothing can be checked", async () => {
  publish({ sign: (head) => [signatureOf(head, trusted)] });
  const { crypto } = globalThis;
  const replaced = (value) => Object.defineProperty(globalThis, "crypto", { value, configurable: true });
  try {
    replaced({ getRandomValues: crypto.getRandomValues.bind(crypto) });
    assert.equal((await refused(fresh())).code, "signature_unsupported");
    // A browser that has the interface and not the algorithm.
    const importKey = () => Promise.reject(new DOMException("Unrecognized name.", "NotSupportedError"));
    replaced({ subtle: { importKey, digest: crypto.subtle.digest.bind(crypto.subtle) } });
    assert.equal((await refused(fresh())).code, "signature_unsupported");
  } finally {
    replaced(crypto);
  }
});
