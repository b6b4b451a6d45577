// Running the `pkgsrv` program.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, symlinkSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { data, loaderModule, program, root } from "./settings.mjs";

/** What the packages of the test channel are built from. */
export const builtPackages = ["markupsafe", "numpy", "pyyaml"];

/** Starts the program; `output` grows as it prints. */
export function start(args, options = {}) {
  const child = spawn(program, args, { cwd: root, stdio: ["ignore", "pipe", "pipe"], ...options });
  const output = { stdout: "", stderr: "" };
  for (const stream of ["stdout", "stderr"]) {
    child[stream].setEncoding("utf8").on("data", (text) => (output[stream] += text));
  }
  return { child, output };
}

/** Runs the program to its end. */
export async function run(args, options) {
  const { child, output } = start(args, options);
  const [code, signal] = await once(child, "close");
  return { code, signal, ...output };
}

/** Publishes what is built, and lays out runtime and loader. */
export async function publishBuilt() {
  const { code, stderr } = await run(["up", ...builtPackages, "--no-serve", "--data", data]);
  assert.equal(code, 0, stderr);
}

/** Starts a server with the real command; resolves when it answers. */
export async function startServer(args = ["up", ...builtPackages, "--data", data]) {
  const { child, output } = start([...args, "--listen", "127.0.0.1:0"]);
  const base = await new Promise((resolve, reject) => {
    child.stdout.on("data", () => {
      const line = /^listening on (http:\S+)$/m.exec(output.stdout);
      if (line) resolve(line[1]);
    });
    child.on("exit", (code) => reject(new Error(`pkgsrv ended with ${code} before it listened:\n${output.stderr}`)));
  });
  return {
    base,
    output,
    async stop() {
      if (child.exitCode !== null) return;
      child.kill("SIGTERM");
      await once(child, "close");
    },
  };
}

/** Makes a data directory in this one, with the runtime and the loader and nothing published; its path. */
export function ownData(directory) {
  const own = join(directory, "data");
  mkdirSync(own);
  symlinkSync(join(data, "runtime"), join(own, "runtime"));
  symlinkSync(dirname(fileURLToPath(loaderModule)), join(own, "loader"));
  return own;
}
