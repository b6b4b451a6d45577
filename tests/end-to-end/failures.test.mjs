// What goes wrong around the program: servers, clocks, other pkgsrvs, impatience.
import assert from "node:assert/strict";
import { once } from "node:events";
import { existsSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { afterEach, test } from "node:test";
import { freshCache } from "../support/cache.mjs";
import { demoBuild } from "../support/demo-build.mjs";
import { processesWith, until } from "../support/processes.mjs";
import { run, start } from "../support/program.mjs";
import { demo, goodSource, sha256, unique } from "../support/upstream.mjs";

const cleanups = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function prepared(options) {
  const build = await demoBuild(options);
  cleanups.push(build.stop);
  return build;
}

test("an upstream that says nothing is given up after the stated time", async () => {
  let silent = true;
  const build = await prepared({ page: () => silent });
  const first = await run([...build.args, "--upstream-timeout", "1"]);
  assert.equal(first.code, 1);
  assert.match(first.stderr, /cannot fetch the file list of demo \(.*\): the server sent nothing for 1 s; try again, or wait longer with --upstream-timeout SECONDS/);
  silent = false;
  const second = await run(build.args);
  assert.equal(second.code, 0, second.stderr);
});

test("an upstream that stalls in a file is given up with the bytes that came", async () => {
  const build = await prepared();
  build.answerWith((response) => {
    response.setHeader("Content-Length", build.bytes.length);
    response.write(build.bytes.subarray(0, 100));
  });
  const first = await run([...build.args, "--upstream-timeout", "1"]);
  assert.equal(first.code, 1);
  assert.match(first.stderr, /cannot fetch demo-1\.0\.tar\.gz: the server stalled: 100 bytes came, then nothing for 1 s/);
  assert.ok(!existsSync(build.out));
  build.answerWith((response) => response.end(build.bytes));
  assert.equal((await run(build.args)).code, 0);
});

test("an upstream that refuses for now is asked again, and not for ever", async () => {
  let refusals = 2;
  const build = await prepared({
    page(response) {
      if (refusals === 0) return false;
      refusals -= 1;
      response.statusCode = 503;
      response.end();
      return true;
    },
  });
  const first = await run(build.args);
  assert.equal(first.code, 0, first.stderr);
  assert.equal(first.stderr.match(/the server answered 503 Service Unavailable; trying again in/g).length, 2);
  const other = await prepared();
  other.answerWith((response) => {
    response.statusCode = 502;
    response.end();
  });
  const second = await run(other.args);
  assert.equal(second.code, 1);
  assert.match(second.stderr, /error: cannot fetch demo-1\.0\.tar\.gz: the server answered 502 Bad Gateway \(3 tries\)/);
  assert.equal(other.answered(), 3);
});

test("an answer that stays an answer is not asked for again", async () => {
  const build = await prepared();
  build.answerWith((response) => {
    response.statusCode = 403;
    response.end();
  });
  const { stderr } = await run(build.args);
  assert.match(stderr, /the server answered 403 Forbidden\n/);
  assert.equal(build.answered(), 1);
});

test("two `up` at once build once, and both serve", async () => {
  const build = await prepared();
  const data = join(build.path, "data");
  const both = [0, 1].map(() => start(["up", "demo", ...build.from, "--data", data, "--listen", "127.0.0.1:0", "--json"]));
  cleanups.push(async () => {
    for (const { child } of both) if (child.exitCode === null) child.kill("SIGTERM");
  });
  const addresses = [];
  for (const { child, output } of both) {
    await until(child, () => output.stdout.includes("\n"));
    addresses.push(JSON.parse(output.stdout));
  }
  assert.notEqual(addresses[0].address, addresses[1].address);
  for (const { simple, loader } of addresses) {
    assert.equal((await fetch(`${simple}demo/`)).status, 200);
    assert.equal((await fetch(loader)).status, 200);
  }
  assert.equal(build.answered(), 1);
  const logs = both.map(({ output }) => output.stderr).join("");
  assert.equal(logs.match(/^demo 1\.0 build$/gm).length, 1, logs);
  const { serial } = JSON.parse(readFileSync(join(data, "store/repodata/2026_0/head.json"), "utf8"));
  assert.equal(serial, 1);
});

test("a second `up` on the same port says so at once", async () => {
  const build = await prepared();
  const data = join(build.path, "data");
  const first = start(["up", "demo", ...build.from, "--data", data, "--listen", "127.0.0.1:0", "--json"]);
  cleanups.push(() => first.child.kill("SIGTERM"));
  await until(first.child, () => first.output.stdout.includes("\n"));
  const { address } = JSON.parse(first.output.stdout);
  const { code, stderr } = await run(["up", "demo", ...build.from, "--data", data, "--listen", address]);
  assert.equal(code, 1);
  assert.match(stderr, new RegExp(`cannot listen on ${address}: another program does, perhaps a pkgsrv that is already running`));
});

test("a clock that is wrong changes no byte, and stops nothing", async () => {
  const build = await prepared();
  const wheels = [];
  for (const [name, time] of [["now", undefined], ["past", "1975-03-01 12:00:00"], ["future", "2099-03-01 12:00:00"]]) {
    const cache = await freshCache(build.path, name);
    const data = join(build.path, `data-${name}`);
    const args = ["up", "demo", ...build.from, "--cache", cache, "--data", data, "--listen", "127.0.0.1:0", "--json"];
    // npm talks to servers whose certificates have their time: the runtime is there already.
    if (name !== "now") {
      const { code, stderr } = await run(["build", "demo", ...build.from, "--cache", cache, "--out", build.out]);
      assert.equal(code, 0, stderr);
      rmSync(join(cache, "actions"), { recursive: true });
      rmSync(join(cache, "sources", sha256(build.bytes)), { recursive: true });
    }
    // What Debian's `faketime` does, without its process between ours and the program. $LIB is for the dynamic linker.
    const faked = { LD_PRELOAD: "/usr/$LIB/faketime/libfaketime.so.1", FAKETIME: `@${time}`, FAKETIME_DONT_FAKE_MONOTONIC: "1" };
    const { child, output } = start(args, time ? { env: { ...process.env, ...faked } } : {});
    try {
      await until(child, () => output.stdout.includes("\n"));
      const { simple, lines } = JSON.parse(output.stdout);
      const page = await fetch(`${simple}demo/`, { headers: { Accept: "application/vnd.pypi.simple.v1+json" } });
      const [file] = (await page.json()).files;
      assert.equal(file["upload-time"].slice(0, 4), time ? time.slice(0, 4) : new Date().toISOString().slice(0, 4));
      wheels.push(sha256(Buffer.from(await (await fetch(file.url)).arrayBuffer())));
      assert.equal((await fetch(lines["2026_0"].lockfile)).status, 200);
    } finally {
      child.kill("SIGTERM");
      if (child.exitCode === null) await once(child, "close");
    }
  }
  assert.deepEqual(wheels, [wheels[0], wheels[0], wheels[0]]);
});

test("Ctrl-C at ten moments of a build: exit code 130, nothing left, and then it works", async (t) => {
  const files = demo(unique(goodSource));
  const mark = `${process.pid}${Date.now()}`;
  const build = await prepared({ files });
  const cache = await freshCache(build.path, `cache-${mark}`);
  const args = [...build.args, "--cache", cache];
  const started = performance.now();
  assert.equal((await run(args)).code, 0);
  const whole = performance.now() - started;
  rmSync(build.out, { recursive: true });
  let interrupted = 0;
  // Always the same moments: the golden ratio spreads them.
  for (let number = 1; number <= 10; number += 1) {
    for (const folder of ["actions", "cross-environments"]) rmSync(join(cache, folder), { recursive: true, force: true });
    rmSync(join(cache, "sources", sha256(build.bytes)), { recursive: true, force: true });
    const moment = ((number * 0.618034) % 1) * whole * 0.8;
    const { child, output } = start(args);
    const ended = once(child, "close");
    const timer = setTimeout(() => child.kill("SIGINT"), moment);
    const [code, signal] = await ended;
    clearTimeout(timer);
    assert.equal(processesWith(cache), 0, `${moment} ms`);
    assert.deepEqual(existsSync(join(cache, "work")) ? readdirSync(join(cache, "work")) : [], [], `${moment} ms:\n${output.stderr}`);
    if (code === 0) {
      // This machine was faster than the first time.
      rmSync(build.out, { recursive: true });
      continue;
    }
    interrupted += 1;
    // In its first milliseconds, before it listens to signals, the program just ends; a shell calls that 130, too.
    assert.ok(code === 130 || (code === null && signal === "SIGINT"), `${moment} ms: ${code} ${signal}\n${output.stderr}`);
    const isWhole = (name) => /\.whl(\.(lock|cdx|provenance)\.json)?$/.test(name);
    assert.ok(!existsSync(build.out) || readdirSync(build.out).every(isWhole), `${moment} ms`);
  }
  t.diagnostic(`${interrupted} of 10 were in time`);
  assert.ok(interrupted > 0);
  const { code, stderr } = await run(args);
  assert.equal(code, 0, stderr);
  assert.doesNotMatch(stderr, /damaged/);
});
