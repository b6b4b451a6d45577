// A small disk, or a read-only one, for a program that is to meet it: a mount in a namespace of its own, which an
// ordinary user may make, and which goes with the process that holds it.
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { promisify } from "node:util";
import { program, root } from "./settings.mjs";

/** A disk of `size` ("64k", "12m") at the directory `path`. */
export const smallDisk = (path, size) => hold(`mount -t tmpfs -o "size=$1" tmpfs "$2"`, size, path);

/** The directory `path` as it is, but read-only. */
export const readOnly = (path) => hold(`mount --bind "$2" "$2" && mount -o remount,bind,ro "$2"`, "", path);

async function hold(script, ...parameters) {
  const arguments_ = ["--user", "--map-root-user", "--mount", "sh", "-c", `${script} && echo ready && exec cat`, "sh"];
  const holder = spawn("unshare", [...arguments_, ...parameters], { stdio: ["pipe", "pipe", "inherit"] });
  const [first] = await Promise.race([once(holder.stdout, "data"), once(holder, "close")]);
  if (String(first) !== "ready\n") throw new Error(`no mount could be made in a user namespace (${first})`);
  const inside = (command) => ["--target", String(holder.pid), "--user", "--mount", "--preserve-credentials", `--wd=${root}`, ...command];
  return {
    /** Runs pkgsrv with the mount there; like `run` of program.mjs. */
    async run(args, options) {
      const child = spawn("nsenter", inside([program, ...args]), { stdio: ["ignore", "pipe", "pipe"], ...options });
      const output = { stdout: "", stderr: "" };
      for (const stream of ["stdout", "stderr"]) child[stream].setEncoding("utf8").on("data", (text) => (output[stream] += text));
      const [code, signal] = await once(child, "close");
      return { code, signal, ...output };
    },
    /** Starts pkgsrv with the mount there. */
    start: (args) => spawn("nsenter", inside([program, ...args]), { stdio: ["ignore", "pipe", "pipe"] }),
    /** What a shell prints. */
    async shell(command) {
      const { stdout } = await promisify(execFile)("nsenter", inside(["sh", "-c", command]));
      return stdout;
    },
    async stop() {
      holder.stdin.end();
      if (holder.exitCode === null) await once(holder, "close");
    },
  };
}
