// What a build leaves beside its wheel: lock, bill of materials, provenance; and its report.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { wheel as pureWheel } from "../../loader/js/test/support/wheel.mjs";
import { freshCache } from "../support/cache.mjs";
import { wheel } from "../support/demo-build.mjs";
import { run, startServer } from "../support/program.mjs";
import { root, runtimeVersion } from "../support/settings.mjs";
import { demo, goodSource, sdist, sha256, startProjects, temporaryDirectory, unique } from "../support/upstream.mjs";

const adderSource = "int add(int a, int b) { return a + b; }\n";
const demoSource = `extern int add(int, int);
#warning "the demo warns"
${goodSource.replace("return PyModule", "if (add(1, 1) != 2) return NULL; return PyModule")}`;
const patch = `--- a/demo.c
+++ b/demo.c
@@ -1,1 +1,1 @@
-extern int add(int, int);
+extern int add(int a, int b);
`;
const pyproject = `[build-system]\nrequires = ["setuptools"]\nbuild-backend = "setuptools.build_meta"\n
[project]\nname = "demo"\nversion = "1.0"\nlicense = "MIT"\ndescription = "A demonstration"\n`;

const setup = `from setuptools import Extension, setup
setup(ext_modules=[Extension("demo", ["demo.c"], libraries=["adder"])], py_modules=[])
`;
const library = `type = "static-library"
script = "mkdir -p $PREFIX/lib && cc -c adder.c -o adder.o && ar rcs $PREFIX/lib/libadder.a adder.o"
`;

let directory, files, upstream, recipeFolder;
const caches = [];
before(async () => {
  directory = temporaryDirectory();
  files = {
    "adder-2.0.tar.gz": sdist("adder-2.0", { "adder.c": unique(adderSource) }),
    "demo-1.0.tar.gz": sdist("demo-1.0", {
      ...demo(unique(demoSource)),
      "pyproject.toml": pyproject,
      "setup.py": setup,
    }),
    "needed-1.0-py3-none-any.whl": pureWheel({ name: "needed", tag: "py3-none-any", files: { "needed.py": "" } }).bytes,
  };
  upstream = await startProjects(files);
  recipeFolder = writeRecipes("recipes", "demo-1.0.tar.gz");
  for (const name of ["one", "two"]) caches.push(await freshCache(directory.path, name));
});
after(() => {
  upstream.stop();
  directory.remove();
});

/** Recipes of demo, of the library that it links, and of the package that it needs. */
function writeRecipes(name, source) {
  const folder = join(directory.path, name);
  const write = (project, text) => {
    mkdirSync(join(folder, project), { recursive: true });
    writeFileSync(join(folder, project, "recipe.toml"), text);
  };
  const head = (project, version) => `[package]\nname = "${project}"\nversion = "${version}"\n`;
  const from = (project, filename, more = "") =>
    `[source]\npypi = "${project}"\nsha256 = "${sha256(files[filename])}"\n${more}`;
  const adder = from("adder", "adder-2.0.tar.gz");
  write("adder", `${head("adder", "2.0")}${adder}[build]\n${library}[about]\nlicense = "Zlib"\n`);
  const patched = from("demo", source, 'patches = ["prototype.patch"]\n');
  const requirements = `[requirements]\nbuild = ["setuptools"]\nhost = ["adder"]\nrun = ["needed"]\n`;
  write("demo", `${head("demo", "1.0")}${patched}[build]\ncflags = ["-DDEMO=1"]\n${requirements}`);
  writeFileSync(join(folder, "demo/prototype.patch"), patch);
  const needed = "needed-1.0-py3-none-any.whl";
  write("needed", head("needed", "1.0") + from("needed", needed, `wheel = "${needed}"\n`));
  cpSync(join(root, "recipes/build-requirements.toml"), join(folder, "build-requirements.toml"));
  return folder;
}

const out = (cache) => `${cache}-dist`;
const build = (cache, ...more) => {
  const from = ["--recipes", recipeFolder, "--upstream", upstream.url];
  return run(["build", "demo", ...from, "--cache", cache, "--out", out(cache), ...more]);
};
const report = (cache, ...more) => run(["report", "demo", "--cache", cache, ...more]);
const kinds = ["lock", "cdx", "provenance"];
const text = (cache, kind) => readFileSync(join(out(cache), `${wheel}.${kind}.json`), "utf8");
const read = (cache, kind) => JSON.parse(text(cache, kind));

test("each wheel has its documents beside it, named by --json", async () => {
  const { code, stdout, stderr } = await build(caches[0], "--json");
  assert.equal(code, 0, stderr);
  const [built] = JSON.parse(stdout).wheels.filter(({ name }) => name === "demo");
  const beside = (kind) => join(out(caches[0]), `${wheel}.${kind}.json`);
  assert.deepEqual([built.lock, built.sbom, built.provenance], kinds.map(beside));
  const bytes = readFileSync(built.path);
  assert.deepEqual([built.sha256, built.size], [sha256(bytes), bytes.length]);
  assert.equal(JSON.parse(readFileSync(built.record, "utf8")).name, "demo");
  const needed = "needed-1.0-py3-none-any.whl";
  const names = [wheel, needed].flatMap((name) => [name, ...kinds.map((kind) => `${name}.${kind}.json`)]);
  assert.deepEqual(readdirSync(out(caches[0])).sort(), names.sort());
});

test("two caches make the same wheels and documents, byte for byte", async () => {
  const { code, stderr } = await build(caches[1]);
  assert.equal(code, 0, stderr);
  for (const name of readdirSync(out(caches[0]))) {
    const [one, two] = caches.map((cache) => readFileSync(join(out(cache), name)));
    assert.ok(one.equals(two), `${name} differs:\n${one}\n${two}`);
  }
});

test("they tell no path of the machine and no time", () => {
  for (const kind of kinds) {
    const found = text(caches[0], kind);
    for (const secret of [directory.path, root, "/tmp/", "/home/", upstream.url]) {
      assert.ok(!found.includes(secret), `${kind} tells ${secret}`);
    }
    const now = new Date();
    assert.ok(!found.includes(now.toISOString().slice(0, 10)), `${kind} tells the day`);
    assert.doesNotMatch(found, new RegExp(`\\b${Math.floor(now / 1e6)}\\d{3}`), `${kind} tells the second`);
    assert.doesNotMatch(found, /"(timestamp|startedOn|finishedOn|finished|seconds)"/);
  }
});

test("the lock names what was used, by hashes of the real files", () => {
  const lock = read(caches[0], "lock");
  const actions = join(caches[0], "actions");
  const [actionOfDemo] = readdirSync(actions).filter((action) => existsSync(join(actions, action, wheel)));
  assert.deepEqual(
    [lock.name, lock.version, lock.abi, lock.action, lock.wheel, lock.sha256],
    ["demo", "1.0", "2026_0", actionOfDemo, wheel, sha256(readFileSync(join(out(caches[0]), wheel)))],
  );
  const filename = "demo-1.0.tar.gz";
  assert.deepEqual(lock.source, { project: "demo", filename, sha256: sha256(files[filename]) });
  assert.deepEqual(lock.patches, [{ name: "prototype.patch", sha256: sha256(patch) }]);
  const tools = lock.build_tools.map(({ name }) => name);
  assert.ok(tools.includes("setuptools") && tools.includes("build"), tools.join());
  for (const tool of lock.build_tools) {
    const bytes = readFileSync(join(caches[0], "sources", tool.sha256, tool.filename));
    assert.equal(sha256(bytes), tool.sha256, tool.filename);
    assert.ok(tool.filename.includes(`-${tool.version}-`), tool.filename);
  }
  const [adder] = lock.host;
  assert.equal(lock.host.length, 1);
  const { sha256: contents, action, ...rest } = adder;
  const result = JSON.parse(readFileSync(join(actions, action, "result.json"), "utf8"));
  assert.equal(contents, result.sha256);
  assert.deepEqual(rest, {
    name: "adder",
    version: "2.0",
    kind: "static-library",
    direct: true,
    license: "Zlib",
    source: { project: "adder", sha256: sha256(files["adder-2.0.tar.gz"]) },
    patches: [],
    host: [],
  });
  assert.deepEqual(lock.run, ["needed"]);
  const [folder] = readdirSync(join(caches[0], "toolchains")).filter((name) => name === lock.toolchain.name);
  const manifest = JSON.parse(readFileSync(join(caches[0], "toolchains", folder, "manifest.json"), "utf8"));
  assert.equal(lock.toolchain.sha256, sha256(JSON.stringify(manifest)));
  assert.deepEqual(lock.toolchain.packages, manifest.packages);
  assert.equal(lock.toolchain.emscripten, manifest.emscripten);
  assert.match(lock.toolchain.clang, /^\d+\.\d+\.\d+$/);
  assert.match(lock.toolchain.python, /^3\.14\.\d+/);
  assert.deepEqual([lock.runtime.name, lock.runtime.version], ["pyodide", runtimeVersion]);
  assert.ok(readdirSync(join(caches[0], "cross-environments")).some((name) => name.startsWith(lock.cross_environment)));
  assert.deepEqual(lock.flags.cflags, ["-DDEMO=1"]);
  assert.ok(lock.flags.abi.includes("-fwasm-exceptions"), lock.flags.abi.join());
});

test("the bill of materials has the library in the wheel, and what it needs", () => {
  const bom = read(caches[0], "cdx");
  assert.deepEqual([bom.bomFormat, bom.specVersion, bom.version], ["CycloneDX", "1.6", 1]);
  assert.match(bom.serialNumber, /^urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  const main = bom.metadata.component;
  const hash = (bytes) => [{ alg: "SHA-256", content: sha256(bytes) }];
  assert.deepEqual([main.name, main.version, main.description], ["demo", "1.0", "A demonstration"]);
  assert.deepEqual([main.purl, main.licenses], [`pkg:pypi/demo@1.0?file_name=${wheel}`, [{ expression: "MIT" }]]);
  assert.deepEqual(main.hashes, hash(readFileSync(join(out(caches[0]), wheel))));
  assert.deepEqual(main.pedigree.patches, [{ type: "unofficial", diff: { url: "prototype.patch" } }]);
  const component = (name) => bom.components.find((component) => component.name === name);
  const source = component("demo-1.0.tar.gz");
  assert.deepEqual([source.scope, source.hashes], ["excluded", hash(files["demo-1.0.tar.gz"])]);
  const adder = component("adder");
  const adderHash = sha256(files["adder-2.0.tar.gz"]);
  assert.deepEqual([adder.scope, adder.purl], ["required", `pkg:generic/adder@2.0?checksum=sha256:${adderHash}`]);
  assert.deepEqual(adder.externalReferences[0].hashes, [{ alg: "SHA-256", content: adderHash }]);
  const needed = component("needed");
  const neededWheel = readFileSync(join(out(caches[0]), "needed-1.0-py3-none-any.whl"));
  assert.deepEqual([needed.scope, needed.purl, needed.hashes], ["required", "pkg:pypi/needed@1.0", hash(neededWheel)]);
  assert.deepEqual([component("setuptools").scope, component("emscripten").scope], ["excluded", "excluded"]);
  const references = [main, ...bom.components].map((component) => component["bom-ref"]);
  assert.equal(new Set(references).size, references.length, "no reference stands for two");
  const of = (reference) => bom.dependencies.find(({ ref }) => ref === reference).dependsOn;
  assert.deepEqual(of(main["bom-ref"]), [adder["bom-ref"], component("pyodide")["bom-ref"], needed["bom-ref"]]);
  const named = bom.dependencies.flatMap(({ ref, dependsOn }) => [ref, ...dependsOn]);
  assert.deepEqual(named.filter((reference) => !references.includes(reference)), []);
});

test("the provenance is a statement about the wheel and all that it came from", () => {
  const statement = read(caches[0], "provenance");
  assert.equal(statement._type, "https://in-toto.io/Statement/v1");
  assert.equal(statement.predicateType, "https://slsa.dev/provenance/v1");
  const digest = (bytes) => ({ sha256: sha256(bytes) });
  assert.deepEqual(statement.subject, [{ name: wheel, digest: digest(readFileSync(join(out(caches[0]), wheel))) }]);
  const { buildDefinition, runDetails } = statement.predicate;
  const lock = read(caches[0], "lock");
  assert.equal(runDetails.metadata.invocationId, lock.action);
  assert.deepEqual(runDetails.byproducts, [{ name: `${wheel}.lock.json`, digest: digest(text(caches[0], "lock")) }]);
  const { abi, recipe, source } = buildDefinition.externalParameters;
  assert.equal(abi, lock.abi);
  assert.deepEqual(recipe, { name: "demo", version: "1.0", digest: { sha256: lock.recipe } });
  const sourceName = "demo-1.0.tar.gz";
  const uri = `pkg:pypi/demo@1.0?file_name=${sourceName}`;
  assert.deepEqual(source, { name: sourceName, uri, digest: digest(files[sourceName]) });
  const dependency = (name) => buildDefinition.resolvedDependencies.find((dependency) => dependency.name === name);
  assert.deepEqual(dependency(sourceName), source);
  assert.deepEqual(dependency("prototype.patch").digest, digest(patch));
  assert.deepEqual(dependency("adder").digest, digest(files["adder-2.0.tar.gz"]));
  for (const tool of lock.build_tools) assert.deepEqual(dependency(tool.filename).digest, { sha256: tool.sha256 });
  assert.deepEqual(dependency(lock.toolchain.name).digest, { sha256: lock.toolchain.sha256 });
});

test("the report of a build tells steps, commands, sizes, symbols and warnings", async () => {
  const { code, stdout, stderr } = await report(caches[0], "--json");
  assert.equal(code, 0, stderr);
  const told = JSON.parse(stdout);
  assert.deepEqual([told.name, told.version, told.succeeded], ["demo", "1.0", true]);
  assert.equal(told.action, read(caches[0], "lock").action);
  assert.deepEqual(told.steps.map(({ step }) => step), ["source", "patch", "tools", "build", "pack", "admission"]);
  assert.ok(told.steps.every(({ seconds }) => seconds >= 0));
  const [{ command }] = told.steps.filter(({ step }) => step === "build");
  assert.deepEqual(command.slice(1, 4), ["-m", "build", "--wheel"]);
  assert.deepEqual(told.objects, { reused: 0, compiled: 1, linked: 1 });
  const bytes = readFileSync(join(out(caches[0]), wheel));
  assert.deepEqual([told.wheel.filename, told.wheel.sha256, told.wheel.size], [wheel, sha256(bytes), bytes.length]);
  const [module] = told.side_modules;
  assert.equal(told.side_modules.length, 1);
  const [{ size }] = told.wheel.largest.filter(({ path }) => path === module.path);
  assert.equal(module.size, size);
  assert.ok(module.exports > 0 && module.imports.runtime > 0, JSON.stringify(module));
  assert.ok(told.warnings.first.some((line) => line.includes("the demo warns")), JSON.stringify(told.warnings));
  const log = readFileSync(told.log.path, "utf8");
  assert.match(log, /^### build\n\$ \S*python3\.14 -m build --wheel .*$/m);
  assert.match(log, /^### build: done after [\d.]+ s$/m);
  const shown = await report(caches[0]);
  assert.match(shown.stdout, /^demo 1\.0: built in [\d.]+ s\n {2}action [0-9a-f]{64}\n\n {2}step /);
});

/** What Python's XML parser makes of a page; HTML that is XML too is well formed for certain. */
function parsed(page) {
  const script = `import json, sys, xml.etree.ElementTree as t
print(json.dumps([element.tag for element in t.fromstring(sys.stdin.read()).iter()]))`;
  // The elements that HTML does not close.
  const input = page.replaceAll(/<meta [^>]*>/g, "");
  return JSON.parse(execFileSync("python3", ["-c", script], { input, encoding: "utf8" }));
}

test("the page of a report is whole in itself, well formed, and has no script", async () => {
  const page = join(directory.path, "report.html");
  const { code, stdout, stderr } = await report(caches[0], "--html", page);
  assert.equal(code, 0, stderr);
  assert.equal(stdout, `${page}\n`);
  const html = readFileSync(page, "utf8");
  const tags = parsed(html);
  for (const tag of ["table", "pre", "style", "main"]) assert.ok(tags.includes(tag), tag);
  for (const tag of ["script", "link", "img", "iframe"]) assert.ok(!tags.includes(tag), tag);
  assert.doesNotMatch(html, /\son\w+=|javascript:|\bsrc=|@import|url\(/);
  assert.match(html, /color-scheme:light dark/);
  assert.match(html, /<h1>demo 1\.0<\/h1>/);
  assert.match(html, /<caption>Side modules<\/caption>/);
});

test("documents beside wheels are published with them, and none about another wheel", async () => {
  const data = join(directory.path, "published");
  const needed = "needed-1.0-py3-none-any.whl";
  const wheels = [wheel, needed].map((name) => join(out(caches[0]), name));
  const published = await run(["publish", ...wheels, "--data", data, "--cache", caches[0]]);
  assert.equal(published.code, 0, published.stderr);
  const beside = readdirSync(out(caches[0])).filter((name) => name.endsWith(".json"));
  const names = beside.map((name) => `${sha256(readFileSync(join(out(caches[0]), name)))}.json`);
  assert.deepEqual(readdirSync(join(data, "store/documents")).sort(), names.sort());
  const other = join(directory.path, "other");
  mkdirSync(other);
  const statement = read(caches[0], "provenance");
  statement.subject[0].digest.sha256 = sha256("another wheel");
  writeFileSync(join(other, wheel), readFileSync(wheels[0]));
  writeFileSync(join(other, `${wheel}.provenance.json`), JSON.stringify(statement));
  const fresh = join(directory.path, "unpublished");
  const refused = await run(["publish", join(other, wheel), wheels[1], "--data", fresh, "--cache", caches[0]]);
  assert.equal(refused.code, 1);
  assert.match(refused.stderr, /provenance\.json cannot be published: it is about "[0-9a-f]{64}", expected /);
  assert.equal(existsSync(join(fresh, "store/repodata")), false);
});

test("up publishes them for the name and the bytes that the wheel has in the channel", async () => {
  const data = join(directory.path, "up");
  // A published name keeps its bytes, so what is built gets a build number.
  const rival = pureWheel({ name: "demo", files: { "demo.py": "" } });
  assert.equal(rival.filename, wheel);
  writeFileSync(join(directory.path, wheel), rival.bytes);
  const at = ["--data", data, "--cache", caches[0]];
  const first = await run(["publish", join(directory.path, wheel), "--no-import", ...at]);
  assert.equal(first.code, 0, first.stderr);
  const from = ["--recipes", recipeFolder, "--upstream", upstream.url];
  const server = await startServer(["up", "demo", ...from, ...at, "--prompt-listen", "off"]);
  try {
    const page = await (await fetch(`${server.base}/packages/demo/`)).text();
    const numbered = wheel.replace("demo-1.0-", "demo-1.0-1-");
    const get = async (pattern) => {
      const [, path] = new RegExp(pattern.replaceAll(".", "\\.").replace("@", '"([^"]+)"')).exec(page);
      const response = await fetch(new URL(path, `${server.base}/packages/demo/`));
      return Buffer.from(await response.arrayBuffer());
    };
    const digest = sha256(await get(`href=@>${numbered}<`));
    const document = (title) => get(`<a href=@ aria-label="${title} of ${numbered}">`);
    assert.equal((await document("lock")).toString(), text(caches[0], "lock"));
    const statement = JSON.parse(await document("provenance"));
    assert.deepEqual(statement.subject, [{ name: numbered, digest: { sha256: digest } }]);
    const main = JSON.parse(await document("SBOM")).metadata.component;
    assert.deepEqual(main.hashes, [{ alg: "SHA-256", content: digest }]);
    assert.match(page, /<td>none<\/td><\/tr>/, "the one that others made has no documents");
  } finally {
    await server.stop();
  }
});

test("a build that fails leaves a report with its first error and the command", async () => {
  files["demo-1.0.tar.gz"] = sdist("demo-1.0", demo(unique(`extern int add(int, int);\n#error "<broken>"\n`)));
  recipeFolder = writeRecipes("broken", "demo-1.0.tar.gz");
  const { code, stderr } = await build(caches[0]);
  assert.equal(code, 1, stderr);
  const told = JSON.parse((await report(caches[0], "--json")).stdout);
  assert.equal(told.succeeded, false);
  assert.deepEqual(told.steps.map(({ step }) => step), ["source", "patch", "tools", "build"]);
  assert.equal(told.failure.step, "build");
  assert.match(told.failure.error, /^step `build` failed \(exit status: \d+\)$/);
  assert.match(told.failure.lines[0], /demo\.c:2:2: error: "<broken>"$/);
  assert.match(readFileSync(told.log.path, "utf8"), /^### build: failed after [\d.]+ s$/m);
  const shown = await report(caches[0]);
  assert.equal(shown.code, 0, shown.stderr);
  assert.match(shown.stdout, /^demo 1\.0: failed in /);
  assert.match(shown.stdout, /^ {4}demo\.c:2:2: error: "<broken>"$/m);
  assert.match(told.failed_command, /^cc .*-c demo\.c -o /);
  assert.ok(shown.stdout.includes(`  its command: ${told.failed_command}\n`), shown.stdout);
  assert.match(shown.stdout, /^ {2}the step's command: \S*python3\.14 -m build --wheel /m);
  const page = join(directory.path, "failed.html");
  await report(caches[0], "--html", page);
  const html = readFileSync(page, "utf8");
  parsed(html);
  assert.match(html, /demo\.c:2:2: error: &quot;&lt;broken&gt;&quot;/);
});

test("a build that fails before its first step, and one that nobody made, are told too", async () => {
  const cache = await freshCache(directory.path, "three");
  const none = await report(cache);
  assert.equal(none.code, 1);
  assert.equal(
    none.stderr,
    `error: no build of demo is known in the cache ${cache}; run \`pkgsrv build demo\`, or name another --cache\n`,
  );
  files["demo-1.0.tar.gz"] = Buffer.from("not what the recipe pins");
  const { code } = await build(cache);
  assert.equal(code, 1);
  const told = JSON.parse((await report(cache, "--json")).stdout);
  assert.deepEqual([told.succeeded, told.steps, told.failure.step], [false, [], "source"]);
  assert.match(told.failure.error, /^demo-1\.0\.tar\.gz: wrong hash/);
});
