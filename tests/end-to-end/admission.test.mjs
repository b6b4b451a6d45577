// `pkgsrv admit` and the reports, with the real runtime.
import assert from "node:assert/strict";
import { existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { BASES, extensionModule, op, sideModule } from "../../loader/js/test/support/assembler.mjs";
import { wheel } from "../../loader/js/test/support/wheel.mjs";
import { run, startServer } from "../support/program.mjs";
import { abi, data } from "../support/settings.mjs";
import { temporaryDirectory } from "../support/upstream.mjs";

let directory;
before(() => (directory = temporaryDirectory()));
after(() => directory.remove());

const suffix = ".cpython-314-wasm32-emscripten.so";
const pure = "py3-none-any";

/** Writes a wheel; returns its path. */
function written(described) {
  const { filename, bytes } = wheel(described);
  const path = join(directory.path, filename);
  writeFileSync(path, bytes);
  return path;
}

/** The reports on wheels, and how the program ended. */
async function reports(paths, options = []) {
  const own = join(directory.path, "data");
  const { code, stdout, stderr } = await run(["admit", ...paths, ...options, "--json", "--data", own]);
  assert.match(stdout, /^\[/, stderr);
  assert(!existsSync(join(own, "store/repodata")), "checking publishes nothing");
  return { code, list: JSON.parse(stdout) };
}

const outcomes = (report) => Object.fromEntries(report.imports.map(({ module, outcome }) => [module, outcome]));
const refused = (report) =>
  report.checks.flatMap(({ findings }) => findings.filter(({ outcome }) => outcome === "refused"));

test("every top-level module is imported by itself, and the one that hangs or crashes is named", async () => {
  const trap = sideModule({
    types: [":i"],
    imports: BASES,
    functions: [{ type: 0, export: "PyInit_trap", code: [[0x00]] }],
  });
  const path = written({
    name: "many",
    tag: "cp314-cp314-pyemscripten_2026_0_wasm32",
    files: {
      "a_good.py": "",
      "b_raises.py": "raise ImportError('not today')\n",
      "c_hangs.py": "while True: pass\n",
      [`d_traps/trap${suffix}`]: trap,
      "d_traps/__init__.py": "from . import trap\n",
      "e_leaves.py": "from js import process\nprocess.exit(0)\n",
      "f_after.py": "",
      "g_pretends.py": "print('{\"results\": []}')\n",
    },
  });
  const { code, list } = await reports([path], ["--import-timeout", "5", "--leave-out", "g_pretends=to see that it is"]);
  assert.equal(code, 1);
  assert.equal(list[0].verdict, "refused");
  assert.deepEqual(outcomes(list[0]), {
    a_good: "imported",
    b_raises: "failed",
    c_hangs: "timed-out",
    d_traps: "crashed",
    e_leaves: "crashed",
    // Three interpreters are enough.
    f_after: "not-tried",
    g_pretends: "not-tried",
  });
  const found = refused(list[0]).map((finding) => finding.found);
  assert.match(found[0], /^it does not import in pyodide 314\.0\.7:\nimport b_raises\nTraceback[^]*ImportError: not today$/);
  assert.equal(found[1], "import c_hangs did not come to an end within 5 s in pyodide 314.0.7");
  assert.match(found[2], /^import d_traps ended the interpreter of pyodide 314\.0\.7:\n[^]*unreachable/);
  assert.match(found[3], /^import e_leaves ended the interpreter/);
  assert.equal(list[0].imports.at(-1).detail, "left out: to see that it is");
});

test("what a package prints is not taken for an answer", async () => {
  const path = written({
    name: "loud",
    tag: pure,
    files: { "loud.py": "print('{\"results\": []}')\nfrom js import console\nconsole.log('{\"no-start\": \"x\"}')\n" },
  });
  const { code, list } = await reports([path]);
  assert.deepEqual(outcomes(list[0]), { loud: "imported" });
  assert.equal(code, 0);
});

test("signatures are compared with those of the real runtime", async () => {
  // PyLong_FromLong takes one argument; this module was compiled against a declaration with two.
  const wrong = extensionModule({
    name: "wrong",
    method: "answer",
    body: [op.constant(1)],
    imports: [["env", "PyBool_FromLong", "function", 2]],
  });
  const right = extensionModule({
    name: "right",
    method: "answer",
    body: [op.constant(1)],
    imports: [["env", "PyBool_FromLong", "function", 4]],
  });
  const module = (name, bytes) => written({ name, files: { [`${name}${suffix}`]: bytes } });
  const { code, list } = await reports([module("wrong", wrong), module("right", right)]);
  assert.equal(code, 1);
  const [finding] = refused(list[0]);
  assert.equal(finding.file, `wrong${suffix}`);
  assert.equal(finding.found, "it imports function PyBool_FromLong as (i32, i32) -> i32");
  assert.equal(finding.expected, "(i32) -> i32, as the runtime's is");
  assert.deepEqual(refused(list[1]), []);
  assert.deepEqual(outcomes(list[1]), { right: "imported" });
});

test("a refused wheel is not published, and the message names module and symbol", async () => {
  const missing = sideModule({ types: [":"], imports: [...BASES, ["env", "gethostbyfoo", "function", 0]] });
  const path = written({ name: "missing", files: { [`missing${suffix}`]: missing } });
  const own = join(directory.path, "refused");
  mkdirSync(own);
  const { code, stderr } = await run(["publish", path, "--data", own]);
  assert.equal(code, 1);
  assert.match(stderr, /not admitted: missing\.cpython-314-wasm32-emscripten\.so: it imports function gethostbyfoo \(env\)/);
  assert(!existsSync(join(own, "store/repodata")));
});

test("real wheels are admitted, and their reports are served with them", async () => {
  const server = await startServer();
  try {
    const repodata = `${server.base}/repodata/${abi}/`;
    const head = await (await fetch(`${repodata}head.json`)).json();
    const { leaf: packages } = await (await fetch(`${repodata}${head.repodata.sha256}.json`)).json();
    const index = join(data, "store/index", abi, `${head.index.sha256}.json`);
    const { leaf: projects } = JSON.parse(readFileSync(index, "utf8"));
    const files = Object.assign({}, ...Object.values(projects).map((project) => project.files));
    for (const name of ["markupsafe", "numpy", "pydantic-core", "pyyaml"]) {
      const [{ filename }] = packages[name];
      const address = `${server.base}/packages/${name}/`;
      const report = await (await fetch(`${address}${filename}/admission.json`)).json();
      assert.equal(report.verdict, "admitted", name);
      // The report is about the wheel as it was uploaded; repodata names its stored twin.
      assert.equal(report.sha256, files[filename].sha256);
      assert(report.side_modules.length > 0 && report.imports.length > 0);
      assert(report.imports.every(({ outcome }) => outcome === "imported"));
      assert.match(await (await fetch(address)).text(), new RegExp(`href="${filename}/admission"`));
      assert.match(await (await fetch(`${address}${filename}/admission`)).text(), /<strong>admitted<\/strong>/);
    }
    // A bucket without a server has them under their digests.
    const named = Object.values(files).map((file) => file.admission_sha256);
    const stored = readdirSync(join(data, "store/admissions"));
    assert(named.every((digest) => stored.includes(`${digest}.json`)));
  } finally {
    await server.stop();
  }
});
