// What an environment restores to: libraries that need each other, several interpreters at once, what Python says of
// itself; and what happens when a part is cut off, when there is not enough of something, and when a boot is cancelled.
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { pathToFileURL } from "node:url";
import { BASES, extensionModule, op, sideModule } from "../../loader/js/test/support/assembler.mjs";
import { wheel } from "../../loader/js/test/support/wheel.mjs";
import { startBrowser } from "../support/browser.mjs";
import { ownData, run, startServer } from "../support/program.mjs";
import { abi, loaderModule, root, runtimeDirectory } from "../support/settings.mjs";
import { temporaryDirectory } from "../support/upstream.mjs";
import { info } from "../support/wheel.mjs";

const { boot } = await import(loaderModule);
const facts = readFileSync(`${root}/loader/js/test/support/facts.py`, "utf8");
const SO = "cpython-314-wasm32-emscripten.so";

/** Counts in its memory, which its constructor begins with 10. */
const deep = sideModule({
  memory: 16,
  types: [":i", ":"],
  imports: BASES,
  functions: [
    {
      type: 0,
      export: "deep_next",
      code: [op.global(0), op.global(0), op.load(0), op.constant(1), op.add, op.store(0), op.global(0), op.load(0)],
    },
    { type: 1, export: "__wasm_call_ctors", code: [op.global(0), op.constant(10), op.store(0)] },
  ],
  contents: { 0: [0, 0, 0, 0] },
});

/** Needs it, and calls it by its address. */
const middle = sideModule({
  needed: ["libdeep.so"],
  paths: ["$ORIGIN"],
  types: [":i"],
  imports: [...BASES, ["GOT.func", "deep_next", "address"]],
  functions: [{ type: 0, export: "middle_next", code: [op.global(2), op.indirect(0), op.constant(100), op.add] }],
});

const calling = (name, library, symbol, path) =>
  extensionModule({
    name,
    method: "next",
    needed: [library],
    paths: [path],
    types: [":i"],
    imports: [["env", symbol, "function", 5]],
    body: [op.call(0)],
  });

const native = (name, files, ...requires) => wheel({ name, files, metadata: info(name, "1.0", ...requires) });
const wheels = [
  native("low", {
    "low/__init__.py": "from low._native import next\n",
    [`low/_native.${SO}`]: calling("_native", "libmiddle.so", "middle_next", "$ORIGIN/../low.libs"),
    "low.libs/libmiddle.so": middle,
    "low.libs/libdeep.so": deep,
  }),
  native("high", { [`high.${SO}`]: calling("high", "libdeep.so", "deep_next", "$ORIGIN/low.libs") }, "low"),
  native("further", { [`further.${SO}`]: calling("further", "libmiddle.so", "middle_next", "$ORIGIN/low.libs") }, "low"),
];

let directory, own, server, browser;
before(async () => {
  directory = temporaryDirectory();
  own = ownData(directory.path);
  for (const { filename, bytes } of wheels) {
    writeFileSync(join(directory.path, filename), bytes);
    await pkgsrv("publish", join(directory.path, filename), "--no-import");
  }
  const warm = join(directory.path, "warm.py");
  writeFileSync(warm, "import high, low\ncounted = [low.next(), high.next(), low.next()]\n");
  await pkgsrv("bake", "low", "high", "--name", "libraries", "--warm", warm);
  server = await startServer(["serve", "--data", own]);
  browser = await startBrowser();
});
after(async () => {
  await browser?.stop();
  await server?.stop();
  directory?.remove();
});

async function pkgsrv(...words) {
  const { code, stderr } = await run([...words, "--data", own]);
  assert.equal(code, 0, stderr);
}

/** Runs in Node, and in pages and workers of browsers that have promise integration (Chromium) and that have not. */
async function everywhere(ask, argument, check) {
  const here = { loader: loaderModule, runtime: String(pathToFileURL(`${runtimeDirectory}/`)) };
  const given = { base: server.base, abi, ...argument };
  check(await ask({ ...given, ...here }), "Node");
  const firefox = await startBrowser("firefox");
  try {
    for (const [name, engine] of [["Chromium", browser], ["Firefox", firefox]]) {
      check(await engine.inPage(ask, given), `${name}, page`);
      check(await engine.inWorker(ask, given), `${name}, worker`);
    }
  } finally {
    await firefox.stop();
  }
}

test("libraries that need each other are linked once, with their state, and others may need them", async () => {
  const ask = async ({ base, abi, loader = `${base}/loader/index.js`, runtime }) => {
    const { boot } = await import(loader);
    const one = () => boot({ repodata: `${base}/repodata/${abi}/`, environment: "libraries", ...(runtime && { runtime }) });
    const interpreters = await Promise.all([one(), one()]);
    const found = [];
    for (const [index, { pyodide, loader, reason }] of interpreters.entries()) {
      if (reason !== undefined) throw new Error(reason);
      const counted = pyodide.runPython("counted + [low.next(), high.next()]").toJs();
      if (index > 0) await loader.install("further");
      const code = "import ctypes; ctypes.CDLL('/lib/python3.14/site-packages/low.libs/libdeep.so').deep_next()";
      const more = index > 0 ? [pyodide.runPython("import further; further.next()"), pyodide.runPython(code)] : [];
      const linked = Object.keys(pyodide._module.LDSO.loadedLibsByName).filter((name) => name.includes("low.libs"));
      found.push({ counted: [...counted, ...more], linked: linked.length });
    }
    return found;
  };
  const counted = [111, 12, 113, 114, 15];
  await everywhere(ask, {}, (found, where) => {
    const others = { counted: [...counted, 116, 17], linked: 2 };
    assert.deepEqual(found, [{ counted, linked: 2 }, others], where);
  });
});

test("what Python says of itself is right, and what is random is new", async () => {
  const ask = async ({ base, abi, facts, loader = `${base}/loader/index.js`, runtime }) => {
    const { boot } = await import(loader);
    const options = { repodata: `${base}/repodata/${abi}/`, ...(runtime && { runtime }) };
    const code = `import random, secrets, time, uuid; import json
json.dumps({"random": [random.random(), secrets.token_hex(), str(uuid.uuid4()), uuid.uuid1().hex], "time": time.time() * 1000})`;
    const of = async (more) => {
      const { pyodide, restored } = await boot({ ...options, ...more });
      const told = JSON.parse(pyodide.runPython(facts));
      const before = Date.now();
      const drawn = JSON.parse(pyodide.runPython(code));
      const waits = await pyodide.runPythonAsync("__import__('pyodide').ffi.can_run_sync()");
      return { restored, waits, told, random: drawn.random, isNow: drawn.time >= before - 1 && drawn.time <= Date.now() + 1 };
    };
    return [await of({ image: false }), await of({ environment: "libraries" })];
  };
  const drawn = [];
  await everywhere(ask, { facts }, ([started, baked], where) => {
    assert.deepEqual([started, baked].map(({ restored, isNow }) => [restored, isNow]), [[false, true], [true, true]], where);
    // Whether Python can wait is for the engine to say.
    assert.deepEqual([started, baked].map(({ waits }) => waits), Array(2).fill(where.startsWith("Chromium")), where);
    // The code of the environment has imported, and defined names.
    const { modules, globals, files, ...same } = baked.told;
    const { modules: before, globals: names, files: _, ...expected } = started.told;
    assert.deepEqual(same, expected, where);
    assert.ok(before.every((module) => modules.includes(module)) && modules.includes("high"), where);
    assert.ok(names.every((name) => globals.includes(name)) && globals.includes("counted"), where);
    drawn.push(...started.random, ...baked.random);
  });
  // All are of one image.
  assert.equal(new Set(drawn).size, drawn.length);
});

const files = () => join(own, `environments/main/${abi}`);
const index = () => JSON.parse(readFileSync(join(files(), "libraries.json")));
const altered = (change) => {
  const it = index();
  change(it);
  return JSON.stringify(it);
};

/** Boots in this process, where an address that ends so answers otherwise. */
function bootWith(end, bytes, options = {}) {
  const answer = (url, init) => (String(url).endsWith(end) ? Promise.resolve(new Response(bytes)) : fetch(url, init));
  const runtime = pathToFileURL(`${runtimeDirectory}/`);
  return boot({ repodata: `${server.base}/repodata/${abi}/`, runtime, environment: "libraries", fetch: answer, attempts: 1, ...options });
}

const part = (of) => () => {
  const { file } = of(index());
  const path = file.includes("/") ? join(runtimeDirectory, file.split("/").at(-1)) : join(files(), file);
  return [file.split("/").at(-1), readFileSync(path).subarray(0, -1)];
};
for (const [what, other, reason] of [
  ["memory that is cut off", part((it) => it.memory), /has \d+ bytes, expected \d+ bytes/],
  ["side modules that are cut off", part((it) => it.environment.first), /has \d+ bytes, expected \d+ bytes/],
  ["files that are cut off", part((it) => it.environment.later), /has \d+ bytes, expected \d+ bytes/],
  ["a standard library that is cut off", part((it) => it.stdlib), /has \d+ bytes, expected \d+ bytes/],
  ["more memory than there can be", () => ["libraries.json", altered((it) => (it.memory.length = 2 ** 33))], /no memory of the image's size/],
  ["a table that cannot be so long", () => ["libraries.json", altered((it) => (it.environment.table.length = 2 ** 31))], /table cannot have the 2147483648 slots/],
]) {
  test(`with ${what} the packages are installed, and the code run`, async () => {
    const { pyodide, restored, installed, reason: told } = await bootWith(...other());
    assert.equal(restored, false);
    assert.match(told, reason);
    assert.deepEqual(installed.map(({ name }) => name).sort(), ["high", "low"]);
    assert.deepEqual(pyodide.runPython("counted + [high.next()]").toJs(), [111, 12, 113, 14]);
  });
}

test("an index that is cut off is an error of its own", async () => {
  const bytes = readFileSync(join(files(), "libraries.json"));
  for (const length of [0, 1, bytes.length >> 1, bytes.length - 1]) {
    await assert.rejects(bootWith("libraries.json", bytes.subarray(0, length)), { code: "bad_environment" });
  }
});

test("a boot may be cancelled at any moment", async () => {
  const { fetch } = globalThis;
  const runtime = pathToFileURL(`${runtimeDirectory}/`);
  /** Cancels at the nth thing that happens; how many happened. */
  const cancelledAt = async (moment) => {
    const controller = new AbortController();
    let moments = 0;
    const happens = () => {
      if (moments++ === moment) controller.abort(new Error("not wanted any more"));
    };
    globalThis.fetch = async (...args) => {
      happens();
      const response = await fetch(...args);
      happens();
      return response;
    };
    const options = { environment: "libraries", packages: ["further"], signal: controller.signal, onProgress: happens };
    try {
      const { pyodide, restored, complete } = await boot({ repodata: `${server.base}/repodata/${abi}/`, runtime, ...options });
      assert.ok(restored);
      assert.deepEqual(pyodide.runPython("import further; [further.next(), high.next()]").toJs(), [114, 15]);
      await complete;
      return { moments };
    } catch (error) {
      assert.equal(error.code, "aborted", error.stack);
      assert.equal(error.cause.message, "not wanted any more");
      return { cancelled: true };
    } finally {
      globalThis.fetch = fetch;
    }
  };
  const { moments } = await cancelledAt(Infinity);
  assert.ok(moments > 20, `${moments} moments`);
  const cancelled = [];
  for (let moment = 0; moment < moments; moment += Math.ceil(moments / 16)) cancelled.push((await cancelledAt(moment)).cancelled);
  assert.ok(cancelled.filter(Boolean).length > cancelled.length / 2);
  await cancelledAt(Infinity);
});
