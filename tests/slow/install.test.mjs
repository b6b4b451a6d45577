// `cargo install --path server`: one program that carries everything.
import assert from "node:assert/strict";
import { execFileSync, spawn, spawnSync } from "node:child_process";
import { join } from "node:path";
import { test } from "node:test";
import { until } from "../support/processes.mjs";
import { root } from "../support/settings.mjs";
import { temporaryDirectory } from "../support/upstream.mjs";

test("cargo install gives a program that serves its loader and knows its recipes", async () => {
  const directory = temporaryDirectory();
  try {
    const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^CARGO_(PKG|MANIFEST)_/.test(name)));
    execFileSync("cargo", ["install", "--quiet", "--path", "server", "--root", directory.path], { cwd: root, env, stdio: "inherit" });
    const program = join(directory.path, "bin/pkgsrv");
    const options = { cwd: directory.path, env: { HOME: directory.path, PATH: process.env.PATH } };
    const { stderr } = spawnSync(program, ["build", "nunpy"], { ...options, encoding: "utf8" });
    assert.match(stderr, /did you mean numpy\?/);
    const server = spawn(program, ["serve", "--listen", "127.0.0.1:0", "--json"], options);
    let printed = "";
    server.stdout.on("data", (text) => (printed += text));
    try {
      await until(server, () => printed.includes("\n"));
      assert.equal((await fetch(JSON.parse(printed).loader)).status, 200);
    } finally {
      server.kill("SIGTERM");
    }
  } finally {
    directory.remove();
  }
});
