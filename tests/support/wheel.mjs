// Wheels of pure packages, made in a test.
import { wheel } from "../../loader/js/test/support/wheel.mjs";

/** The text of METADATA or PKG-INFO. */
export const info = (name, version, ...requires) =>
  `Metadata-Version: 2.1\nName: ${name}\nVersion: ${version}\n${requires.map((line) => `Requires-Dist: ${line}\n`).join("")}`;

/** The bytes of a wheel with these files. */
export const pureWheel = (name, version, files, ...requires) =>
  wheel({ name, version, files, tag: "py3-none-any", metadata: info(name, version, ...requires) }).bytes;
