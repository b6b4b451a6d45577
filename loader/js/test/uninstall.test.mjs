// What is there, and how it goes.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { extensionModule, op } from "./support/assembler.mjs";
import { serveChannel } from "./support/channel.mjs";
import { refused } from "./support/refused.mjs";
import { attach, startPyodide } from "./support/runtime.mjs";
import { wheel } from "./support/wheel.mjs";

const SITE = "/lib/python3.14/site-packages";
const metadata = (name, lines) => `Metadata-Version: 2.4\nName: ${name}\nVersion: 1.0\n${lines.join("\n")}\n`;

const SO = "cpython-314-wasm32-emscripten.so";
const native = (answer) => extensionModule({ name: "native", method: "ask", body: [op.constant(answer)] });
const extension = (version, answer) => wheel({ name: "native", version, files: { [`native.${SO}`]: native(answer) } });

let pyodide;
let channel;
let loader;

before(async () => {
  pyodide = await startPyodide();
  channel = await serveChannel([
    wheel({
      name: "top-one",
      depends: ["base"],
      metadata: metadata("top-one", ["Requires-Dist: Base>0", "Requires-Dist: windows; sys_platform == 'win32'"]),
      files: { "top_one/__init__.py": "import base\n", "top_one/inner/deep.py": "", "top_one-1.0.dist-info/licenses/a/LICENSE": "free\n", "top_one-1.0.data/scripts/top": "#!python\n" },
    }),
    wheel({ name: "base", files: { "base.py": "answer = 42\n", 'odd, "name".txt': "" } }),
    wheel({ name: "windows", files: { "windows.py": "" } }),
    extension("1.0", 1),
    extension("2.0", 2),
  ]);
  loader = await attach(pyodide, { repodata: channel.repodata });
});

after(() => channel.close());

/** Every file and directory below site-packages and /bin. */
function tree() {
  const code = `
import os, json
found = {}
for top in ("${SITE}", "/bin"):
    for directory, _, names in os.walk(top):
        found[directory] = ""
        for name in names:
            path = os.path.join(directory, name)
            found[path] = [oct(os.stat(path).st_mode), open(path, "rb").read().hex()]
json.dumps(found, sort_keys=True)`;
  return pyodide.runPython(code);
}

test("nothing is there at first", async () => {
  assert.deepEqual(await loader.list(), []);
});

test("what is there, who has installed it and where", async () => {
  await loader.install("top-one");
  pyodide.FS.mkdir(`${SITE}/Their_Own-2.0.dist-info`);
  for (const [name, text] of [["INSTALLER", "micropip\n"], ["PYODIDE_SOURCE", "pypi"], ["PYODIDE_URL", "https://packages.example/x.whl"]]) {
    pyodide.FS.writeFile(`${SITE}/Their_Own-2.0.dist-info/${name}`, text);
  }
  const [base, their, top] = await loader.list();
  assert.deepEqual({ ...base, source: undefined }, {
    name: "base", version: "1.0", installer: "pkgsrv", source: undefined, location: SITE, requested: false,
  });
  assert.ok(base.source.startsWith(`${channel.address}/blobs/`), base.source);
  assert.deepEqual(their, {
    name: "their-own", version: "2.0", installer: "micropip", source: "https://packages.example/x.whl", location: SITE, requested: false,
  });
  assert.deepEqual([top.name, top.requested], ["top-one", true]);
});

test("what cannot be uninstalled is named, and nothing is", async () => {
  const before_ = tree();
  const answers = [];
  for (const names of [["base", "absent", "other.absent"], ["base", "json"], "pyodide", "their_own", [1]]) {
    answers.push(await refused(loader.uninstall(names)));
  }
  assert.deepEqual(answers, [
    { code: "not_installed", message: "not installed: absent, other-absent; nothing was uninstalled" },
    { code: "not_removable", message: "cannot uninstall what is part of the runtime: json; nothing was uninstalled" },
    { code: "not_removable", message: "cannot uninstall what is part of the runtime: pyodide; nothing was uninstalled" },
    { code: "not_removable", message: "cannot uninstall what is without a RECORD of its files: Their_Own; nothing was uninstalled" },
    { code: "invalid_argument", message: "names are a text or a list of texts, such as `numpy`" },
  ]);
  assert.equal(tree(), before_);
});

test("a file that cannot be removed brings all of them back", async () => {
  assert.equal(pyodide.runPython("import top_one; top_one.base.answer"), 42);
  const record = `${SITE}/base-1.0.dist-info/RECORD`;
  const text = pyodide.FS.readFile(record, { encoding: "utf8" });
  pyodide.FS.writeFile(record, `${text}top_one/inner,,\n`);
  pyodide.FS.writeFile(`${SITE}/top_one/inner/stays.txt`, "");
  const [before_, loaded] = [tree(), JSON.stringify(pyodide.loadedPackages)];
  const { code, message } = await refused(loader.uninstall(["top-one", "base"]));
  assert.equal(code, "file_system");
  assert.match(message, /^cannot remove \/lib\/python3\.14\/site-packages\/top_one\/inner: /);
  assert.equal(tree(), before_);
  assert.equal(JSON.stringify(pyodide.loadedPackages), loaded);
  pyodide.FS.writeFile(record, `${text}../os.py,,\n`);
  assert.equal((await refused(loader.uninstall("base"))).code, "not_removable");
  assert.ok(pyodide.runPython("import os.path; os.path.exists(os.__file__) or 'zip' in os.__file__"));
  pyodide.FS.writeFile(record, text);
  pyodide.FS.unlink(`${SITE}/top_one/inner/stays.txt`);
});

test("what is uninstalled leaves nothing, and who needs it is named", async () => {
  const { uninstalled, neededBy } = await loader.uninstall("Base");
  assert.deepEqual(uninstalled, [{ name: "base", version: "1.0" }]);
  assert.deepEqual(neededBy, { base: ["top-one"] });
  assert.equal(pyodide.runPython("import base; base.answer"), 42, "what was imported stays");
  assert.equal(pyodide.runPython("import sys; del sys.modules['base']; __import__('importlib.util').util.find_spec('base')"), undefined);
  assert.deepEqual(Object.keys(pyodide.loadedPackages), ["top-one"]);
  assert.deepEqual((await loader.uninstall(["top_one"])).neededBy, {});
  const left = Object.keys(JSON.parse(tree())).filter((path) => !path.includes("Their_Own"));
  assert.deepEqual(left, ["/bin", SITE]);
});

test("it can be installed again, and what others have installed goes too", async () => {
  await loader.install("top-one");
  const other = await attach(pyodide, { repodata: channel.repodata });
  pyodide.FS.writeFile(`${SITE}/base-1.0.dist-info/INSTALLER`, "micropip");
  await other.uninstall(["base", "top-one"]);
  assert.deepEqual((await loader.list()).map(({ name }) => name), ["their-own"]);
});

test("a library that nothing has opened goes with its package", async () => {
  await loader.install("native==1.0");
  await loader.uninstall("native");
  await loader.install("native");
  assert.equal(pyodide.runPython("import native; native.ask()"), 2);
});

test("a linked library stays linked: the same wheel may come again, another one is refused", async () => {
  await loader.uninstall("native");
  const { code, message } = await refused(loader.install("native==1.0"));
  assert.equal(code, "still_linked");
  assert.match(message, /native\.cpython-314-wasm32-emscripten\.so is linked, .* native 1\.0 has another one; restart/);
  assert.deepEqual((await loader.list()).map(({ name }) => name), ["their-own"]);
  await loader.install("native==2.0");
  assert.equal(pyodide.runPython("import sys; del sys.modules['native']; import native; native.ask()"), 2);
});
