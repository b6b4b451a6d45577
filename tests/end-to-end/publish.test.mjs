// `pkgsrv publish` with wheels that it did not build.
import assert from "node:assert/strict";
import { copyFileSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { run, startServer } from "../support/program.mjs";
import { demo, goodSource, recipes, sdist, sha256, startUpstream, temporaryDirectory } from "../support/upstream.mjs";

const filename = "demo-1.0-cp314-cp314-pyemscripten_2026_0_wasm32.whl";
let directory, wheel, data;

/** Builds the project `demo` from this C source; returns the wheel's path. */
async function built(source, name) {
  const bytes = sdist("demo-1.0", demo(source));
  const upstream = await startUpstream(sha256(bytes), (response) => response.end(bytes));
  try {
    const out = join(directory.path, name);
    mkdirSync(out);
    const folder = recipes(out, sha256(bytes));
    const { code, stderr } = await run(["build", "demo", "--recipes", folder, "--upstream", upstream.url, "--out", out]);
    assert.equal(code, 0, stderr);
    return join(out, filename);
  } finally {
    upstream.stop();
  }
}

const publish = (path) => run(["publish", path, "--data", data]);
const line = () => join(data, "store/repodata/2026_0");

before(async () => {
  directory = temporaryDirectory();
  data = join(directory.path, "data");
  wheel = await built(goodSource, "one");
});
after(() => directory.remove());

test("a wheel is published once; the same bytes again change nothing", async () => {
  const first = await publish(wheel);
  assert.equal(first.code, 0, first.stderr);
  assert.equal(first.stdout, `channel main, ABI 2026_0, serial 1\n  added ${filename}\n`);
  const head = readFileSync(join(line(), "head.json"), "utf8");
  const second = await publish(wheel);
  assert.equal(second.stdout, `channel main, ABI 2026_0, serial 1\n  already there: ${filename}\n`);
  assert.equal(readFileSync(join(line(), "head.json"), "utf8"), head);
});

test("a published name does not take other bytes", async () => {
  const other = await built(`${goodSource}int another_function(void) { return 1; }\n`.replace('"demo", NULL', '"demo", "other"'), "two");
  const before = readdirSync(line()).sort();
  const { code, stderr } = await publish(other);
  assert.equal(code, 1);
  assert.match(stderr, new RegExp(`${filename.replaceAll(".", "\\.")}`));
  assert.deepEqual(readdirSync(line()).sort(), before);
});

test("a truncated wheel is refused and nothing is published", async () => {
  const broken = join(directory.path, "broken");
  mkdirSync(broken);
  copyFileSync(wheel, join(broken, filename));
  const bytes = readFileSync(wheel);
  writeFileSync(join(broken, filename), bytes.subarray(0, bytes.length - 100));
  const before = readdirSync(line()).sort();
  const { code, stderr } = await publish(join(broken, filename));
  assert.equal(code, 1);
  assert.match(stderr, /nothing was published[^]*not a zip archive/);
  assert.deepEqual(readdirSync(line()).sort(), before);
});

test("a package that is built anew is served instead of the one before, under a build number", async () => {
  const own = join(directory.path, "rebuilt");
  const serve = async (source) => {
    const bytes = sdist("demo-1.0", demo(source));
    const upstream = await startUpstream(sha256(bytes), (response) => response.end(bytes));
    const folder = recipes(own, sha256(bytes));
    const server = await startServer(["up", "demo", "--recipes", folder, "--upstream", upstream.url, "--data", own]);
    try {
      const repodata = `${server.base}/repodata/2026_0/`;
      const head = await (await fetch(`${repodata}head.json`)).json();
      const { leaf } = await (await fetch(`${repodata}${head.repodata.sha256}.json`)).json();
      return leaf.demo.map((release) => release.filename);
    } finally {
      await server.stop();
      upstream.stop();
    }
  };
  const changed = goodSource.replace('"demo", NULL', '"demo", "changed"');
  const numbered = (number) => filename.replace("demo-1.0-", `demo-1.0-${number}-`);
  assert.deepEqual(await serve(goodSource), [filename]);
  assert.deepEqual(await serve(changed), [numbered(1)]);
  assert.deepEqual(await serve(changed), [numbered(1)]);
  assert.deepEqual(await serve(goodSource), [numbered(2)]);
});
