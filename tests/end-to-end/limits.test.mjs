// Builds that take more of the machine than they may: ended, with the limit and the option that allows more.
import assert from "node:assert/strict";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { test } from "node:test";
import { demoBuild } from "../support/demo-build.mjs";
import { processesWith, until } from "../support/processes.mjs";
import { run, start } from "../support/program.mjs";
import { demo, goodSource, recipes, unique } from "../support/upstream.mjs";

/** A build of `demo` whose setup.py does this first. */
async function buildThat(python) {
  const files = demo(unique(goodSource));
  files["setup.py"] = `${python}\n${files["setup.py"]}`;
  return demoBuild({ files });
}

const cases = [
  {
    name: "forks without end",
    // One after the other: what doubles would take the machine from the tests' own programs too.
    python: `import subprocess\nsubprocess.run(["bash", "-c", "while true; do sleep 600 & done"])`,
    args: ["--build-processes", "300"],
    told: /it took \d+ processes, and may take 300; if it needs that much, allow it with --build-processes/,
  },
  {
    name: "takes memory without end",
    python: `kept = []\nwhile True:\n    kept.append(bytearray(b"x" * (16 << 20)))`,
    args: ["--build-memory", "512M"],
    told: /it took [\d.]+ [MG]iB of memory, and may take 512\.00 MiB; if it needs that much, allow it with --build-memory/,
  },
  {
    name: "fills what is memory in its sandbox",
    python: `import time\nfor place in "/tmp/filler", "/dev/shm/filler":\n    with open(place, "wb") as file:\n        for _ in range(300):\n            file.write(bytes(1 << 20))\ntime.sleep(600)`,
    args: ["--build-memory", "512M"],
    told: /it took [\d.]+ [MG]iB of memory, and may take 512\.00 MiB; if it needs that much, allow it with --build-memory/,
  },
  {
    name: "prints without end",
    python: `import os\nwhile True:\n    os.write(1, b"x" * 4000 + b"\\n")`,
    args: ["--build-disk", "64M"],
    told: /it took [\d.]+ [MG]iB in files, and may take 64\.00 MiB; if it needs that much, allow it with --build-disk/,
  },
  {
    name: "fills the disk",
    python: `import time\nwith open("/build/filler", "wb") as file:\n    for _ in range(512):\n        file.write(bytes(1 << 20))\ntime.sleep(600)`,
    args: ["--build-disk", "256M"],
    told: /it took [\d.]+ MiB in files, and may take 256\.00 MiB; if it needs that much, allow it with --build-disk/,
  },
];

for (const { name, python, args, told } of cases) {
  test(`a build that ${name}`, async () => {
    const build = await buildThat(python);
    try {
      const { code, stderr } = await run([...build.args, ...args]);
      assert.equal(code, 1);
      assert.match(stderr, /error: demo 1\.0: step `build` was ended: /);
      assert.match(stderr, told);
      assert.match(stderr, /^full log: .+\/demo-1\.0\.log$/m);
      assert.ok(!existsSync(build.out));
    } finally {
      build.stop();
    }
  });
}

test("a size that is none is refused with an example", async () => {
  const { code, stderr } = await run(["build", "numpy", "--build-memory", "much"]);
  assert.equal(code, 2);
  assert.match(stderr, /invalid value 'much' for '--build-memory <SIZE>': expected a whole number with a unit, such as 512M or 8G/);
});

test("what a sandbox is told is on no command line", async () => {
  const seconds = `600.${process.pid}${Date.now()}`;
  const secret = `secret-${process.pid}-${Date.now()}`;
  const files = demo(unique(goodSource));
  files["setup.py"] = `import os, subprocess\nassert os.environ["TOKEN"] == "${secret}"\nassert os.read(0, 1) == b""\nsubprocess.run(["sleep", "${seconds}"])\n`;
  const build = await demoBuild({ files });
  recipes(build.path, build.hash, (recipe) => `${recipe}\n[build.environment]\nTOKEN = "${secret}"\n`);
  const { child, output } = start(build.args);
  const closed = once(child, "close");
  try {
    await until(child, () => processesWith(seconds) > 0 || output.stderr.includes("error:"));
    assert.equal(processesWith(seconds) > 0, true, output.stderr);
    assert.equal(processesWith(secret), 0);
  } finally {
    child.kill("SIGTERM");
    await closed;
    build.stop();
  }
});
