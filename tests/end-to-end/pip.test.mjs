// pip against the Simple API.
import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { pip, pipDownloadsNumpy, target } from "../support/pip.mjs";
import { startServer } from "../support/program.mjs";
import { abi } from "../support/settings.mjs";

let server, directory;
before(async () => {
  server = await startServer();
  directory = mkdtempSync(join(tmpdir(), "pkgsrv-pip-"));
});
after(async () => {
  rmSync(directory, { recursive: true, force: true });
  await server.stop();
});

test("pip lists the versions of numpy for the target platform", async () => {
  assert.match(await pip(server.base, "index", "versions", "numpy", ...target), /^numpy \(2\.4\.6\)\nAvailable versions: 2\.4\.6\n/);
});

test("pip downloads numpy for the target platform, the bytes that the index names", () => pipDownloadsNumpy(server.base, directory));

test("pip takes a stored twin too, and unpacks the same files", async () => {
  const lockAddress = `${server.base}/pyodide/${abi}/pyodide-lock.json`;
  const { file_name } = (await (await fetch(lockAddress)).json()).packages.markupsafe;
  const installed = async (wanted, name) => {
    const into = join(directory, name);
    await pip(server.base, "install", wanted, ...target, "--no-deps", "--no-compile", "--target", into);
    const files = readdirSync(into, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
    // Where it came from is told of addresses only.
    const own = files.filter(({ name }) => !["direct_url.json", "RECORD", "REQUESTED"].includes(name));
    const path = ({ parentPath, name }) => join(parentPath, name).slice(into.length);
    return own.map((entry) => [path(entry), readFileSync(join(entry.parentPath, entry.name), "base64")]).sort();
  };
  const wheel = await installed("markupsafe", "wheel");
  assert.ok(wheel.length > 5, wheel.join());
  assert.deepEqual(await installed(new URL(file_name, lockAddress).href, "twin"), wheel);
});
