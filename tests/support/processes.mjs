// Looking at processes from outside.
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";

/** Waits for a condition, as long as the program runs. */
export async function until(child, condition) {
  while (!condition()) {
    assert.equal(child.exitCode, null, "the program ended early");
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** How many processes of the machine have `text` in their command line. */
export function processesWith(text) {
  const commands = readdirSync("/proc").filter((name) => /^\d+$/.test(name)).map((pid) => {
    try {
      return readFileSync(`/proc/${pid}/cmdline`, "utf8");
    } catch {
      return "";
    }
  });
  return commands.filter((command) => command.includes(text)).length;
}
