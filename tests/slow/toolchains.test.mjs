// The providers `system` and `emsdk`: the same wheel, byte for byte, as with the provider `debian`.
import assert from "node:assert/strict";
import { mkdirSync, readFileSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { debianToolchain, layOutEmsdk, runInRoot } from "../support/debian-root.mjs";
import { run } from "../support/program.mjs";
import { temporaryDirectory } from "../support/upstream.mjs";

const wheel = "markupsafe-3.0.4-cp314-cp314-pyemscripten_2026_0_wasm32.whl";
let directory, toolchain, emsdk, expected;

before(async () => {
  directory = temporaryDirectory();
  toolchain = debianToolchain();
  emsdk = join(directory.path, "emsdk");
  layOutEmsdk(toolchain, emsdk);
  const out = join(directory.path, "debian");
  const { code, stderr } = await run(["build", "markupsafe", "--out", out]);
  assert.equal(code, 0, stderr);
  expected = readFileSync(join(out, wheel));
});
after(() => directory.remove());

/** Runs the program on a machine with Emscripten; the cache lasts for the test that it is named after. */
function pkgsrv(name, args, options = []) {
  const cache = join(directory.path, name);
  mkdirSync(cache, { recursive: true });
  return runInRoot(toolchain, cache, ["pkgsrv", ...args], options);
}

/** emsdk in somebody's directory, on a machine with no other Emscripten. */
const withEmsdk = (name, args) =>
  pkgsrv(name, args, ["--ro-bind", emsdk, "/home/somebody/emsdk", "--tmpfs", "/usr/share/emscripten"]);
const install = ["toolchain", "install", "--provider", "emsdk", "--emsdk", "/home/somebody/emsdk"];

test("the emcc on PATH builds the same wheel, and is installed as a toolchain by the first build", async () => {
  const built = await pkgsrv("system", ["build", "markupsafe", "--toolchain", "system", "--out", "/cache/out"]);
  assert.equal(built.code, 0, built.stderr);
  assert.ok(readFileSync(join(directory.path, "system/out", wheel)).equals(expected), "the same bytes");
  const listed = await pkgsrv("system", ["toolchain", "list"]);
  assert.match(listed.stdout, /^system-6\.0\.5-python3\.14-[0-9a-f]{8}  Emscripten 6\.0\.5, Python 3\.14  \/cache\/\S+\n$/);
  const name = listed.stdout.split("  ")[0];
  const shown = await pkgsrv("system", ["toolchain", "show", name, "--json"]);
  const manifest = JSON.parse(shown.stdout);
  assert.equal(manifest.provider, "system");
  assert.equal(manifest.host.python, "/usr/bin/python3.14");
  assert.match(manifest.packages.clang, /clang version/);
});

test("an emsdk directory builds the same wheel, and is refused once it has changed", async () => {
  const early = await withEmsdk("emsdk", ["build", "markupsafe", "--toolchain", "emsdk"]);
  assert.equal(early.code, 1);
  assert.match(early.stderr, /pkgsrv toolchain install 2026_0 --provider emsdk --emsdk DIR/);
  const installed = await withEmsdk("emsdk", install);
  assert.equal(installed.code, 0, installed.stderr);
  const again = await withEmsdk("emsdk", install);
  assert.equal(again.stdout, installed.stdout);
  assert.doesNotMatch(again.stderr, /compiling/);
  const name = installed.stdout.split("  ")[0];
  const build = ["build", "markupsafe", "--toolchain", name, "--out", "/cache/out"];
  const built = await withEmsdk("emsdk", build);
  assert.equal(built.code, 0, built.stderr);
  assert.ok(readFileSync(join(directory.path, "emsdk/out", wheel)).equals(expected), "the same bytes");
  utimesSync(join(emsdk, "upstream/emscripten/emcc.py"), 1, 1);
  const changed = await withEmsdk("emsdk", build);
  assert.equal(changed.code, 1);
  assert.equal(
    changed.stderr,
    `error: toolchain ${name} is not what it was: /home/somebody/emsdk/upstream/emscripten/emcc.py has changed since it was ` +
      "installed; run `pkgsrv toolchain install --provider emsdk` again\n",
  );
  // Only touched: the same toolchain, good again.
  assert.equal((await withEmsdk("emsdk", install)).stdout, installed.stdout);
  assert.equal((await withEmsdk("emsdk", build)).code, 0);
});

test("an Emscripten that the ABI does not admit is refused with both versions", async () => {
  const path = join(emsdk, "upstream/emscripten/emscripten-version.txt");
  const version = readFileSync(path);
  writeFileSync(path, '"4.0.9"\n');
  const refused = await withEmsdk("wrong", install);
  writeFileSync(path, version);
  assert.equal(refused.code, 1);
  assert.equal(
    refused.stderr,
    "error: toolchain of provider `emsdk` has Emscripten 4.0.9; ABI 2026_0 needs 5.0.3 or one of the admitted versions: 6.0.5\n",
  );
});
