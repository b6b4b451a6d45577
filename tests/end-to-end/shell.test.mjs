// `pkgsrv build NAME --shell`: a shell where a package is built.
import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { freshCache } from "../support/cache.mjs";
import { start } from "../support/program.mjs";
import { program } from "../support/settings.mjs";
import { demo, goodSource, recipes, sdist, sha256, startProjects, temporaryDirectory, unique } from "../support/upstream.mjs";

let directory, cache, upstream, folder, plain;
before(async () => {
  directory = temporaryDirectory();
  cache = await freshCache(directory.path);
  const bytes = sdist("demo-1.0", { ...demo(unique(goodSource)), text: "one\n" });
  upstream = await startProjects({ "demo-1.0.tar.gz": bytes });
  folder = recipes(directory.path, sha256(bytes), (text) => text.replace("[requirements]", 'patches = ["two.patch"]\n[requirements]'));
  writeFileSync(join(folder, "demo/two.patch"), "--- a/text\n+++ b/text\n@@ -1 +1 @@\n-one\n+two\n");
  plain = readFileSync(join(folder, "demo/recipe.toml"), "utf8");
});
after(() => {
  upstream.stop();
  directory.remove();
});

const from = () => ["--recipes", folder, "--upstream", upstream.url, "--cache", cache];

/** Runs a script where demo is built. */
async function inShell(script, wanted = "demo", options = from()) {
  const { child, output } = start(["build", wanted, ...options, "--shell"], { stdio: ["pipe", "pipe", "pipe"] });
  child.stdin.end(script);
  const [code] = await once(child, "close");
  return { code, ...output };
}

test("standard input is a script there, and its exit code is the command's", async () => {
  const script = `pwd
cat text
command -v cc
echo "$PREFIX $SOURCE_DATE_EPOCH $PYTHONPATH"
python3.14 -c 'import setuptools; print("setuptools")'
cc -c demo.c -I$(echo /pkgsrv/cross/include/python3.*) -o demo.o && head -c 4 demo.o | tail -c 3
echo
ls /proc/self/fd
exit 7
`;
  const { code, stdout, stderr } = await inShell(script);
  assert.equal(code, 7, stderr);
  const [place, text, cc, variables, tool, magic, ...files] = stdout.trim().split("\n");
  assert.equal(place, "/build/source");
  assert.equal(text, "two", "the patch is applied");
  assert.match(cc, /^\/pkgsrv\/.*bin\/cc$/);
  assert.match(variables, /^\/pkgsrv\/host\/demo 315532800 \/pkgsrv\/tools:\S+$/);
  assert.equal(tool, "setuptools");
  assert.equal(magic, "asm");
  // Whoever runs the tests may have left more files open than the three, and what ls reads.
  const inherited = execFileSync("ls", ["/proc/self/fd"], { encoding: "utf8" }).trim().split("\n");
  assert.deepEqual(files, inherited, "no file of pkgsrv's own");
  const told = stderr.split("\n").filter((line) => line.startsWith("#"));
  assert.equal(told[0], "# demo 1.0: the sandbox of its build, without network. It would run from here on:");
  assert.match(told.join("\n"), /^# build:\n# {3}\S+python3\.14 -m build --wheel --no-isolation .* \/build\/source$/m);
  assert.deepEqual(readdirSync(join(cache, "work")), []);
  assert.throws(() => readdirSync(join(cache, "actions")), "nothing was built");
});

test("what is printed as the build's command builds", async () => {
  const { stderr } = await inShell("");
  const [, command] = /^# build:\n# {3}(.*)$/m.exec(stderr);
  const { code, stdout } = await inShell(`${command} >&2 && ls /build/out\n`);
  assert.equal(code, 0);
  assert.match(stdout, /^demo-1\.0-.*\.whl\n$/);
});

test("a build that fails names the shell, and a patch that does not apply leaves its source to look into", async () => {
  writeFileSync(join(folder, "demo/two.patch"), "--- a/text\n+++ b/text\n@@ -1 +1 @@\n-nothing\n+two\n");
  const { child, output } = start(["build", "demo", ...from()]);
  const [failed] = await once(child, "close");
  assert.equal(failed, 1);
  assert.match(output.stderr, /step `patch` failed[^]*\nfull log: .*\n`pkgsrv build demo --shell` opens a shell where it was built\n/);
  const { code, stdout, stderr } = await inShell("cat text; ls *.rej\n");
  assert.equal(code, 0, stderr);
  assert.equal(stdout, "one\ntext.rej\n");
  assert.match(stderr, /^# demo 1\.0: step `patch` failed/m);
});

test("a directory's build has one, too", async () => {
  const own = join(directory.path, "own");
  mkdirSync(own);
  for (const [name, text] of Object.entries(demo(unique(goodSource)))) writeFileSync(join(own, name), text);
  const { code, stdout, stderr } = await inShell("ls demo.c\n", own);
  assert.equal(code, 0, stderr);
  assert.equal(stdout, "demo.c\n");
});

test("on a terminal, it has one of its own, of the same size, and jobs", async () => {
  writeFileSync(join(folder, "demo/recipe.toml"), plain.replace('patches = ["two.patch"]\n', ""));
  const words = [program, "build", "demo", ...from(), "--shell"].map((word) => `'${word}'`).join(" ");
  const child = spawn("script", ["--quiet", "--return", "--command", `stty rows 31 cols 97; ${words}`, "/dev/null"], {
    stdio: ["pipe", "pipe", "pipe"],
    env: { ...process.env, TERM: "xterm" },
  });
  let output = "";
  child.stdout.setEncoding("utf8").on("data", (text) => {
    const prompted = () => output.split("pkgsrv demo").length - 1;
    const before = prompted();
    output += text;
    if (before === 0 && prompted() > 0) child.stdin.write("echo $TERM $(stty size); sleep 60\n");
    // The keys reach what runs in the shell, not pkgsrv.
    if (output.includes("xterm 31 97") && !output.includes("^C")) setTimeout(() => child.stdin.write("\x03"), 500);
    if (output.includes("^C") && !output.includes("exit 5")) child.stdin.write("exit 5\n");
  });
  const [code] = await once(child, "close");
  assert.equal(code, 5, output);
  assert.match(output, /^xterm 31 97\r$/m);
  assert.doesNotMatch(output, /no job control/);
  assert.deepEqual(readdirSync(join(cache, "work")), []);
});

test("it is for one package that is built", async () => {
  const { code, stderr } = await inShell("", "demo", ["demo", ...from()]);
  assert.equal(code, 1);
  assert.match(stderr, /--shell opens one, so name one package/);
});
