// Wheels by bytes.
import { createHash } from "node:crypto";
import { crc32, deflateRawSync } from "node:zlib";

const u16 = (value) => [value & 255, value >>> 8];
const u32 = (value) => [...u16(value & 0xffff), ...u16(value >>> 16)];

/** A zip archive of `files` (contents by path). */
export function zip(files) {
  const [local, central] = [[], []];
  let offset = 0;
  for (const [path, contents] of Object.entries(files)) {
    const bytes = Buffer.from(contents);
    const packed = deflateRawSync(bytes);
    const name = Buffer.from(path);
    // Bit 11 says that the name is UTF-8.
    const flags = name.length === path.length ? 0 : 0x0800;
    const fields = [...u16(flags), 8, 0, 0, 0, 0x21, 0, ...u32(crc(bytes)), ...u32(packed.length), ...u32(bytes.length)];
    const header = Buffer.from([0x50, 0x4b, 3, 4, 20, 0, ...fields.slice(0, 2), ...fields.slice(2), ...u16(name.length), 0, 0]);
    local.push(header, name, packed);
    central.push(
      Buffer.from([0x50, 0x4b, 1, 2, 20, 3, 20, 0, ...fields, ...u16(name.length), ...Array(12).fill(0), ...u32(offset)]),
      name,
    );
    offset += header.length + name.length + packed.length;
  }
  const size = central.reduce((sum, part) => sum + part.length, 0);
  const count = u16(Object.keys(files).length);
  const end = Buffer.from([0x50, 0x4b, 5, 6, 0, 0, 0, 0, ...count, ...count, ...u32(size), ...u32(offset), 0, 0]);
  return Buffer.concat([...local, ...central, end]);
}

/** `zlib.crc32` came with Node 20.15; an older one gets the same by hand. */
function crc(bytes) {
  if (crc32 !== undefined) return crc32(bytes);
  let value = 0xffffffff;
  for (const byte of bytes) {
    value ^= byte;
    for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ 0xedb88320 : value >>> 1;
  }
  return (value ^ 0xffffffff) >>> 0;
}

/** A wheel for `serveChannel`; `files` are its contents beside dist-info. */
export function wheel({
  name,
  version = "1.0",
  depends = [],
  imports,
  files,
  tag = "cp314-cp314-pyemscripten_2026_0_wasm32",
  metadata = `Metadata-Version: 2.4\nName: ${name}\nVersion: ${version}\n`,
}) {
  const escaped = name.replaceAll("-", "_");
  const info = `${escaped}-${version}.dist-info`;
  const all = {
    ...files,
    [`${info}/METADATA`]: metadata,
    [`${info}/WHEEL`]: `Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: false\nTag: ${tag}\n`,
  };
  const lines = Object.entries(all).map(([path, contents]) => {
    const bytes = Buffer.from(contents);
    const field = /[",]/.test(path) ? `"${path.replaceAll('"', '""')}"` : path;
    return `${field},sha256=${createHash("sha256").update(bytes).digest("base64url")},${bytes.length}\n`;
  });
  all[`${info}/RECORD`] = `${lines.join("")}${info}/RECORD,,\n`;
  return { name, version, depends, imports, filename: `${escaped}-${version}-${tag}.whl`, bytes: zip(all) };
}
