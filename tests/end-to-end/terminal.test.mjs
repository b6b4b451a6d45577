// Colours, bars and line breaks: on a terminal only, and there as NO_COLOR and the width say.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { demoBuild } from "../support/demo-build.mjs";
import { until } from "../support/processes.mjs";
import { run, start } from "../support/program.mjs";
import { program } from "../support/settings.mjs";
import { recipes, temporaryDirectory } from "../support/upstream.mjs";

let directory, mistaken;
before(() => {
  directory = temporaryDirectory();
  const folder = recipes(directory.path, "0".repeat(64), (recipe) => recipe.replace("build = [", "biuld = ["));
  mistaken = ["build", "demo", "--recipes", folder];
});
after(() => directory.remove());

const { NO_COLOR: _, ...environment } = process.env;

/** What a command prints on a terminal with so many columns, by util-linux's `script`. */
function onTerminal(args, { columns = 100, env = {} } = {}) {
  const quoted = [program, ...args].map((word) => `'${word}'`).join(" ");
  const options = { encoding: "utf8", env: { ...environment, TERM: "xterm-256color", ...env } };
  return execFileSync("script", ["--quiet", "--command", `stty rows 24 cols ${columns}; ${quoted} || true`, "/dev/null"], options);
}
const colour = /\x1b\[[0-9;]*m/;

test("what is no terminal gets neither colours nor bars", async () => {
  const build = await demoBuild();
  try {
    for (const args of [["--help"], ["build", "--help"], ["nonsense"], mistaken, ["doctor", "--upstream", "http://127.0.0.1:1/"], build.args]) {
      const { stdout, stderr } = await run(args, { env: environment });
      assert.doesNotMatch(stdout + stderr, /[\x1b\r]/, args.join(" "));
    }
  } finally {
    build.stop();
  }
  const env = { ...environment, PKGSRV_LOG: "debug" };
  const { child, output } = start(["serve", "--data", join(directory.path, "data"), "--listen", "127.0.0.1:0"], { env });
  await until(child, () => output.stdout.includes("\n"));
  await fetch(`${/http:\S+/.exec(output.stdout)[0]}/healthz`);
  child.kill("SIGTERM");
  await once(child, "close");
  assert.match(output.stderr, /DEBUG/);
  assert.doesNotMatch(output.stderr, /\x1b/);
});

test("a terminal gets colours, unless NO_COLOR says otherwise", () => {
  for (const args of [["--help"], ["nonsense"], mistaken]) {
    assert.match(onTerminal(args), colour, args.join(" "));
    assert.doesNotMatch(onTerminal(args, { env: { NO_COLOR: "1" } }), colour, args.join(" "));
  }
});

test("a recipe's mistake fits the terminal, and is not broken where a program reads it", async () => {
  const narrow = onTerminal(mistaken, { columns: 50, env: { NO_COLOR: "1" } });
  // A path is one word.
  for (const line of narrow.split(/\r?\n/)) assert.ok([...line].length <= 50 || line.includes("recipe.toml"), line);
  const wide = onTerminal(mistaken, { columns: 200, env: { NO_COLOR: "1" } });
  assert.ok(narrow.split("\n").length > wide.split("\n").length, "the help is broken into lines");
  const { stderr } = await run(mistaken, { env: environment });
  assert.match(stderr, /recipe\.toml: unknown key `biuld`\n/);
});

test("--json is the only thing on standard output", async () => {
  const build = await demoBuild();
  try {
    const { stdout } = await run([...build.args, "--json"]);
    const { wheels } = JSON.parse(stdout);
    assert.equal(stdout, `${JSON.stringify({ wheels })}\n`);
    assert.deepEqual(wheels.map(({ name, path }) => ({ name, path })), [{ name: "demo", path: build.wheel }]);
    assert.match(wheels[0].sha256, /^[0-9a-f]{64}$/);
  } finally {
    build.stop();
  }
});
