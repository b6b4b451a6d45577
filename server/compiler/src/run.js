#!/usr/bin/env node
// A configure check that links. Nobody looks at most of these again; who runs this one has it linked by Emscripten now,
// in this place.
const { spawnSync } = require("node:child_process");
const [program, ...link] = COMMAND;
const linked = spawnSync(program, link, { cwd: DIRECTORY, stdio: ["ignore", process.stderr, process.stderr] });
if (linked.status !== 0) {
  console.error(`cannot link ${__filename}: ${program} failed; its source must still be there when it is run`);
  process.exit(linked.status ?? 1);
}
const ran = spawnSync(process.execPath, [...process.execArgv, __filename, ...process.argv.slice(2)], { stdio: "inherit" });
if (ran.signal) process.kill(process.pid, ran.signal);
process.exit(ran.status ?? 1);
