// Wheels of pure packages, made in a test.
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { sha256, temporaryDirectory } from "./upstream.mjs";

/** The text of METADATA or PKG-INFO. */
export const info = (name, version, ...requires) =>
  `Metadata-Version: 2.1\nName: ${name}\nVersion: ${version}\n${requires.map((line) => `Requires-Dist: ${line}\n`).join("")}`;

/** The bytes of a wheel with these files, packed by Python's own zip. */
export function pureWheel(name, version, files, ...requires) {
  const distInfo = `${name}-${version}.dist-info`;
  const text = {
    ...files,
    [`${distInfo}/METADATA`]: info(name, version, ...requires),
    [`${distInfo}/WHEEL`]: "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
  };
  const hash = (text) => Buffer.from(sha256(text), "hex").toString("base64url");
  const record = `${distInfo}/RECORD`;
  const lines = Object.entries(text).map(([path, text]) => `${path},sha256=${hash(text)},${Buffer.byteLength(text)}\n`);
  text[record] = `${lines.join("")}${record},,\n`;
  const program = "import json, sys, zipfile\nwith zipfile.ZipFile(sys.argv[1], 'w') as wheel:\n    for name, text in json.load(sys.stdin).items():\n        wheel.writestr(name, text)";
  const directory = temporaryDirectory();
  try {
    const path = join(directory.path, "made.whl");
    execFileSync("python3", ["-c", program, path], { input: JSON.stringify(text) });
    return readFileSync(path);
  } finally {
    directory.remove();
  }
}
