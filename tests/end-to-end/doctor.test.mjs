// `pkgsrv doctor`: what is there, what is missing, and the exact command for it.
import assert from "node:assert/strict";
import { once } from "node:events";
import { chmodSync, mkdirSync, readdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { readOnly } from "../support/disk.mjs";
import { run } from "../support/program.mjs";
import { temporaryDirectory } from "../support/upstream.mjs";

let directory, upstream, date;
before(async () => {
  directory = temporaryDirectory();
  upstream = createServer((request, response) => {
    response.statusCode = 404;
    response.sendDate = false;
    response.setHeader("Date", date.toUTCString());
    response.end();
  });
  await once(upstream.listen(0, "127.0.0.1"), "listening");
});
after(() => {
  upstream.close();
  directory.remove();
});

const index = () => `http://127.0.0.1:${upstream.address().port}/simple`;
const own = (...more) => ["doctor", "--json", "--upstream", index(), "--listen", "127.0.0.1:0", ...more];
const finding = ({ stdout }, subject) => JSON.parse(stdout).findings.find((found) => found.subject.startsWith(subject));

test("a machine where everything is there is ready, and the report is one line of JSON", async () => {
  date = new Date();
  const result = await run(own("--data", join(directory.path, "data")));
  assert.equal(result.code, 0, result.stdout);
  assert.equal(result.stdout.trim().split("\n").length, 1);
  const report = JSON.parse(result.stdout);
  assert.equal(report.ready, true);
  for (const subject of ["bwrap", "mmdebstrap", "npm", "python3", "sandbox", "cache", "data", "clock", "loader", "upstream index"]) {
    assert.equal(finding(result, subject).state, "good", `${subject}:\n${result.stdout}`);
  }
  assert.match(finding(result, "upstream index").found, /answers \(named by --upstream\)/);
  assert.deepEqual(readdirSync(directory.path), [], "a doctor changes nothing");
});

test("with nothing on PATH, one command brings all programs", async () => {
  date = new Date();
  const empty = join(directory.path, "empty");
  mkdirSync(empty);
  const env = { HOME: directory.path, PATH: empty };
  const json = await run(own(), { env });
  assert.equal(json.code, 1);
  const missing = ["mmdebstrap", "bwrap", "npm", "python3"];
  for (const program of missing) {
    const { state, found, remedy } = finding(json, program);
    assert.deepEqual({ state, found }, { state: "bad", found: "not there" });
    assert.match(remedy, /^(sudo )?apt-get install -y --no-install-recommends mmdebstrap bubblewrap npm python3-pip( uidmap)?$/);
  }
  const text = await run(["doctor", "--upstream", index(), "--listen", "127.0.0.1:0"], { env });
  assert.equal(text.code, 1);
  assert.match(text.stdout, /^PROBLEM {2}bwrap: not there$/m);
  assert.match(text.stdout, /cannot do its work here before each PROBLEM is solved\.\n$/);
  rmSync(empty, { recursive: true });
});

test("a sandbox that cannot be made is told with what turns it on", async () => {
  date = new Date();
  const bin = join(directory.path, "bin");
  mkdirSync(bin);
  writeFileSync(join(bin, "bwrap"), "#!/bin/sh\necho 'bwrap: No permissions to create new namespace' >&2\nexit 1\n");
  chmodSync(join(bin, "bwrap"), 0o755);
  const result = await run(own(), { env: { ...process.env, PATH: `${bin}:${process.env.PATH}` } });
  assert.equal(result.code, 1);
  const { state, found, remedy } = finding(result, "sandbox");
  assert.equal(state, "bad");
  assert.match(found, /No permissions to create new namespace/);
  assert.match(remedy, /sysctl -w \S+=\d+|--security-opt seccomp=unconfined/);
  rmSync(bin, { recursive: true });
});

test("a clock that differs from the index's is told, and does not stop the work", async () => {
  date = new Date(Date.now() - 3 * 3600 * 1000);
  const result = await run(own());
  assert.equal(result.code, 0);
  const { state, found } = finding(result, "clock");
  assert.equal(state, "warning");
  assert.match(found, /^(10800|10799|10801|1080\d) s ahead of the upstream index's$/);
});

test("an index that does not answer, and a port that is taken", async () => {
  date = new Date();
  const address = `127.0.0.1:${upstream.address().port}`;
  const result = await run(["doctor", "--json", "--upstream", "http://127.0.0.1:1/simple", "--listen", address]);
  assert.equal(result.code, 1);
  assert.equal(finding(result, "upstream index").state, "bad");
  assert.match(finding(result, "upstream index").found, /^http:\/\/127\.0\.0\.1:1\/simple \(named by --upstream\): .*no answer/);
  const port = finding(result, `port ${address}`);
  assert.equal(port.state, "bad");
  assert.match(port.remedy, /--listen 127\.0\.0\.1:0/);
});

test("directories that cannot be written, and a toolchain with a hole", async () => {
  date = new Date();
  const place = join(directory.path, "read-only");
  mkdirSync(place);
  const disk = await readOnly(place);
  try {
    const result = await disk.run(own("--cache", join(place, "cache"), "--data", place));
    assert.equal(result.code, 1);
    assert.match(finding(result, "cache").found, /read-only cannot be written: Read-only file system/);
    assert.equal(finding(result, "data").remedy, "choose another directory with --data DIR");
    assert.equal(finding(result, "toolchain").state, "later");
  } finally {
    await disk.stop();
  }
  const cache = join(directory.path, "cache");
  const root = join(cache, "toolchains/one/root");
  mkdirSync(join(root, "var/lib/dpkg/info"), { recursive: true });
  mkdirSync(join(root, "usr/bin"), { recursive: true });
  symlinkSync("clang-21", join(root, "usr/bin/clang"));
  writeFileSync(join(root, "var/lib/dpkg/info/clang.list"), "/usr/bin/clang\n/usr/share/doc/clang\n/usr/bin/clang-21\n");
  const listed = await run(["toolchain", "list", "--json"]);
  const { name } = JSON.parse(listed.stdout).toolchains[0];
  const { stdout: shown } = await run(["toolchain", "show", name, "--json"]);
  writeFileSync(join(cache, "toolchains/one/manifest.json"), JSON.stringify({ ...JSON.parse(shown), name: "one" }));
  const result = await run(own("--cache", cache));
  assert.equal(result.code, 1);
  const { found, remedy } = finding(result, "toolchain one");
  assert.match(found, /; \/usr\/bin\/clang-21 is missing$/);
  assert.equal(remedy, `rm -r ${join(cache, "toolchains/one")} && pkgsrv toolchain install`);
});
