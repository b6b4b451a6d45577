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

/** Tries until it works, and returns the errors of all tries before. Each time there is a little more room than what is
 * kept already takes; four times as much if nothing more was kept: so every step begins on a disk that is nearly full. */
async function withLittleRoom(disk, path, attempt, { check, works = ({ code }) => code === 0 }) {
  const errors = [];
  let [kept, room] = [-1, 16];
  for (;;) {
    const used = Number((await disk.shell(`df --output=used -k "${path}" | tail -1`)).trim());
    room = used > kept ? 16 : room * 4;
    kept = used;
    assert.ok(room < 1 << 20, `it does not work with any room; last:\n${errors.at(-1)}`);
    await disk.shell(`mount -o remount,size=${used + room}k "${path}"`);
    const tried = await attempt();
    if (works(tried)) return { errors, last: tried };
    assert.equal(tried.code, 1, tried.stderr);
    assert.match(tried.stderr, /is full/, `${room} KiB:\n${tried.stderr}`);
    assert.match(tried.stderr, /free some space[^]*run the same command again/, `${room} KiB:\n${tried.stderr}`);
    await check();
    errors.push(tried.stderr);
  }
}

/** Shows where the tries met the full disk. */
function told(t, errors) {
  for (const error of errors) t.diagnostic(error.slice(error.indexOf("error:")).split("\n", 2).join(" ").slice(0, 200));
}

test("a cache on a full disk: every step says so, nothing half-made stays, and with room it works", async (t) => {
  const path = join(build.path, "small");
  mkdirSync(path);
  const disk = await mounted(smallDisk(path, "64k"));
  await disk.shell(`mkdir "${path}/sources"`);
  for (const [target, link] of await links(path)) await disk.shell(`ln -s "${target}" "${link}"`);
  const attempt = () => disk.run([...build.args, "--cache", path]);
  const options = {
    async check() {
      assert.equal(await disk.shell(`ls "${path}/work" 2>/dev/null || true`), "");
    },
  };
  const fetching = await withLittleRoom(disk, path, attempt, options);
  // The runtime is by far the largest: once it is there, the rest gets its turn.
  await disk.shell(`cd "${path}" && rm -r actions cross-environments logs sources/${sha256(build.bytes)} runtimes/*.json`);
  const building = await withLittleRoom(disk, path, attempt, options);
  told(t, [...fetching.errors, ...building.errors]);
  for (const { last } of [fetching, building]) assert.doesNotMatch(last.stderr, /damaged/);
  assert.equal(sha256(readFileSync(build.wheel)), expected);
  // Every part of the work met the full disk.
  const met = (errors, part) => errors.some((error) => part.test(error.slice(error.indexOf("error:"))));
  for (const part of [/pyodide@/, /\/work\/runtime-/]) assert.ok(met(fetching.errors, part), `no error tells of ${part}`);
  for (const part of [/cross/]) assert.ok(met(building.errors, part), `no error tells of ${part}`);
});

test("a disk that is full for the wheels", async () => {
  const path = join(build.path, "full-out");
  mkdirSync(path);
  const disk = await mounted(smallDisk(path, "4k"));
  await disk.shell(`head -c 4096 /dev/zero > "${path}/filler"`);
  const args = build.args.map((argument) => (argument === build.out ? path : argument));
  const first = await disk.run(args);
  assert.equal(first.code, 1);
  assert.match(first.stderr, /cannot write .*full-out.*\n[^]*the disk of .*full-out.* is full \(0 B of 4\.00 KiB free\): free some space/);
  assert.equal(await disk.shell(`ls -A "${path}"`), "filler\n");
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
  const { errors, last } = await withLittleRoom(disk, path, up, {
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
  told(t, errors);
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
