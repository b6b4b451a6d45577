// Uploads by twine and uv: what is published is what was sent, and what is refused is told and changes nothing.
import assert from "node:assert/strict";
import { execFile, execFileSync } from "node:child_process";
import { generateKeyPairSync, randomBytes, sign } from "node:crypto";
import { readFileSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { promisify } from "node:util";
import { pip, target } from "../support/pip.mjs";
import { ownData, run, startServer } from "../support/program.mjs";
import { formOf, sha256, upload } from "../support/upload.mjs";
import { temporaryDirectory } from "../support/upstream.mjs";
import { pureWheel } from "../support/wheel.mjs";

/** The clients, which pip brings from where this machine has its packages. */
const CLIENTS = ["twine==7.0.0", "uv==0.13.9"];
const JSON_PAGE = { Accept: "application/vnd.pypi.simple.v1+json" };

let directory, clients, own, server, token;
before(async () => {
  directory = temporaryDirectory();
  clients = join(directory.path, "clients");
  const options = ["--quiet", "--disable-pip-version-check", "--only-binary=:all:", "--target", clients];
  execFileSync("python3", ["-m", "pip", "install", ...options, ...CLIENTS]);
  own = ownData(directory.path);
  server = await startServer(["serve", "--prompt-listen", "off", "--upload-limit", "1M", "--data", own]);
  token = await tokenFor("ci", "--project", "my-*");
});
after(async () => {
  await server?.stop();
  directory.remove();
});

/** Makes a token; its secret. */
async function tokenFor(name, ...options) {
  const { code, stdout, stderr } = await run(["token", "create", name, ...options, "--data", own]);
  assert.equal(code, 0, stderr);
  return stdout.trim();
}

/** Writes a pure wheel; its path. */
function written(name, version, code) {
  const module = name.replaceAll("-", "_");
  const path = join(directory.path, `${module}-${version}-py3-none-any.whl`);
  writeFileSync(path, pureWheel(name, version, { [`${module}.py`]: code }));
  return path;
}

/** Runs a client with nothing of the machine's own settings; its exit code, and what it printed, in one line without colours. */
async function client(file, args, env = {}) {
  const options = { env: { PATH: process.env.PATH, HOME: directory.path, PYTHONPATH: clients, ...env } };
  const plain = ({ stdout, stderr }) => (stdout + stderr).replace(/\x1b\[[0-9;]*m/g, "").replace(/\s+/g, " ");
  return promisify(execFile)(file, args, options).then(
    (printed) => ({ code: 0, text: plain(printed) }),
    (error) => ({ code: error.code, text: plain(error) }),
  );
}

function twine(secret, ...paths) {
  const where = ["--repository-url", `${server.base}/legacy/`];
  return client(
    "python3",
    ["-m", "twine", "upload", "--non-interactive", "--disable-progress-bar", "--verbose", ...where, ...paths],
    { TWINE_USERNAME: "__token__", TWINE_PASSWORD: secret },
  );
}

/** What an index has of a project: filenames and their digests. */
async function published(name, channel = "") {
  const response = await fetch(`${server.base}${channel}/simple/${name}/`, { headers: JSON_PAGE });
  if (response.status === 404) return {};
  return Object.fromEntries((await response.json()).files.map(({ filename, hashes }) => [filename, hashes.sha256]));
}

/** Sends a form of one's own. */
const post = (path, fields, { secret = token, filename } = {}) => upload(`${server.base}/legacy/`, secret, path, fields, filename);

test("twine uploads a wheel, which pip then installs; once more changes nothing", async () => {
  const path = written("my-tool", "1.0", "answer = 42\n");
  const uploaded = await twine(token, path);
  assert.equal(uploaded.code, 0, uploaded.text);
  assert.match(uploaded.text, /channel main, ABI 2026_0, serial 1 added my_tool-1\.0-py3-none-any\.whl/);
  assert.deepEqual(await published("my-tool"), { "my_tool-1.0-py3-none-any.whl": sha256(path) });
  const into = join(directory.path, "downloaded");
  await pip(server.base, "download", "my-tool", ...target, "--dest", into);
  assert.deepEqual(readFileSync(join(into, "my_tool-1.0-py3-none-any.whl")), readFileSync(path));
  const again = await twine(token, path);
  assert.equal(again.code, 0, again.text);
  assert.match(again.text, /serial 1 already there: my_tool-1\.0-py3-none-any\.whl/);
});

test("a wheel is uploaded with its attestations", async () => {
  const path = written("my-signed", "1.0", "");
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const statement = JSON.stringify({
    _type: "https://in-toto.io/Statement/v1",
    subject: [{ name: "my_signed-1.0-py3-none-any.whl", digest: { sha256: sha256(path) } }],
    predicateType: "https://slsa.dev/provenance/v1",
    predicate: null,
  });
  const signature = sign("sha256", `DSSEv1 28 application/vnd.in-toto+json ${statement.length} ${statement}`, privateKey);
  const base64 = (bytes) => Buffer.from(bytes).toString("base64");
  const attestation = {
    version: 1,
    verification_material: { certificate: base64(publicKey.export({ type: "spki", format: "der" })), transparency_entries: [] },
    envelope: { statement: base64(statement), signature: base64(signature) },
  };
  const fields = formOf(path, "my-signed", "1.0");
  const foreign = { ...attestation, envelope: { ...attestation.envelope, signature: base64("no signature") } };
  const refused = await post(path, { ...fields, attestations: JSON.stringify([foreign]) });
  assert.deepEqual([refused.status, (await refused.json()).code], [400, "invalid_attestations"]);
  assert.deepEqual(await published("my-signed"), {});
  const taken = await post(path, { ...fields, attestations: JSON.stringify([attestation]) });
  assert.equal(taken.status, 200, await taken.text());
  const { files } = await (await fetch(`${server.base}/simple/my-signed/`, { headers: JSON_PAGE })).json();
  const provenance = await (await fetch(files[0].provenance)).json();
  assert.deepEqual(provenance.attestation_bundles.map(({ attestations }) => attestations), [[attestation]]);
});

test("uv publishes too, into another channel, and leaves out what is there", async () => {
  const path = written("my-other", "2.0", "");
  const secret = await tokenFor("next-only", "--channel", "next");
  const words = ["publish", "--publish-url", `${server.base}/c/next/legacy/`, "--check-url", `${server.base}/c/next/simple/`, path];
  const env = { UV_PUBLISH_TOKEN: secret, UV_NO_CONFIG: "1", UV_CACHE_DIR: join(directory.path, "cache") };
  const uploaded = await client(join(clients, "bin/uv"), words, env);
  assert.equal(uploaded.code, 0, uploaded.text);
  assert.deepEqual(await published("my-other", "/c/next"), { "my_other-2.0-py3-none-any.whl": sha256(path) });
  assert.deepEqual(await published("my-other"), {});
  const again = await client(join(clients, "bin/uv"), words, env);
  assert.equal(again.code, 0, again.text);
  assert.match(again.text, /already exists, skipping/);
  const elsewhere = await twine(secret, path);
  assert.match(elsewhere.text, /403 Forbidden.* the token next-only is for next, not for main/);
});

test("twine shows why a wheel is refused, and nothing of it is published", async () => {
  const other = written("my-tool", "1.0", "answer = 43\n");
  for (const [path, secret, told] of [
    [other, token, /409 Conflict.*my_tool-1\.0-py3-none-any\.whl is already published with SHA-256/],
    [written("my-broken", "1.0", "import nothing_there\n"), token, /ERROR HTTPError: 400 Bad Request.* No module named 'nothing_there'/],
    [written("foreign", "1.0", ""), token, /403 Forbidden.*the token ci is for the projects my-\*, not for foreign/],
    [written("my-large", "1.0", `# ${randomBytes(1 << 20).toString("base64")}\n`), token, /413.*has more than 1048576 bytes/],
    [other, "pkgsrv-nothing", /401 Unauthorized.*the token is not one of this server's/],
  ]) {
    const { code, text } = await twine(secret, path);
    assert.equal(code, 1, text);
    assert.match(text, told);
  }
  for (const name of ["my-broken", "foreign", "my-large"]) assert.deepEqual(await published(name), {});
  assert.equal(Object.keys(await published("my-tool")).length, 1);
  assert.deepEqual(readdirSync(join(own, "staging")), []);
});

test("forms that do not fit their file are refused with a code", async () => {
  const path = written("my-form", "1.0", "");
  const good = formOf(path, "my-form", "1.0");
  const sdist = join(directory.path, "my_form-1.0.tar.gz");
  writeFileSync(sdist, "");
  for (const [code, fields, file, detail, filename] of [
    ["wrong_digest", { ...good, sha256_digest: "0".repeat(64) }, path, /arrived with SHA-256 [0-9a-f]{64}/],
    ["wrong_digest", { ...good, sha256_digest: "" }, path, /sha256_digest is ``/],
    ["invalid_form", { ...good, ":action": "submit" }, path, /`:action` is `submit`: expected `file_upload`/],
    ["invalid_form", { ...good, version: "1.1" }, path, /`version` is `1\.1`: expected that of .*, `1\.0`/],
    ["invalid_form", { ...good, name: "my-forms" }, path, /`name` is `my-forms`/],
    ["invalid_form", good, undefined, /the form has no file/],
    ["not_a_wheel", { ...good, filetype: "sdist" }, sdist, /this index has wheels only/],
    ["not_a_wheel", good, path, /\.\.\/\.\.\/escaped/, "../../escaped"],
    ["invalid_attestations", { ...good, attestations: "{}" }, path, /no JSON array/],
    ["invalid_wheel", { ...good, sha256_digest: sha256(sdist) }, sdist, /is refused/, "my_form-1.0-py3-none-any.whl"],
  ]) {
    const response = await post(file, fields, { filename });
    const problem = await response.json();
    assert.deepEqual([response.status, problem.code], [400, code], problem.detail);
    assert.match(problem.detail, detail);
  }
  assert.deepEqual(await published("my-form"), {});
  const read = await fetch(`${server.base}/legacy/`);
  assert.deepEqual([read.status, read.headers.get("allow")], [405, "POST"]);
  const anonymous = await fetch(`${server.base}/legacy/`, { method: "POST", body: "x" });
  assert.deepEqual([anonymous.status, anonymous.headers.get("www-authenticate")], [401, 'Basic realm="pkgsrv"']);
});

test("of two uploads of one name at once, one is taken and the other told so", async () => {
  const paths = ["answer = 1\n", "answer = 2\n"].map((code, at) => {
    const path = join(directory.path, `race-${at}.whl`);
    writeFileSync(path, pureWheel("my-race", "1.0", { "my_race.py": code }));
    return path;
  });
  const responses = await Promise.all(
    paths.map((path) => post(path, formOf(path, "my-race", "1.0"), { filename: "my_race-1.0-py3-none-any.whl" })),
  );
  assert.deepEqual(responses.map(({ status }) => status).sort(), [200, 409]);
  const won = paths[responses.findIndex(({ status }) => status === 200)];
  assert.deepEqual(await published("my-race"), { "my_race-1.0-py3-none-any.whl": sha256(won) });
});

test("a revoked token is refused by the running server, and what was done is noted", async () => {
  const secret = await tokenFor("leaving");
  const path = written("my-late", "1.0", "");
  const list = await run(["token", "list", "--json", "--data", own]);
  assert.ok(JSON.parse(list.stdout).tokens.some(({ name }) => name === "leaving"));
  assert.ok(!list.stdout.includes(secret));
  assert.equal((await run(["token", "revoke", "leaving", "--data", own])).code, 0);
  const response = await post(path, formOf(path, "my-late", "1.0"), { secret });
  assert.deepEqual([response.status, (await response.json()).code], [401, "bad_credentials"]);
  const log = join(own, "audit.jsonl");
  const events = readFileSync(log, "utf8").trim().split("\n").map((line) => JSON.parse(line));
  const of = (filename) => events.filter((event) => event.filename === filename).map(({ event, code }) => code ?? event);
  assert.deepEqual(of("my_broken-1.0-py3-none-any.whl"), ["upload_received", "not_admitted"]);
  assert.deepEqual(of("my_other-2.0-py3-none-any.whl"), ["upload_received", "upload_published"]);
  assert.deepEqual(events.slice(-2).map(({ event, token: name }) => [event, name]), [["token_created", "leaving"], ["token_revoked", "leaving"]]);
  assert.equal(statSync(log).mode & 0o777, 0o600);
  assert.ok(!readFileSync(log, "utf8").includes(secret));
});
