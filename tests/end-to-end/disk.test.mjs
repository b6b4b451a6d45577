// Disks that are full or read-only: every step says so, nothing half-made stays, and with room the same command works.
import assert from "node:assert/strict";
import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { freshCache, links } from "../support/cache.mjs";
import { demoBuild } from "../support/demo-build.mjs";
import { readOnly, smallDisk } from "../support/disk.mjs";
import { run } from "../support/program.mjs";
import { sha256 } from "../support/upstream.mjs";

let build, expected;
const mounts = [];
before(async () => {
  build = await demoBuild();
  const made = await run(build.args);
  assert.equal(made.code, 0, made.stderr);
  expected = sha256(readFileSync(build.wheel));
});
after(async () => {
  for (const mount of mounts) await mount.stop();
  build.stop();
});

async function mounted(mount) {
  mounts.push(await mount);
  return mounts.at(-1);
}

/** Tries with more and more room until it works; returns the errors of all tries before. */
async function withMoreAndMoreRoom(disk, path, args, { first, step, check, works = ({ code }) => code === 0 }) {
  const errors = [];
  for (let size = first; size < first + 200 * step; size += step) {
    await disk.shell(`mount -o remount,size=${size}k "${path}"`);
    const tried = await args(size);
    if (works(tried)) return { errors, last: tried };
    assert.equal(tried.code, 1, tried.stderr);
    assert.match(tried.stderr, /full/, `${size} KiB:\n${tried.stderr}`);
    assert.match(tried.stderr, /free some space[^]*run the same command again/, `${size} KiB:\n${tried.stderr}`);
    await check(tried);
    errors.push(tried.stderr);
  }
  throw new Error(`it did not work with any size; last: ${errors.at(-1)}`);
}

test("a cache on a full disk: every step says so, nothing half-made stays, and with room it works", async (t) => {
  const path = join(build.path, "small");
  mkdirSync(path);
  const disk = await mounted(smallDisk(path, "64k"));
  await disk.shell(`mkdir "${path}/sources"`);
  for (const [target, link] of await links(path)) await disk.shell(`ln -s "${target}" "${link}"`);
  const { errors, last } = await withMoreAndMoreRoom(
    disk,
    path,
    () => disk.run([...build.args, "--cache", path]),
    {
      first: 48,
      step: 1500,
      async check() {
        assert.equal(await disk.shell(`ls "${path}/work" 2>/dev/null || true`), "");
      },
    },
  );
  t.diagnostic(`${errors.length} tries failed`);
  assert.equal(last.code, 0, last.stderr);
  assert.equal(sha256(readFileSync(build.wheel)), expected);
  assert.doesNotMatch(last.stderr, /damaged/);
  // Every part of the work met the full disk at some size.
  const all = errors.join("\n");
  for (const part of [/pyodide|runtime/, /cross/, /demo 1\.0|demo-1\.0|sources|fetch/]) assert.match(all, part);
});

test("a disk that is full for the wheels", async () => {
  const path = join(build.path, "full-out");
  mkdirSync(path);
  const disk = await mounted(smallDisk(path, "4k"));
  const args = build.args.map((argument) => (argument === build.out ? path : argument));
  const first = await disk.run(args);
  assert.equal(first.code, 1);
  assert.match(first.stderr, /cannot write .*full-out.*\n[^]*the disk of .*full-out.* is full \(.* of 4\.00 KiB free\): free some space/);
  assert.equal(await disk.shell(`ls -A "${path}"`), "");
  await disk.shell(`mount -o remount,size=1m "${path}"`);
  const second = await disk.run(args);
  assert.equal(second.code, 0, second.stderr);
});

test("a data directory on a full disk: no half publish, and with room it serves", async (t) => {
  const path = join(build.path, "full-data");
  mkdirSync(path);
  const disk = await mounted(smallDisk(path, "4k"));
  const up = async () => {
    const child = disk.start(["up", "demo", ...build.from, "--data", path, "--listen", "127.0.0.1:0", "--json"]);
    const output = { stdout: "", stderr: "" };
    for (const stream of ["stdout", "stderr"]) child[stream].setEncoding("utf8").on("data", (text) => (output[stream] += text));
    const code = await new Promise((resolve) => {
      child.on("close", resolve);
      child.stdout.on("data", () => output.stdout.includes("\n") && resolve(null));
    });
    return { code, child, ...output };
  };
  const { errors, last } = await withMoreAndMoreRoom(disk, path, up, {
    first: 4,
    step: 900,
    works: ({ code }) => code === null,
    async check() {
      // A head there may be, and then everything that it names is there and whole.
      const head = await disk.shell(`cat "${path}/store/repodata/2026_0/head.json" 2>/dev/null || true`);
      if (!head) return;
      const { index, repodata } = JSON.parse(head);
      for (const [folder, object] of [["index", index], ["repodata", repodata]]) {
        const file = `${path}/store/${folder}/2026_0/${object.sha256}.json`;
        assert.match(await disk.shell(`sha256sum "${file}"`), new RegExp(`^${object.sha256} `));
      }
      const left = await disk.shell(`ls -A "${path}" "${path}/store/staging" 2>/dev/null | grep -E "^(.work-|object-)" || true`);
      assert.equal(left, "");
    },
  });
  t.diagnostic(`${errors.length} tries failed`);
  assert.ok(errors.length >= 3, "the publish, the runtime and the loader were to meet the full disk");
  const { base_url } = JSON.parse(last.stdout);
  try {
    assert.equal((await fetch(`${base_url}/simple/demo/`)).status, 200);
    assert.equal((await fetch(`${base_url}/runtime/pyodide/314.0.7/pyodide.asm.wasm`)).status, 200);
    assert.equal((await fetch(`${base_url}/loader/index.js`)).status, 200);
  } finally {
    last.child.kill("SIGTERM");
  }
});

test("a read-only data directory is named, and what is in it is served all the same", async () => {
  const path = join(build.path, "read-only-data");
  const published = await run(["publish", build.wheel, "--data", path, "--json"]);
  assert.deepEqual(JSON.parse(published.stdout), {
    channel: "main",
    lines: [{ abi: "2026_0", added: ["demo-1.0-cp314-cp314-pyemscripten_2026_0_wasm32.whl"], already_there: [], serial: 1 }],
  });
  const disk = await mounted(readOnly(path));
  const up = await disk.run(["up", "demo", ...build.from, "--data", path, "--listen", "127.0.0.1:0"]);
  assert.equal(up.code, 1);
  assert.match(up.stderr, /Read-only file system[^]*the disk of .*read-only-data.* can only be read: choose another directory with .*--data/);
  const server = disk.start(["serve", "--data", path, "--listen", "127.0.0.1:0", "--json"]);
  try {
    const [line] = await new Promise((resolve) => server.stdout.once("data", (text) => resolve([String(text)])));
    const page = await fetch(`${JSON.parse(line).simple}demo/`, { headers: { Accept: "application/vnd.pypi.simple.v1+json" } });
    const [file] = (await page.json()).files;
    assert.equal(sha256(Buffer.from(await (await fetch(file.url)).arrayBuffer())), expected);
  } finally {
    server.kill("SIGTERM");
  }
});

test("a read-only cache gives what it has, and says what it cannot make", async () => {
  const cache = await freshCache(build.path, "read-only-cache");
  const made = await run([...build.args, "--cache", cache]);
  assert.equal(made.code, 0, made.stderr);
  const disk = await mounted(readOnly(cache));
  const again = await disk.run([...build.args, "--cache", cache]);
  assert.equal(again.code, 0, again.stderr);
  const other = await demoBuild();
  try {
    const { code, stderr } = await disk.run([...other.args, "--cache", cache]);
    assert.equal(code, 1);
    assert.match(stderr, /cannot .*read-only-cache[^]*can only be read: choose another directory with --cache/);
  } finally {
    other.stop();
  }
});
