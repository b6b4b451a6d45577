// Two ABIs from one recipe tree: a released runtime, and the pre-release of the next one, in one channel.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { withBoot, withEnvironment, withLoadPackage, withLoader, withMicropip } from "../support/clients.mjs";
import { inNode } from "../support/node-clients.mjs";
import { run, startServer } from "../support/program.mjs";

const packages = ["markupsafe", "pyyaml"];
const abis = {
  "2026_0": { python: "3.14", interpreter: "cp314", runtime: "314.0.7" },
  "2026_5": { python: "3.15", interpreter: "cp315", runtime: "315.0.0-alpha.2" },
};
const code = `
import sys, markupsafe._speedups, yaml
assert "%d.%d" % sys.version_info[:2] == PYTHON
assert str(markupsafe.escape("<a>")) == "&lt;a&gt;"
assert yaml.load("a: [1, 2]", Loader=yaml.CSafeLoader) == {"a": [1, 2]}
`;

const directory = mkdtempSync(join(tmpdir(), "pkgsrv-abis-"));
const data = join(directory, "data");
const filenames = async (abi) => {
  const lock = await (await fetch(`${server.base}/pyodide/${abi}/pyodide-lock.json`)).json();
  return packages.map((name) => lock.packages[name].file_name.split("/").at(-1));
};
let server;

before(async () => {
  const published = await run(["up", ...packages, "--bake", "--data", data, "--no-serve"]);
  assert.equal(published.code, 0, published.stderr);
  server = await startServer(["up", ...packages, "--abi", "2026_5", "--bake", "--data", data]);
});
after(async () => {
  await server?.stop();
  rmSync(directory, { recursive: true, force: true });
});

test("each line has the wheels of its ABI", async () => {
  for (const [abi, { interpreter }] of Object.entries(abis)) {
    for (const filename of await filenames(abi)) {
      assert.ok(filename.endsWith(`-${interpreter}-${interpreter}-pyemscripten_${abi}_wasm32.whl`), filename);
    }
  }
});

for (const [abi, { python, runtime }] of Object.entries(abis)) {
  for (const client of [withLoader, withBoot, withEnvironment, withLoadPackage]) {
    test(`${client.name} brings them into Pyodide ${runtime}`, async () => {
      const runtimeDirectory = join(data, "runtime/pyodide", runtime);
      const environment = client === withEnvironment ? packages.join("-") : undefined;
      await inNode(client, { base: server.base, abi, packages, environment, runtimeDirectory, code: `PYTHON = "${python}"\n${code}` });
    });
  }

  test(`pip picks those of ${abi}`, async () => {
    const into = join(directory, abi);
    mkdirSync(into);
    const options = ["--no-deps", "--only-binary=:all:", `--python-version=${python}`, "--implementation=cp"];
    const wanted = [`--platform=pyemscripten_${abi}_wasm32`, "--index-url", `${server.base}/simple/`, "--dest", into];
    execFileSync("python3", ["-m", "pip", "download", "--quiet", ...options, ...wanted, ...packages]);
    assert.deepEqual(readdirSync(into).sort(), (await filenames(abi)).sort());
  });
}

test("micropip installs into the pre-release too", async () => {
  const wheels = readdirSync(process.env.PKGSRV_TEST_WHEELS).filter((name) => name.startsWith("micropip-"));
  const paths = wheels.map((name) => join(process.env.PKGSRV_TEST_WHEELS, name));
  const published = await run(["publish", ...paths, "--abi", "2026_5", "--data", data]);
  assert.equal(published.code, 0, published.stderr);
  const runtimeDirectory = join(data, "runtime/pyodide", abis["2026_5"].runtime);
  const argument = { base: server.base, abi: "2026_5", packages, runtimeDirectory, code: `PYTHON = "3.15"\n${code}` };
  await inNode(withMicropip, argument);
});

test("a pure wheel is published for released runtimes alone, unless another is named", async () => {
  const wheels = readdirSync(process.env.PKGSRV_TEST_WHEELS).filter((name) => name.startsWith("typing_extensions-"));
  const paths = wheels.map((name) => join(process.env.PKGSRV_TEST_WHEELS, name));
  const { code, stdout, stderr } = await run(["publish", ...paths, "--data", data, "--json"]);
  assert.equal(code, 0, stderr);
  assert.deepEqual(JSON.parse(stdout).lines.map(({ abi }) => abi), ["2026_0"]);
});
