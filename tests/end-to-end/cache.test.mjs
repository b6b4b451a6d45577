// A cache that a power cut or a person left half-written: it is noticed and said, and what can be made again is.
import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { freshCache } from "../support/cache.mjs";
import { demoBuild, wheel } from "../support/demo-build.mjs";
import { until } from "../support/processes.mjs";
import { run, start } from "../support/program.mjs";
import { sha256 } from "../support/upstream.mjs";

let build, cache, expected;
const damaged = (text) => text.split("\n").filter((line) => line.includes(" is damaged ("));
const again = () => run([...build.args, "--cache", cache]);

before(async () => {
  build = await demoBuild();
  cache = await freshCache(build.path);
  const made = await again();
  assert.equal(made.code, 0, made.stderr);
  assert.deepEqual(damaged(made.stderr), []);
  expected = sha256(readFileSync(build.wheel));
});
after(() => build.stop());

/** The one entry of a folder of the cache whose name matches. */
const entry = (folder, pattern = /./) => {
  const names = readdirSync(join(cache, folder)).filter((name) => pattern.test(name));
  assert.equal(names.length, 1, `${folder}: ${names}`);
  return join(cache, folder, names[0]);
};
const source = () => join(cache, "sources", sha256(build.bytes));
const truncate = (path) => truncateSync(path, Math.floor(statSync(path).size / 2));
const result = (name) => join(entry("actions"), name);
const sdist = () => join(source(), "demo-1.0.tar.gz");
const cross = (name) => join(entry("cross-environments"), name);
const runtime = (name) => join(entry("runtimes", /[0-9a-f]$/), name);

// One build for each group: what each kind of thing may look like, all at once.
for (const [group, ...damages] of [
  [
    "without files",
    [() => rmSync(result(wheel)), /^the result .*\.whl is missing/],
    [() => rmSync(sdist()), /^the source .*has 0 files, expected one/],
    [() => rmSync(cross("meson-cross.ini")), /^the cross environment .*meson-cross\.ini is missing/],
    [() => rmSync(runtime("pyodide.mjs")), /^the runtime .*pyodide\.mjs is missing/],
  ],
  [
    "with half of their files",
    [() => truncate(result(wheel)), /^the result .*\.whl has SHA-256 /],
    [() => truncate(sdist()), /^the source .*demo-1\.0\.tar\.gz has SHA-256 /],
    [() => truncate(cross("bin/pkgsrv-compiler")), /^the cross environment .*pkgsrv-compiler has other bytes/],
    [() => truncate(runtime("pyodide.asm.wasm")), /^the runtime .*pyodide\.asm\.wasm has other bytes/],
    [() => truncate(entry("runtimes", /\.symbols\.json$/)), /^the list of the runtime's symbols /],
  ],
  [
    "with files without bytes",
    [() => writeFileSync(result("result.json"), ""), /^the result .*result\.json: EOF/],
    [() => writeFileSync(sdist(), ""), /^the source .*demo-1\.0\.tar\.gz has SHA-256 /],
    [() => writeFileSync(cross(".contents.json"), ""), /^the cross environment .*\.contents\.json is no list of files/],
  ],
  ["that do not say what they are", [() => rmSync(result("result.json")), /^the result .*no result\.json/]],
]) {
  test(`entries ${group} are noticed and made anew`, async () => {
    for (const [damage] of damages) damage();
    const { code, stderr } = await again();
    assert.equal(code, 0, stderr);
    const said = damaged(stderr);
    assert.equal(said.length, damages.length, stderr);
    for (const [, message] of damages) assert.ok(said.some((line) => message.test(line)), `${message}:\n${stderr}`);
    assert.equal(sha256(readFileSync(build.wheel)), expected);
    assert.deepEqual(damaged((await again()).stderr), []);
    assert.deepEqual(readdirSync(join(cache, "work")), []);
  });
}

test("half a toolchain is not taken for a whole one", async () => {
  const own = join(build.path, "toolchain-cache");
  const installed = await run(["toolchain", "install", "--json"]);
  const [{ name }] = JSON.parse(installed.stdout).toolchains;
  mkdirSync(join(own, "toolchains", name, "root/usr"), { recursive: true });
  assert.equal((await run(["toolchain", "list", "--cache", own])).stdout, "");
  const { child, output } = start(["toolchain", "install", "--cache", own]);
  await until(child, () => output.stderr.includes("installing Debian packages"));
  child.kill("SIGINT");
  const [code] = await once(child, "close");
  assert.equal(code, 130, output.stderr);
  assert.match(output.stderr, /the toolchain in the cache is damaged \(it has no manifest that can be read\)/);
  assert.equal((await run(["toolchain", "list", "--cache", own])).stdout, "");
});

test("a served runtime or loader with half a file is laid out again", async () => {
  const data = join(build.path, "data");
  const up = async () => {
    const { child, output } = start(["up", "demo", ...build.from, "--cache", cache, "--data", data, "--listen", "127.0.0.1:0", "--json"]);
    await until(child, () => output.stdout.includes("\n"));
    child.kill("SIGTERM");
    await once(child, "close");
  };
  await up();
  const files = [join(data, "runtime/pyodide/314.0.7/pyodide.asm.wasm"), join(data, "loader/index.js")];
  const whole = files.map((file) => sha256(readFileSync(file)));
  files.forEach(truncate);
  await up();
  assert.deepEqual(files.map((file) => sha256(readFileSync(file))), whole);
});
