// Build requirements that are not pinned: resolved by pip, of wheels of an index of our own, and kept.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { cpSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { freshCache } from "../support/cache.mjs";
import { run } from "../support/program.mjs";
import { root } from "../support/settings.mjs";
import { sdist, sha256, startProjects, temporaryDirectory } from "../support/upstream.mjs";
import { info, pureWheel } from "../support/wheel.mjs";

/** A backend that needs a second tool, and says so only when it is asked. Its build fails where a network is, or where the
 * pinned tool that the source names too is not. */
const backend = `
import base64, hashlib, pathlib, socket, zipfile

def get_requires_for_build_wheel(config_settings=None):
    try:
        socket.create_connection(("127.0.0.1", PORT), timeout=5)
    except OSError:
        return ["second-tool>=2"]
    raise SystemExit("there is a network")

def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    import second_tool, setuptools
    files = {
        "odd.py": f"made_by = {second_tool.version!r}\\n",
        "odd-1.0.dist-info/METADATA": "Metadata-Version: 2.1\\nName: odd\\nVersion: 1.0\\n",
        "odd-1.0.dist-info/WHEEL": "Wheel-Version: 1.0\\nGenerator: test\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n",
    }
    record = ""
    with zipfile.ZipFile(pathlib.Path(wheel_directory, "odd-1.0-py3-none-any.whl"), "w") as wheel:
        for name, text in files.items():
            digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).decode().rstrip("=")
            record += f"{name},sha256={digest},{len(text)}\\n"
            wheel.writestr(name, text)
        wheel.writestr("odd-1.0.dist-info/RECORD", record + "odd-1.0.dist-info/RECORD,,\\n")
    return "odd-1.0-py3-none-any.whl"
`;

const source = (name, requires, backend = "odd_backend") =>
  sdist(`${name}-1.0`, {
    "pyproject.toml": `[build-system]\nrequires = ${JSON.stringify(requires)}\nbuild-backend = "${backend}"\n`,
    "PKG-INFO": info(name, "1.0"),
  });

const second = (version) => pureWheel("second_tool", version, { "second_tool.py": `version = "${version}"\n` });

const odd = source("odd", ["odd-backend", "setuptools"]);
const shyBackend = "def get_requires_for_build_wheel(config_settings=None):\n    raise ValueError('who asks?')\n";
const files = {
  "odd-1.0.tar.gz": odd,
  "second_tool-1.0-py3-none-any.whl": second("1.0"),
  "second_tool-2.1-py3-none-any.whl": second("2.1"),
  "left_tool-1.0-py3-none-any.whl": pureWheel("left_tool", "1.0", { "left_tool.py": "" }, "second-tool<2"),
  "clash-1.0.tar.gz": source("clash", ["left-tool", "second-tool>=2"]),
  "newer-1.0.tar.gz": source("newer", ["second-tool>=3"]),
  "unbuilt_tool-1.0.tar.gz": source("unbuilt_tool", []),
  "shy_backend-1.0-py3-none-any.whl": pureWheel("shy_backend", "1.0", { "shy_backend.py": shyBackend }),
  "shy-1.0.tar.gz": source("shy", ["shy-backend"], "shy_backend"),
  "sources-1.0.tar.gz": source("sources", ["unbuilt-tool"]),
};

let directory, recipes, upstream, cache, from;
before(async () => {
  directory = temporaryDirectory();
  recipes = join(directory.path, "recipes");
  mkdirSync(recipes);
  cpSync(join(root, "recipes/build-requirements.toml"), join(recipes, "build-requirements.toml"));
  upstream = await startProjects(files);
  const port = new URL(upstream.url).port;
  files["odd_backend-1.0-py3-none-any.whl"] = pureWheel("odd_backend", "1.0", { "odd_backend.py": backend.replace("PORT", port) });
  cache = await freshCache(directory.path);
  from = ["--recipes", recipes, "--upstream", upstream.url, "--cache", cache];
});
after(() => {
  upstream.stop();
  directory.remove();
});

test("what is not pinned is resolved once, with what the backend asks for", async () => {
  const file = join(directory.path, "odd-1.0.tar.gz");
  writeFileSync(file, odd);
  const out = join(directory.path, "out");
  const first = await run(["build", file, ...from, "--out", out]);
  assert.equal(first.code, 0, first.stderr);
  assert.deepEqual(readdirSync(out).filter((name) => name.endsWith(".whl")), ["odd-1.0-py3-none-any.whl"]);
  const program = "import sys, zipfile; print(zipfile.ZipFile(sys.argv[1]).read('odd.py').decode(), end='')";
  const module = execFileSync("python3", ["-c", program, join(out, "odd-1.0-py3-none-any.whl")], { encoding: "utf8" });
  assert.equal(module, "made_by = '2.1'\n");

  const answered = upstream.answered();
  const again = await run(["build", file, ...from, "--dry-run"]);
  assert.equal(again.stdout, "odd 1.0  cached\n", again.stderr);
  assert.equal(upstream.answered(), answered);
  assert.equal(again.stderr, "");
});

test("the recipe has the tools by hash, and builds the same", async () => {
  const written = join(directory.path, "written");
  cpSync(recipes, written, { recursive: true });
  const { code, stderr } = await run(["recipe", "new", "odd", ...from, "--out", written]);
  assert.equal(code, 0, stderr);
  const text = readFileSync(join(written, "odd/recipe.toml"), "utf8");
  const tool = (filename) => `"${filename}" = "${sha256(files[filename])}"\n`;
  assert.ok(text.includes(tool("odd_backend-1.0-py3-none-any.whl")), text);
  assert.ok(text.includes(tool("second_tool-2.1-py3-none-any.whl")), text);
  assert.doesNotMatch(text, /build-system/);
  const plan = (recipes) => run(["build", "odd", "--recipes", recipes, ...from.slice(2), "--dry-run", "--json"]);
  const [made, read] = [await plan(recipes), await plan(written)];
  assert.equal(JSON.parse(made.stdout).packages[0].state, "cached");
  assert.equal(read.stdout, made.stdout);
});

test("a damaged resolution is told, and made anew", async () => {
  const [entry] = readdirSync(join(cache, "resolutions"));
  const path = join(cache, "resolutions", entry, "resolution.json");
  const whole = readFileSync(path, "utf8");
  writeFileSync(path, whole.replace("second_tool-2.1", "second_tool-1.0"));
  const verified = await run(["cache", "verify", "--cache", cache]);
  assert.equal(verified.code, 1);
  assert.match(verified.stdout, /^damaged resolution: resolution\.json has other bytes$/m);
  const { code, stdout, stderr } = await run(["build", "odd", ...from, "--dry-run"]);
  assert.equal(code, 0, stderr);
  assert.equal(stdout, "odd 1.0  cached\n");
  assert.match(stderr, /the resolution in the cache is damaged \(resolution\.json has other bytes\); making it anew/);
  assert.equal(readFileSync(path, "utf8"), whole);
});

test("what cannot be resolved says why and what to do", async () => {
  const cases = [
    ["clash", /error: clash 1\.0: its build requirements cannot be had: Cannot install .* because these package versions have conflicting dependencies \(.*left-tool 1\.0 depends on second-tool<2.*\); write a recipe/],
    ["newer", /error: newer 1\.0: its build requirements cannot be had: Could not find a version that satisfies the requirement second-tool>=3 \(from versions: 1\.0, 2\.1\); no wheel of second-tool fits the requirement and the build Python, 3\.14; write a recipe/],
    ["sources", /error: sources 1\.0: its build requirements cannot be had: .*unbuilt-tool .*; there are only sources of unbuilt-tool, and build requirements are taken as wheels; write a recipe/],
  ];
  for (const [wanted, told] of cases) {
    const { code, stderr } = await run(["build", wanted, ...from, "--dry-run"]);
    assert.equal(code, 1, wanted);
    assert.match(stderr, told, wanted);
  }
});

test("a backend that fails when it is asked is told of, and not the end", async () => {
  const { code, stdout, stderr } = await run(["build", "shy", ...from, "--dry-run"]);
  assert.equal(code, 0, stderr);
  assert.equal(stdout, "shy 1.0  build\n");
  assert.match(stderr, /shy 1\.0: its backend could not be asked what it needs beside build-system\.requires \(ValueError: who asks\?\); nothing more is installed; full log: /);
});

test("an index that does not answer is told as ever", async () => {
  const file = join(directory.path, "newer-1.0.tar.gz");
  writeFileSync(file, files["newer-1.0.tar.gz"]);
  const { code, stderr } = await run(["build", file, "--recipes", recipes, "--cache", cache, "--upstream", "http://127.0.0.1:9/simple"]);
  assert.equal(code, 1);
  assert.match(stderr, /cannot fetch the file list of second-tool \(.*\): no answer; is there a network/);
});
