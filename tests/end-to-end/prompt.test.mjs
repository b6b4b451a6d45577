// The Python prompt: everything in Chromium, the core of it in Firefox too.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { cpSync, existsSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { after, before, beforeEach, describe, test } from "node:test";
import { assertAccessible } from "../support/accessible.mjs";
import { assertNumpy, expectedNumpy, numpyCode } from "../support/numpy.mjs";
import { builtPackages, run, start, startServer } from "../support/program.mjs";
import { startChromium, startFirefox } from "../support/prompt.mjs";
import { abi, data } from "../support/settings.mjs";
import { temporaryDirectory } from "../support/upstream.mjs";

/** A picture of two colours, 3 by 2, by the rules of PNG and nothing else. */
const picture = `
import struct, zlib
class Picture:
    def _repr_png_(self):
        part = lambda name, data: struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        rows = b"".join(b"\\0" + bytes([15, 92, 79] * 2 + [240, 185, 90]) for _ in range(2))
        return b"\\x89PNG\\r\\n\\x1a\\n" + part(b"IHDR", struct.pack(">2I5B", 3, 2, 8, 2, 0, 0, 0)) + part(b"IDAT", zlib.compress(rows)) + part(b"IEND", b"")
    def __repr__(self):
        return "two colours"
Picture()`;

/** The environment that `up --bake` makes. */
const environment = builtPackages.join("-");

let server, chromium;
before(async () => {
  server = await startServer(["up", ...builtPackages, "--bake", "--data", data]);
  chromium = await startChromium();
});
after(async () => {
  await chromium?.stop();
  await server?.stop();
  await run(["bake", "--remove", environment, "--data", data]);
});

/** What has to work wherever the prompt runs. */
async function core(prompt) {
  await prompt.untilState("idle");
  assert.equal((await prompt.run("1 + 1")).result, "2\n");

  const numpy = await prompt.run("import numpy");
  assert.equal(numpy.status, "ok");
  assert.match(numpy.notes.join(), /^Installed numpy 2\.4\.6 · 12\.4 MB in [\d.]+ s$/);
  const { result } = await prompt.run(numpyCode);
  const json = execFileSync("python3", ["-c", "import ast, sys; print(ast.literal_eval(sys.stdin.read()))"], { input: result, encoding: "utf8" });
  assertNumpy(json, expectedNumpy());

  await prompt.run("def divide(a, b):\n    return a / b\n");
  const failed = await prompt.run("divide(1, 0)");
  assert.equal(failed.status, "error");
  const frames = failed.error.match(/File "[^"]*", line \d+, in \S+/g);
  assert.deepEqual(frames.map((frame) => frame.replace(/input \d+/, "input")), ['File "<input>", line 1, in <module>', 'File "<input>", line 2, in divide']);
  assert.match(failed.error, /ZeroDivisionError: division by zero\n$/);

  // Ctrl-C: code that computes, code that waits, and after both the same Python goes on.
  for (const code of ["while True: pass", "import asyncio; await asyncio.sleep(1000)"]) {
    const at = await prompt.begin(code);
    await prompt.until("it runs", (at) => document.querySelectorAll(".entry")[at]?.dataset.status === "running", at);
    await prompt.press("Control+c");
    const stopped = await prompt.entry(at);
    assert.equal(stopped.status, "interrupted", code);
    assert.match(stopped.error, /KeyboardInterrupt\n$/);
    assert.equal((await prompt.run("divide(3, 2)")).result, "1.5\n");
  }
  // And at once, whatever Python has come to by then.
  for (let wait = 0; wait < 40; wait += 2) {
    const at = await prompt.begin("while True: pass");
    await new Promise((resolve) => setTimeout(resolve, wait));
    await prompt.press("Control+c");
    assert.equal((await prompt.entry(at)).status, "interrupted");
  }
  assert.equal((await prompt.run("divide(3, 2)")).result, "1.5\n");

  const at = await prompt.begin("name = input('Who? ')\nprint('Hello,', name)");
  await prompt.until("Python asks", () => document.getElementById("code-label").textContent === "Answer to input()");
  await prompt.type("Ada");
  await prompt.press("Enter");
  assert.match((await prompt.entry(at)).stdout, /^Who\? Hello, Ada\n$/);

  const shown = await prompt.run(picture);
  await prompt.until("the picture is there", () => [...document.images].at(-1)?.complete);
  assert.deepEqual(shown.pictures.map(({ alt }) => alt), ["two colours"]);
  const size = await prompt.evaluate(() => [[...document.images].at(-1).naturalWidth, [...document.images].at(-1).naturalHeight]);
  assert.deepEqual(size, [3, 2]);
  assert.deepEqual(prompt.errors, []);
}

test("the core in Chromium", async () => core(await chromium.newPrompt(server.base)));

/** A prompt that the address starts with an environment. */
async function withEnvironment(prompt) {
  await prompt.untilState("idle");
  assert.equal(await prompt.evaluate(() => location.search), `?environment=${environment}`);
  assert.match(await prompt.text("#about"), new RegExp(` · environment ${environment}$`));
  const started = `Restored the environment ${environment}: markupsafe 3.0.4, numpy 2.4.6, pyyaml 6.0.3`;
  assert.deepEqual((await prompt.entry(0)).notes, [started]);
  const there = await prompt.evaluate(() => [...document.querySelectorAll("#list .installed")].map(({ dataset }) => dataset.name));
  assert.deepEqual(there, builtPackages);
  assert.equal((await prompt.run("import sys; 'numpy' in sys.modules")).result, "True\n");
  const numpy = await prompt.run("import numpy; numpy.arange(3)");
  assert.deepEqual([numpy.result, numpy.notes], ["array([0, 1, 2])\n", []]);
  assert.deepEqual(prompt.errors, []);
}

test("the core in Firefox", async () => {
  const firefox = await startFirefox();
  try {
    await core(await firefox.newPrompt(server.base));
    await withEnvironment(await firefox.newPrompt(`${server.base}/?environment=${environment}`));
  } finally {
    await firefox.stop();
  }
});

describe("in Chromium", () => {
  let prompt;
  before(async () => {
    prompt = await chromium.newPrompt(server.base);
    await prompt.untilState("idle");
  });
  // What a test that failed has left must not fail the next one.
  beforeEach(() => prompt.evaluate(() => (document.getElementById("code").value = "")));

  test("the prompt has an origin of its own, isolated, and reaches nothing that needs a credential", async () => {
    const { origin, isolated } = await prompt.evaluate(() => ({ origin: location.origin, isolated: crossOriginIsolated }));
    assert.notEqual(origin, new URL(server.base).origin);
    assert.equal(isolated, true);
    // Another tab of the same profile, at the main origin.
    const main = await prompt.page.context().newPage();
    await main.goto(`${server.base}/packages/`);
    await main.evaluate(() => localStorage.setItem("token", "secret"));
    await main.close();
    assert.equal(await prompt.evaluate(() => localStorage.getItem("token")), null);
    assert.equal(await prompt.evaluate(() => document.cookie), "");
    assert.equal(await prompt.evaluate(() => window.opener), null);
    // Without credentials everything is public; with them, nothing can be read.
    const ask = (credentials) => `
from js import fetch
from pyodide.ffi import to_js
import js
async def ask():
    options = to_js({"credentials": "${credentials}"}, dict_converter=js.Object.fromEntries)
    return (await fetch("${server.base}/simple/", options)).status
await ask()`;
    assert.equal((await prompt.run(ask("omit"))).result, "200\n");
    assert.match((await prompt.run(ask("include"))).error, /JsException: TypeError: Failed to fetch/);
    // Other programs that speak plain HTTP are out of reach, even where they let everyone in.
    const heard = [];
    const other = createServer((request, response) => {
      heard.push(request.url);
      response.writeHead(200, { "Access-Control-Allow-Origin": "*", "Cross-Origin-Resource-Policy": "cross-origin" }).end();
    });
    await once(other.listen(0, "127.0.0.1"), "listening");
    const refused = await prompt.run(ask("omit").replace(server.base, `http://127.0.0.1:${other.address().port}`));
    other.close();
    other.closeAllConnections();
    assert.match(refused.error, /JsException: TypeError: Failed to fetch/);
    assert.deepEqual(heard, []);
    const response = await fetch(`${server.base}/packages/`);
    assert.equal(response.headers.get("set-cookie"), null);
  });

  test("Enter runs what is complete and else begins a line", async () => {
    const at = await prompt.entries();
    await prompt.evaluate(() => document.getElementById("code").focus());
    await prompt.type("def square(x):\nreturn x * x\n\nsquare(12)\n");
    assert.deepEqual((await prompt.entry(at)).code, "def square(x):\n    return x * x");
    assert.equal((await prompt.entry(at + 1)).result, "144\n");
    await prompt.type("total = sum([\n1,\n2])\ntotal\n");
    assert.equal((await prompt.entry(at + 3)).result, "3\n");
    await prompt.type("6 *");
    await prompt.press("Shift+Enter");
    await prompt.untilCode("6 *\n");
    await prompt.press("Control+c");
    await prompt.untilCode("");
    const wrong = await prompt.run("1 +");
    assert.equal(wrong.status, "syntax");
    assert.equal(wrong.error.replace(/input \d+/, "input"), '  File "<input>", line 1\n    1 +\n       ^\nSyntaxError: invalid syntax\n');
  });

  test("lines that are indented, dedented by Backspace", async () => {
    const at = await prompt.entries();
    await prompt.evaluate(() => document.getElementById("code").focus());
    await prompt.type("for i in range(2):\nif i:\nprint(i)\n");
    await prompt.press("Backspace");
    await prompt.press("Backspace");
    await prompt.type("print('end')");
    await prompt.untilCode("for i in range(2):\n    if i:\n        print(i)\nprint('end')");
    await prompt.press("Control+Enter");
    assert.equal((await prompt.entry(at)).stdout, "1\nend\n");
  });

  test("history survives a reload", async () => {
    await prompt.run("first = 1");
    await prompt.run("second = 2\nsecond");
    await prompt.page.reload();
    await prompt.untilState("idle");
    await prompt.evaluate(() => document.getElementById("code").focus());
    await prompt.type("draft");
    await prompt.press("ArrowUp");
    await prompt.untilCode("second = 2\nsecond");
    await prompt.press("ArrowUp");
    await prompt.untilCode("first = 1");
    for (let step = 0; step < 3; step += 1) await prompt.press("ArrowDown");
    await prompt.untilCode("draft");
    await prompt.press("Control+c");
  });

  test("Tab completes, and does not hold who has no mouse", async () => {
    await prompt.run("wonderful_name = 'x'");
    await prompt.evaluate(() => document.getElementById("code").focus());
    await prompt.type("wonder");
    await prompt.press("Tab");
    await prompt.untilCode("wonderful_name");
    await prompt.type(".is");
    await prompt.press("Tab");
    await prompt.until("the list is open", () => !document.getElementById("completions").hidden);
    await assertAccessible(prompt);
    const chosen = () => prompt.evaluate(() => document.getElementById(document.getElementById("code").getAttribute("aria-activedescendant")).textContent);
    assert.match(await chosen(), /^wonderful_name\.isalnum/);
    await prompt.press("ArrowDown");
    assert.match(await chosen(), /^wonderful_name\.isalpha/);
    await prompt.press("Enter");
    assert.match(await prompt.code(), /^wonderful_name\.isalpha/);
    await prompt.press("Control+c");
    await prompt.type("import nump");
    await prompt.press("Tab");
    await prompt.untilCode("import numpy");
    await prompt.press("Control+c");
    await prompt.press("Escape");
    await prompt.press("Tab");
    assert.equal(await focused(prompt), "run");
    await prompt.press("Shift+Tab");
    assert.equal(await focused(prompt), "code");
  });

  test("a package by keys only, from the list and by its name", async () => {
    await prompt.evaluate(() => document.getElementById("code").focus());
    const seen = [];
    await prompt.press("Escape");
    for (let step = 0; step < 6; step += 1) {
      await prompt.press("Tab");
      seen.push(await focused(prompt));
      assert.ok(await hasOutline(prompt), `${seen.at(-1)} has the focus, but nothing shows it`);
      if (seen.at(-1) === "package") break;
    }
    assert.equal(seen.at(-1), "package", seen.join());
    await prompt.type("yaml");
    await prompt.press("ArrowDown");
    assert.equal(await focused(prompt), "pyyaml");
    const at = await prompt.entries();
    await prompt.press("Enter");
    const installed = await prompt.entry(at);
    assert.match(installed.notes.join(), /^Installed pyyaml 6\.0\.3 /);
    await prompt.untilCode("import yaml");
    await prompt.press("Enter");
    assert.equal((await prompt.entry(at + 1)).status, "ok");
    assert.equal((await prompt.run("yaml.safe_load('[1, {a: b}]')")).result, "[1, {'a': 'b'}]\n");
    await prompt.page.fill("#package", "numpi");
    await prompt.press("Enter");
    const unknown = await prompt.entry(at + 3);
    assert.equal(unknown.status, "error");
    assert.match(unknown.notes.join(), /numpi.*\(unknown_package\)$/s);
    assert.match((await prompt.run("%pip install markupsafe")).notes.join(), /^Installed markupsafe 3\.0\.4 /);
  });

  test("what an import inside of a package misses is offered", async () => {
    const entry = await prompt.run("__import__('numpy').arange(3)");
    assert.match(entry.error, /ModuleNotFoundError: No module named 'numpy'/);
    const at = await prompt.entries();
    await prompt.page.getByRole("button", { name: "Install numpy" }).click();
    assert.equal((await prompt.entry(at)).status, "ok");
    assert.equal((await prompt.run("__import__('numpy').arange(3)")).result, "array([0, 1, 2])\n");
  });

  test("an SVG is a picture, and its scripts do not run", async () => {
    const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="40" height="30"><script>parent.escaped = true</script><circle r="9"/></svg>`;
    const shown = await prompt.run(`class Drawing:\n    def _repr_svg_(self): return '''${svg}'''\nDrawing()`);
    assert.equal(shown.pictures.length, 1);
    await prompt.until("it is drawn", () => [...document.images].at(-1).naturalWidth === 40);
    assert.equal(await prompt.evaluate(() => globalThis.escaped), undefined);
    const markup = await prompt.run("print('<img src=x onerror=alert(1)>')");
    assert.equal(markup.stdout, "<img src=x onerror=alert(1)>\n");
    assert.deepEqual(markup.pictures, []);
    assert.match((await prompt.run("class Bad:\n    def _repr_png_(self): raise ValueError('no ink')\nBad()")).error, /ValueError: no ink\n$/);
  });

  test("a flood of output is cut, and ends by Ctrl-C", async () => {
    const at = await prompt.entries();
    await prompt.paste("while True: print('x' * 100)");
    await prompt.press("Control+Enter");
    await prompt.until("much is printed", (at) => document.querySelectorAll(".entry")[at]?.textContent.length > 250_000, at);
    await prompt.press("Control+c");
    const entry = await prompt.entry(at);
    assert.equal(entry.status, "interrupted");
    assert.match(entry.stderr, /^… [\d,]+ characters more were not kept\n$/);
    const bar = await prompt.run("for i in range(3): print(f'\\r{i} of 3', end='')\nprint()");
    assert.equal(bar.stdout, "2 of 3\n");
  });

  test("what is typed while Python is busy waits, and Ctrl-C takes it back", async () => {
    const at = await prompt.entries();
    await prompt.run("import time");
    await prompt.paste("time.sleep(0.5)");
    await prompt.press("Control+Enter");
    await prompt.type("'after'\n");
    assert.equal((await prompt.entry(at + 2)).result, "'after'\n");
    await prompt.paste("while True: pass");
    await prompt.press("Control+Enter");
    await prompt.type("'never'\n");
    await prompt.until("it runs", (at) => document.querySelectorAll(".entry")[at]?.dataset.status === "running", at + 3);
    await prompt.press("Control+c");
    const never = await prompt.entry(at + 4);
    assert.deepEqual([never.status, never.result], ["interrupted", ""]);
  });

  test("input() takes Ctrl-C and Ctrl-D", async () => {
    for (const [key, expected] of [["Control+c", "KeyboardInterrupt"], ["Control+d", "EOFError"]]) {
      const at = await prompt.entries();
      await prompt.paste("input()");
      await prompt.press("Control+Enter");
      await prompt.until("Python asks", () => document.getElementById("code-label").textContent === "Answer to input()");
      await prompt.press(key);
      assert.match((await prompt.entry(at)).error, new RegExp(`${expected}[^\\n]*\\n$`));
      assert.equal((await prompt.run("'usable'")).result, "'usable'\n");
    }
  });

  test("Ctrl-L clears", async () => {
    await prompt.press("Control+l");
    assert.equal(await prompt.entries(), 0);
  });
});

test("progress is seen in stages and bytes: at the start, and at an installation", async () => {
  const prompt = await chromium.newPrompt("about:blank");
  await prompt.page.addInitScript(() => {
    globalThis.seen = new Set();
    addEventListener("DOMContentLoaded", () => {
      const note = () => document.querySelectorAll("#boot-text, .progress span").forEach(({ textContent }) => seen.add(textContent));
      new MutationObserver(note).observe(document.body, { subtree: true, childList: true, characterData: true });
    });
  });
  await prompt.open(server.base);
  await prompt.untilState("idle");
  await prompt.run("import numpy");
  const seen = await prompt.evaluate(() => [...globalThis.seen]);
  for (const pattern of [
    /^Fetching the interpreter · [\d.]+( kB)? of 2\d\.\d MB$/,
    /^numpy: downloading · [\d.]+( kB)? of 12\.7 MB$/,
    /^numpy: unpacking · [\d.]+( kB)? of [\d.]+ MB$/,
    /^numpy: compiling · \d+ of 13 modules$/,
  ]) {
    assert.ok(seen.some((text) => pattern.test(text)), `nothing like ${pattern} in:\n${seen.join("\n")}`);
  }
  await prompt.close();
});

test("a start that fails says why, and is tried again", async () => {
  const directory = temporaryDirectory();
  const { child, base } = await serve(["--data", directory.path, "--listen", "127.0.0.1:0"]);
  try {
    const prompt = await chromium.newPrompt(base);
    await prompt.untilState("failed");
    assert.match(await prompt.text("#boot-text"), /^Python could not be started: the interpreter of http:\S+\/runtime\/pyodide\/314\.0\.7\/ does not start: /);
    assert.match(await prompt.text("#count"), /^Nothing is published/);
    await assertAccessible(prompt);
    // The field takes code all the while, and loses none.
    await prompt.paste("'kept'");
    await prompt.press("Control+Enter");
    await prompt.untilCode("'kept'");
    for (const name of ["runtime", "loader"]) if (!existsSync(`${directory.path}/${name}`)) symlinkSync(`${data}/${name}`, `${directory.path}/${name}`);
    await prompt.page.getByRole("button", { name: "Try again" }).click();
    await prompt.untilState("idle");
    await prompt.evaluate(() => document.getElementById("code").focus());
    await prompt.press("Control+Enter");
    assert.equal((await prompt.entry(await prompt.entries() - 1)).result, "'kept'\n");
    await prompt.close();
  } finally {
    child.kill("SIGTERM");
    directory.remove();
  }
});

test("an environment is chosen by keys, and Restart starts it again", async () => {
  assert.ok(server.output.stdout.includes(`${server.base}/?environment=${environment} (with ${environment} imported)\n`));
  const prompt = await chromium.newPrompt(server.base);
  await prompt.untilState("idle");
  await prompt.until("there is a choice", () => !document.getElementById("environments").hidden);
  const texts = () => prompt.evaluate(() => [...document.getElementById("environment").options].map(({ text }) => text));
  assert.equal((await texts())[0], "Python alone");
  assert.ok((await texts()).includes(`${environment} (${builtPackages.join(", ")})`), await texts());
  await assertAccessible(prompt);
  const choice = prompt.page.getByLabel("Open a prompt with");
  await choice.focus();
  await prompt.type(environment);
  assert.equal(await choice.inputValue(), environment);
  await prompt.press("Tab");
  assert.ok(await hasOutline(prompt));
  await prompt.press("Enter");
  await prompt.page.waitForURL(`**/?environment=${environment}`);
  await withEnvironment(prompt);
  assert.equal(await choice.inputValue(), environment);
  await assertAccessible(prompt);
  await prompt.evaluate(() => document.getElementById("restart").click());
  await prompt.untilState("idle");
  assert.equal((await prompt.run("import sys; 'numpy' in sys.modules")).result, "True\n");
  await choice.selectOption("Python alone");
  await prompt.page.getByRole("button", { name: "Open" }).click();
  await prompt.page.waitForURL(isBare);
  await prompt.untilState("idle");
  assert.equal(await prompt.entries(), 0);
  assert.equal((await prompt.run("import sys; 'numpy' in sys.modules")).result, "False\n");
  await prompt.close();
});

test("of an environment that is not there the page says so, and what there is", async () => {
  for (const asked of ["nope", "../x", "<img src=x onerror=alert(1)>"]) {
    const prompt = await chromium.newPrompt(`${server.base}/?environment=${encodeURIComponent(asked)}`);
    await prompt.untilState("failed");
    const said = await prompt.text("#boot-text");
    assert.ok(said.startsWith(`Python could not be started: the channel main has no environment “${asked}”. It has: `), said);
    assert.ok(said.includes(environment), said);
    assert.equal(await prompt.evaluate(() => document.images.length), 0);
    await assertAccessible(prompt);
    // The choice leads out of it.
    await prompt.page.getByRole("button", { name: "Open" }).click();
    await prompt.page.waitForURL(isBare);
    await prompt.untilState("idle");
    await prompt.close();
  }
});

test("an environment that cannot be restored is installed, and the page says why", async () => {
  const directory = temporaryDirectory();
  for (const name of ["store", "runtime", "loader"]) symlinkSync(`${data}/${name}`, `${directory.path}/${name}`);
  const { child, base } = await serve(["--data", directory.path, "--listen", "127.0.0.1:0"]);
  try {
    const prompt = await chromium.newPrompt(`${base}/?environment=${environment}`);
    await prompt.untilState("failed");
    assert.match(await prompt.text("#boot-text"), /It has none; `pkgsrv bake` makes one\.$/);
    await prompt.page.getByRole("button", { name: "Open" }).click();
    await prompt.page.waitForURL(isBare);
    await prompt.untilState("idle");
    assert.equal(await prompt.evaluate(() => document.getElementById("environments").hidden), true);

    const line = `${directory.path}/environments/main/${abi}`;
    cpSync(`${data}/environments`, `${directory.path}/environments`, { recursive: true });
    const { memory } = JSON.parse(readFileSync(`${line}/${environment}.json`, "utf8"));
    for (const encoding of ["br", "zst"]) rmSync(`${line}/${memory.file}.${encoding}`);
    const bytes = readFileSync(`${line}/${memory.file}`);
    bytes[bytes.length >> 1] ^= 1;
    writeFileSync(`${line}/${memory.file}`, bytes);
    await prompt.open(`${base}/?environment=${environment}`);
    await prompt.untilState("idle");
    const [said] = (await prompt.entry(0)).notes;
    assert.match(said, /^The environment \S+ could not be restored \(.*has SHA-256.*\), so its packages were installed: markupsafe 3\.0\.4, numpy 2\.4\.6, /s);
    assert.equal((await prompt.run("numpy = __import__('numpy'); numpy.arange(2)")).result, "array([0, 1])\n");
    await prompt.close();
  } finally {
    child.kill("SIGTERM");
    directory.remove();
  }
});

test("at addresses of its own names by plain HTTP: what the browser does not allow is said, and Restart helps", async () => {
  const [main, own] = await freePorts(2);
  const addresses = ["--base-url", `http://packages.test:${main}`, "--prompt-url", `http://prompt.test:${own}`];
  const { child } = await serve(["--data", data, "--listen", `127.0.0.1:${main}`, "--prompt-listen", `127.0.0.1:${own}`, ...addresses]);
  const browser = await startChromium(["--host-resolver-rules=MAP *.test 127.0.0.1"]);
  try {
    const prompt = await browser.newPrompt(`http://packages.test:${main}`);
    await prompt.untilState("idle");
    assert.equal(await prompt.evaluate(() => location.origin), `http://prompt.test:${own}`);
    assert.match((await prompt.entry(0)).notes.join(), /^This page is reached by plain HTTP, so the browser shares no memory/);
    assert.match((await prompt.run("import yaml; yaml.safe_load('[1]')")).result, /^\[1\]\n$/);
    assert.match((await prompt.run("input()")).error, /input\(\) needs memory that is shared with the page/);
    // What waits can be ended all the same; what computes only with all of Python.
    let at = await prompt.entries();
    await prompt.paste("import asyncio; await asyncio.sleep(1000)");
    await prompt.press("Control+Enter");
    await prompt.until("it runs", (at) => document.querySelectorAll(".entry")[at]?.dataset.status === "running", at);
    await prompt.press("Control+c");
    assert.equal((await prompt.entry(at)).status, "interrupted");
    at = await prompt.entries();
    await prompt.paste("while True: pass");
    await prompt.press("Control+Enter");
    await prompt.until("it runs", (at) => document.querySelectorAll(".entry")[at]?.dataset.status === "running", at);
    await prompt.press("Control+c");
    await prompt.untilState("stuck");
    await prompt.page.getByRole("button", { name: "Restart" }).click();
    assert.equal((await prompt.entry(at)).status, "ended");
    await prompt.untilState("idle");
    assert.match((await prompt.run("yaml")).error, /NameError: name 'yaml' is not defined/);
  } finally {
    await browser.stop();
    child.kill("SIGTERM");
  }
});

test("light and dark, wide and on a telephone, for everyone", async () => {
  for (const viewport of [{ width: 1280, height: 800 }, { width: 360, height: 640 }]) {
    const isPhone = viewport.width < 500;
    const prompt = await chromium.newPrompt(server.base, { viewport, hasTouch: isPhone, isMobile: isPhone });
    await assertAccessible(prompt);
    await prompt.untilState("idle");
    await prompt.run("import numpy\nnumpy.arange(400).reshape(20, 20)");
    await prompt.run("1 / 0");
    await prompt.run(`print('a' * 500)\n${picture}`);
    for (const colorScheme of ["light", "dark"]) {
      await prompt.page.emulateMedia({ colorScheme });
      await assertAccessible(prompt);
    }
    const overflow = await prompt.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
    assert.equal(overflow, 0, `the page scrolls sideways at a width of ${viewport.width}`);
    if (isPhone) {
      const at = await prompt.entries();
      await prompt.page.tap("summary");
      assert.ok(await prompt.page.locator("#list button").first().isVisible());
      await assertAccessible(prompt);
      await prompt.page.tap("summary");
      await prompt.page.fill("#code", "while True: pass");
      await prompt.page.tap("#run");
      await prompt.page.tap("#stop");
      assert.equal((await prompt.entry(at)).status, "interrupted");
    }
    await prompt.close();
  }
});

test("thousands of packages stay usable", async () => {
  const prompt = await chromium.newPrompt(server.base);
  const shown = await prompt.evaluate(async () => {
    const { PackageList } = await import("/packages.js");
    const [form, field, list, count] = ["form", "input", "ul", "p"].map((name) => document.createElement(name));
    const packages = new PackageList({ form, field, list, count }, () => {});
    const known = Array.from({ length: 20_000 }, (_, at) => ({ name: `package-${at}`, version: "1.0", size: at, imports: [`module_${at}`] }));
    packages.set(known);
    const names = () => [...list.querySelectorAll("button")].map((button) => button.dataset.name);
    const all = { shown: names().length, count: count.textContent };
    field.value = "module_19999";
    field.dispatchEvent(new Event("input"));
    return { all, found: names(), count: count.textContent };
  });
  assert.deepEqual(shown, {
    all: { shown: 60, count: "20,000 packages, the first 60 shown; type to find others." },
    found: ["package-19999"],
    count: "1 of 20,000 packages",
  });
  await prompt.close();
});

/** Starts `pkgsrv serve`; resolves when it listens. */
function serve(args) {
  const { child, output } = start(["serve", ...args]);
  return new Promise((resolve, reject) => {
    child.stdout.on("data", () => {
      const [, base] = /^listening on (\S+)$/m.exec(output.stdout) ?? [];
      if (base) resolve({ child, base });
    });
    child.on("exit", () => reject(new Error(output.stderr)));
  });
}

/** Ports of this machine that were free a moment ago. */
async function freePorts(count) {
  const servers = await Promise.all(Array.from({ length: count }, async () => {
    const server = createServer();
    await once(server.listen(0, "127.0.0.1"), "listening");
    return server;
  }));
  return servers.map((server) => {
    const { port } = server.address();
    server.close();
    return port;
  });
}

/** Of an address that asks for Python alone. */
const isBare = (url) => url.search === "";

/** Where the focus is: an id, or the package of a button in the list. */
function focused(prompt) {
  return prompt.evaluate(() => document.activeElement.id || document.activeElement.dataset.name || document.activeElement.tagName.toLowerCase());
}

function hasOutline(prompt) {
  return prompt.evaluate(() => {
    const { outlineStyle, outlineWidth } = getComputedStyle(document.activeElement);
    return outlineStyle !== "none" && outlineWidth !== "0px";
  });
}
