// Uploads by a form of one's own.
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { basename } from "node:path";

/** The digest of a file. */
export const sha256 = (path) => createHash("sha256").update(readFileSync(path)).digest("hex");

/** The fields that fit a wheel. */
export const formOf = (path, name, version) => ({
  ":action": "file_upload",
  protocol_version: "1",
  filetype: "bdist_wheel",
  name,
  version,
  sha256_digest: sha256(path),
});

/** Sends a form with a file, or without one; the answer. */
export function upload(address, secret, path, fields, filename = path && basename(path)) {
  const form = new FormData();
  for (const [name, value] of Object.entries(fields)) form.append(name, value);
  if (path) form.append("content", new Blob([readFileSync(path)]), filename);
  const headers = { Authorization: `Basic ${Buffer.from(`__token__:${secret}`).toString("base64")}` };
  return fetch(address, { method: "POST", body: form, headers });
}
