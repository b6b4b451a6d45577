// What goes wrong at the command line: each case is a clear message, a non-zero exit, and a clean second try.
import assert from "node:assert/strict";
import { once } from "node:events";
import { existsSync, mkdirSync, readdirSync, readFileSync } from "node:fs";
import { createServer } from "node:net";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, test } from "node:test";
import { processesWith, until } from "../support/processes.mjs";
import { run, start } from "../support/program.mjs";
import { demo, goodSource, recipes, sdist, sha256, startUpstream, temporaryDirectory, unique } from "../support/upstream.mjs";

let directory, out;
const cleanups = [];
beforeEach(() => {
  directory = temporaryDirectory();
  out = join(directory.path, "dist");
});
afterEach(() => {
  for (const cleanup of cleanups.splice(0)) cleanup();
  directory.remove();
});

const build = (folder, upstream, options) =>
  run(["build", "demo", "--recipes", folder, "--upstream", upstream, "--out", out], options);

/** An upstream whose answer can be changed between two tries. */
async function upstream(bytes) {
  let answer = (response) => response.end(bytes);
  const server = await startUpstream(sha256(bytes), (response) => answer(response));
  cleanups.push(server.stop);
  return { url: server.url, answerWith: (next) => (answer = next) };
}

test("an unknown name is answered with the nearest names", async () => {
  const { url } = await upstream(Buffer.from("no archive"));
  const { code, stderr } = await run(["build", "nunpy", "--out", out, "--upstream", url]);
  assert.equal(code, 1);
  assert.equal(stderr, "error: nunpy: no recipe of this name in recipes, and no project of this name on the upstream index; did you mean numpy?\n");
});

test("an unknown key in a recipe is shown with file, line, column and the nearest key", async () => {
  const folder = recipes(directory.path, "0".repeat(64), (recipe) => recipe.replace("build = [", "biuld = ["));
  const { code, stderr } = await build(folder, "http://127.0.0.1:1/simple");
  assert.equal(code, 1);
  assert.match(stderr, /demo\/recipe\.toml: unknown key `biuld`/);
  assert.match(stderr, /demo\/recipe\.toml:10:1\]/);
  assert.match(stderr, /did you mean `build`\?/);
});

test("a wrong hash is shown with both, nothing is kept, and the right one builds", async () => {
  const bytes = sdist("demo-1.0", demo(unique(goodSource)));
  const { url } = await upstream(bytes);
  const wrong = recipes(directory.path, "0".repeat(64));
  const first = await build(wrong, url);
  assert.equal(first.code, 1);
  assert.match(first.stderr, /demo-1\.0\.tar\.gz: wrong hash/);
  assert.match(first.stderr, new RegExp(`found    ${sha256(bytes)}\n  expected 0{64}`));
  const second = await build(recipes(directory.path, sha256(bytes)), url);
  assert.equal(second.code, 0, second.stderr);
  const wheels = readdirSync(out).filter((name) => name.endsWith(".whl"));
  assert.deepEqual(wheels, ["demo-1.0-cp314-cp314-pyemscripten_2026_0_wasm32.whl"]);
});

test("a transfer that breaks off is an error, and a second try works", async () => {
  const bytes = sdist("demo-1.0", demo(unique(goodSource)));
  const { url, answerWith } = await upstream(bytes);
  const folder = recipes(directory.path, sha256(bytes));
  answerWith((response) => {
    response.setHeader("Content-Length", bytes.length);
    response.write(bytes.subarray(0, bytes.length / 2), () => response.destroy());
  });
  const first = await build(folder, url);
  assert.equal(first.code, 1);
  assert.match(first.stderr, /error: cannot fetch demo-1\.0\.tar\.gz: the transfer broke after \d+ bytes/);
  answerWith((response) => response.end(bytes));
  assert.equal((await build(folder, url)).code, 0);
});

test("a truncated archive is an error", async () => {
  const bytes = sdist("demo-1.0", demo(unique(goodSource)));
  const half = bytes.subarray(0, bytes.length / 2);
  const { url } = await upstream(half);
  const { code, stderr } = await build(recipes(directory.path, sha256(half)), url);
  assert.equal(code, 1);
  assert.match(stderr, /error: demo-1\.0\.tar\.gz: not a whole archive: /);
});

test("a C compile error shows the compiler's lines and the log", async () => {
  const bytes = sdist("demo-1.0", demo(unique("#include <Python.h>\nint broken = missing_name;")));
  const { url } = await upstream(bytes);
  const { code, stderr } = await build(recipes(directory.path, sha256(bytes)), url);
  assert.equal(code, 1);
  assert.match(stderr, /error: demo 1\.0: step `build` failed/);
  assert.match(stderr, /demo\.c:2:14: error: use of undeclared identifier 'missing_name'/);
  const log = /^full log: (.+)$/m.exec(stderr)[1];
  assert.match(readFileSync(log, "utf8"), /undeclared identifier 'missing_name'/);
});

test("a symbol that nothing exports is named with its module, and nothing is kept", async () => {
  const source = goodSource.replace("PyMODINIT_FUNC", "extern int no_such_function(void);\nPyMODINIT_FUNC").replace(
    "return PyModule",
    "if (no_such_function()) return NULL; return PyModule",
  );
  const bytes = sdist("demo-1.0", demo(unique(source)));
  const { url } = await upstream(bytes);
  const { code, stderr } = await build(recipes(directory.path, sha256(bytes)), url);
  assert.equal(code, 1);
  assert.match(
    stderr,
    /not admitted: demo\.cpython-314-wasm32-emscripten\.so: it imports function no_such_function \(env\), which neither/,
  );
  assert.ok(!existsSync(out));
});

test("a package that does not import is not admitted", async () => {
  const source = goodSource.replace("return PyModule_Create(&module);", 'PyErr_SetString(PyExc_ImportError, "not today"); return NULL;');
  const bytes = sdist("demo-1.0", demo(unique(source)));
  const { url } = await upstream(bytes);
  const { code, stderr } = await build(recipes(directory.path, sha256(bytes)), url);
  assert.equal(code, 1);
  assert.match(stderr, /not admitted: it does not import in pyodide 314\.0\.7:\nimport demo\n[^]*ImportError: not today/);
});

test("a build has no network", async () => {
  const files = demo(unique(goodSource));
  files["setup.py"] = `import urllib.request\nurllib.request.urlopen("http://127.0.0.1:1/")\n${files["setup.py"]}`;
  const reached = createServer((socket) => socket.destroy());
  await once(reached.listen(0, "127.0.0.1"), "listening");
  cleanups.push(() => reached.close());
  files["setup.py"] = files["setup.py"].replace(":1/", `:${reached.address().port}/`);
  let connections = 0;
  reached.on("connection", () => (connections += 1));
  const bytes = sdist("demo-1.0", files);
  const { url } = await upstream(bytes);
  const { code, stderr } = await build(recipes(directory.path, sha256(bytes)), url);
  assert.equal(code, 1);
  assert.match(stderr, /Connection refused|Network is unreachable/);
  assert.equal(connections, 0);
});

test("a port that is taken is named before anything is built", async () => {
  const taken = createServer();
  await once(taken.listen(0, "127.0.0.1"), "listening");
  cleanups.push(() => taken.close());
  const address = `127.0.0.1:${taken.address().port}`;
  const { code, stderr } = await run(["up", "numpy", "--listen", address, "--data", join(directory.path, "data")]);
  assert.equal(code, 1);
  assert.ok(stderr.includes(address) && stderr.includes("--listen"), stderr);
});

test("without an upstream the message says what cannot be reached", async () => {
  const folder = recipes(directory.path, sha256(unique("never fetched")));
  const { code, stderr } = await build(folder, "http://127.0.0.1:1/simple");
  assert.equal(code, 1);
  assert.match(stderr, /error: cannot fetch the file list of demo \(http:\/\/127\.0\.0\.1:1\/simple\/demo\/\): no answer; is there a network/);
});

test("a missing program is named with the command that installs it", async () => {
  // A machine of its own: nothing installed, nobody root, a PATH with nothing on it.
  const bin = join(directory.path, "bin");
  mkdirSync(bin);
  const env = { ...process.env, PATH: bin, HOME: directory.path, XDG_CACHE_HOME: join(directory.path, "cache") };
  const { code, stderr } = await run(["toolchain", "install"], { env });
  assert.equal(code, 1);
  assert.match(stderr, /mmdebstrap, bwrap not found on this machine[^]*apt-get install -y --no-install-recommends mmdebstrap bubblewrap/);
});

/** A build of `demo` that has come to a program of its own, which would run for minutes. */
async function longBuild() {
  const files = demo(unique(goodSource));
  const seconds = `600.${process.pid}${Date.now()}`;
  files["setup.py"] = `import subprocess\nsubprocess.run(["sleep", "${seconds}"])\n${files["setup.py"]}`;
  const bytes = sdist("demo-1.0", files);
  const server = await upstream(bytes);
  const folder = recipes(directory.path, sha256(bytes));
  const { child, output } = start(["build", "demo", "--recipes", folder, "--upstream", server.url, "--out", out]);
  await until(child, () => processesWith(seconds) > 0);
  const work = join(dirname(dirname(/^log: (.+)$/m.exec(output.stderr)[1])), "work");
  const directories = () => readdirSync(work).filter((name) => name.startsWith("demo-"));
  assert.notDeepEqual(directories(), []);
  return { child, output, sleeping: () => processesWith(seconds), directories };
}

test("Ctrl-C stops the build's processes and keeps nothing half-done", async () => {
  const { child, output, sleeping, directories } = await longBuild();
  child.kill("SIGINT");
  const [code] = await once(child, "close");
  assert.equal(code, 130, output.stderr);
  assert.match(output.stderr, /interrupted; nothing half-done was kept/);
  assert.equal(sleeping(), 0);
  assert.ok(!existsSync(out));
  assert.deepEqual(directories(), []);
});

test("what a killed build leaves is removed by the next one", async () => {
  const { child, directories } = await longBuild();
  child.kill("SIGKILL");
  await once(child, "close");
  assert.equal(directories().length, 1);
  const bytes = sdist("demo-1.0", demo(unique(goodSource)));
  const { url } = await upstream(bytes);
  const { code, stderr } = await build(recipes(join(directory.path, "next"), sha256(bytes)), url);
  assert.equal(code, 0, stderr);
  assert.deepEqual(directories(), []);
});

test("Ctrl-C while the toolchain is installed leaves nothing that looks installed", async () => {
  const cache = join(directory.path, "cache");
  const { child, output } = start(["toolchain", "install", "--cache", cache]);
  await until(child, () => output.stderr.includes("installing Debian packages") && processesWith(cache) >= 2);
  child.kill("SIGINT");
  const [code] = await once(child, "close");
  assert.equal(code, 130, output.stderr);
  assert.equal(processesWith(cache), 0);
  assert.deepEqual(readdirSync(join(cache, "work")), []);
  assert.equal((await run(["toolchain", "list", "--cache", cache])).stdout, "");
});

test("code in the sandbox cannot change what later builds use, even where root builds", async () => {
  const files = demo(unique(goodSource));
  const attempt = `
import subprocess
for command in ["mount -o remount,bind,rw /pkgsrv/cross", "echo changed > /pkgsrv/cross/meson-cross.ini", "touch /usr/changed"]:
    assert subprocess.run(command, shell=True).returncode != 0, command
`;
  files["setup.py"] = `${attempt}${files["setup.py"]}`;
  const bytes = sdist("demo-1.0", files);
  const { url } = await upstream(bytes);
  const { code, stderr } = await build(recipes(directory.path, sha256(bytes)), url);
  assert.equal(code, 0, stderr);
});

test("a build that leaves a link in place of its pyproject.toml is refused", async () => {
  const files = demo(unique(goodSource));
  const bytes = sdist("demo-1.0", files);
  const { url } = await upstream(bytes);
  const script = '\n[build]\nscript = "rm pyproject.toml; ln -s /etc/passwd pyproject.toml"\n';
  const { code, stderr } = await build(recipes(directory.path, sha256(bytes), (recipe) => recipe + script), url);
  assert.equal(code, 1);
  assert.match(stderr, /demo 1\.0: its build left .*pyproject\.toml that is no regular file/);
});
