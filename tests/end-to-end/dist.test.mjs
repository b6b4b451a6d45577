// The release archive that `cargo xtask dist` makes, unpacked somewhere else.
import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { until } from "../support/processes.mjs";
import { root } from "../support/settings.mjs";
import { sha256, startProjects, temporaryDirectory } from "../support/upstream.mjs";

let directory, archive, prefix, env;
/** Without what cargo told us about the crate that runs us: the other cargo would compile things again. */
const plain = Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^CARGO_(PKG|MANIFEST)_/.test(name)));
const dist = (out) => execFileSync("cargo", ["xtask", "dist", "--out", out], { cwd: root, encoding: "utf8", env: plain }).trim();
const inside = (...args) => execFileSync(join(prefix, "bin/pkgsrv"), args, { cwd: directory.path, encoding: "utf8", env });

before(() => {
  directory = temporaryDirectory();
  archive = dist(join(directory.path, "one"));
  execFileSync("tar", ["--extract", "--file", archive, "--directory", directory.path]);
  prefix = join(directory.path, readdirSync(directory.path).find((name) => name.startsWith("pkgsrv-")));
  const home = join(directory.path, "home");
  mkdirSync(home);
  env = { HOME: home, PATH: process.env.PATH };
});
after(() => directory.remove());

test("the checksums are right, and the same tree gives the same bytes", () => {
  assert.match(archive, /\/pkgsrv-[^/]+\.tar\.gz$/);
  execFileSync("sha256sum", ["--check", "--strict", "--quiet", "SHA256SUMS"], { cwd: join(directory.path, "one") });
  const second = dist(join(directory.path, "two"));
  assert.equal(sha256(readFileSync(second)), sha256(readFileSync(archive)));
});

test("it holds what a package of pkgsrv installs", () => {
  const files = readdirSync(prefix, { recursive: true, withFileTypes: true }).filter((file) => file.isFile());
  const names = files.map((file) => join(file.path, file.name).slice(prefix.length + 1)).sort();
  for (const expected of [
    "LICENSE",
    "README.md",
    "bin/pkgsrv",
    "share/bash-completion/completions/pkgsrv",
    "share/fish/vendor_completions.d/pkgsrv.fish",
    "share/man/man1/pkgsrv-toolchain-install.1",
    "share/man/man1/pkgsrv-up.1",
    "share/man/man1/pkgsrv.1",
    "share/zsh/site-functions/_pkgsrv",
  ]) {
    assert.ok(names.includes(expected), `${expected} is missing:\n${names.join("\n")}`);
  }
});

test("--version tells commit and formats, -V the version alone", () => {
  const commit = execFileSync("git", ["rev-parse", "HEAD"], { cwd: root, encoding: "utf8" }).trim();
  const version = JSON.parse(readFileSync(join(root, "loader/js/package.json"), "utf8")).version;
  assert.equal(inside("-V"), `pkgsrv ${version}\n`);
  const text = inside("--version");
  assert.match(text, new RegExp(`^pkgsrv ${version}\ncommit: ${commit}(, changed)?\ncommit date: \\d{4}-\\d\\d-\\d\\d\n(ABI: .*\n)*ABI: 2026_0 \\(`));
  for (const format of ["action result", "channel index", "head", "Pyodide lockfile", "repodata", "Simple API", "toolchain manifest"]) {
    assert.match(text, new RegExp(`^  ${format}: \\S+`, "m"));
  }
});

test("bash completes commands and options with the completions", () => {
  const completions = join(prefix, "share/bash-completion/completions/pkgsrv");
  const complete = (line) => {
    const words = line.split(" ");
    const script = `
      source "$1"
      COMP_WORDS=(${words.map((word) => `'${word}'`).join(" ")}); COMP_CWORD=${words.length - 1}
      _pkgsrv pkgsrv '${words.at(-1)}' '${words.at(-2)}'; printf '%s\\n' "\${COMPREPLY[@]}"`;
    return execFileSync("bash", ["--norc", "-c", script, "bash", completions], { encoding: "utf8" }).trim().split("\n");
  };
  assert.deepEqual(complete("pkgsrv doc"), ["doctor"]);
  assert.deepEqual(complete("pkgsrv toolchain inst"), ["install"]);
  assert.ok(complete("pkgsrv build --").includes("--recipes"));
});

test("the manual pages have no mistake and show the examples", () => {
  const pages = join(prefix, "share/man/man1");
  for (const page of readdirSync(pages)) {
    // groff writes what it stumbles over to standard error.
    const render = ["-c", 'groff -man -Tutf8 -ww "$0" 2>&1 >/dev/null', join(pages, page)];
    assert.equal(execFileSync("sh", render, { encoding: "utf8" }), "", page);
  }
  const shown = execFileSync("groff", ["-man", "-Tascii", join(pages, "pkgsrv-up.1")], { encoding: "utf8" });
  assert.match(shown.replace(/\x1b\[[0-9;]*m|.\x08/g, ""), /pkgsrv up numpy/);
});

test("from an empty home it serves its own loader", async () => {
  const server = spawn(join(prefix, "bin/pkgsrv"), ["serve", "--listen", "127.0.0.1:0", "--json"], { cwd: directory.path, env });
  let printed = "";
  server.stdout.on("data", (text) => (printed += text));
  try {
    await until(server, () => printed.includes("\n"));
    const { base_url } = JSON.parse(printed);
    for (const name of ["index.js", "pkgsrv_loader_bg.wasm", "pkgsrv_resolver_bg.wasm"]) {
      const served = Buffer.from(await (await fetch(`${base_url}/loader/${name}`)).arrayBuffer());
      assert.equal(sha256(served), sha256(readFileSync(join(root, "loader/js/dist", name))), name);
    }
  } finally {
    server.kill("SIGTERM");
  }
});

test("it knows its recipes wherever it is, and others when they are named", async () => {
  const upstream = await startProjects({});
  const refused = async (...args) => {
    const child = spawn(join(prefix, "bin/pkgsrv"), [...args, "--upstream", upstream.url], { cwd: directory.path, env });
    let stderr = "";
    child.stderr.setEncoding("utf8").on("data", (text) => (stderr += text));
    assert.deepEqual(await once(child, "close"), [1, null]);
    return stderr;
  };
  try {
    assert.match(
      await refused("build", "nunpy"),
      /^error: nunpy: no recipe of this name in .*\/recipes\/[0-9a-f]{16}, and no project of this name on the upstream index; did you mean numpy\?\n$/,
    );
    assert.match(await refused("build", "nunpy", "--recipes", "elsewhere"), /^error: no recipes at elsewhere; /);
  } finally {
    upstream.stop();
  }
});
