// Makes the image that `boot` of the loader starts from, in /image: what differs, once Python has started, from the
// memory that the runtime's module is instantiated with, and the standard library as bytecode. The format is described
// in ARCHITECTURE.md.
import { createHash } from "node:crypto";
import { readFile, rm, writeFile } from "node:fs/promises";
import { loadPyodide } from "/runtime/pyodide.mjs";
import createModule from "/runtime/pyodide.asm.mjs";

/** Between two runs lie at least so many bytes that do not differ: about what it costs to name a run. */
const LEAST_GAP = 16;

const sha256 = (bytes) => createHash("sha256").update(bytes).digest("hex");
const indexURL = "/runtime/";

/** Writes a file whose name tells its contents; how `image.json` names it. */
async function write(name, extension, bytes) {
  const digest = sha256(bytes);
  const file = `${name}-${digest.slice(0, 16)}.${extension}`;
  await writeFile(`/image/${file}`, bytes);
  return { file, sha256: digest, size: bytes.length };
}

/** The standard library with bytecode in the place of sources, stored, since it is encoded on its way. */
async function bytecode() {
  const pyodide = await loadPyodide({ indexURL });
  const bytes = pyodide.runPython(`
    import importlib._bootstrap_external, importlib.util, io, sys, zipfile

    archive = f"/lib/python{sys.version_info.major}{sys.version_info.minor}.zip"
    made = io.BytesIO()
    with zipfile.ZipFile(archive) as sources, zipfile.ZipFile(made, "w") as target:
        for name in sorted(sources.namelist()):
            contents = sources.read(name)
            if name.endswith(".py"):
                code = compile(contents, f"{archive}/{name}", "exec", dont_inherit=True, optimize=0)
                # Nobody compares it with a source, so its hash is never looked at.
                to_pyc = importlib._bootstrap_external._code_to_hash_pyc
                contents, name = to_pyc(code, importlib.util.source_hash(contents), False), name + "c"
            target.writestr(zipfile.ZipInfo(name), contents)
    made.getvalue()
  `);
  return bytes.toJs();
}

/** The header that Pyodide writes, the memory after Python has started and the memory before anything ran. */
async function memories(stdLibURL) {
  let before;
  const createPyodideModule = (settings) =>
    createModule({
      ...settings,
      instantiateWasm(imports, done) {
        return settings.instantiateWasm(imports, (instance, module) => {
          before = new Uint8Array(instance.exports.memory.buffer).slice();
          done(instance, module);
        });
      },
    });
  const pyodide = await loadPyodide({ indexURL, stdLibURL, createPyodideModule, _makeSnapshot: true });
  const layout = pyodide.runPython(`
    import gc, json, site, sys

    # Pyodide puts it there again.
    sys.path.remove("")
    layout = json.dumps({
        "site": site.getsitepackages()[0],
        "prefix": sys.prefix.rstrip("/"),
        "python": "%d.%d" % sys.version_info[:2],
    })
    gc.collect()
    del gc, json, site, sys
    globals().pop("layout")
  `);
  const snapshot = pyodide.makeMemorySnapshot();
  const [, length] = new Uint32Array(snapshot.buffer, snapshot.byteOffset, 2);
  return { layout, before, header: snapshot.slice(0, length), after: snapshot.subarray(length) };
}

/** Where \`after\` differs from \`before\`, which is as long with zeros at its end: gaps and lengths in turn. */
function differences(before, after) {
  const runs = [];
  let [start, end] = [-1, 0];
  for (let at = 0; at < after.length; at += 1) {
    if (after[at] === (before[at] ?? 0)) continue;
    if (start >= 0 && at - end >= LEAST_GAP) {
      runs.push([start, end]);
      start = at;
    }
    if (start < 0) start = at;
    end = at + 1;
  }
  if (start >= 0) runs.push([start, end]);
  return runs;
}

/** Gaps before the runs, their lengths, each as 32 bits with the lowest byte first; then their bytes. */
function encoded(runs, after) {
  const numbers = new Uint32Array(runs.length * 2);
  let last = 0;
  runs.forEach(([start, end], index) => {
    numbers[index] = start - last;
    numbers[runs.length + index] = end - start;
    last = end;
  });
  return Buffer.concat([Buffer.from(numbers.buffer), ...runs.map(([start, end]) => after.subarray(start, end))]);
}

const stdlib = await write("stdlib", "zip", await bytecode());
const { layout, before, header, after } = await memories(`/image/${stdlib.file}`);
const used = before.findLastIndex((byte) => byte !== 0) + 1;
const runs = differences(before, after);
const image = {
  format: 1,
  header: Buffer.from(header).toString("base64"),
  layout: JSON.parse(layout),
  memory: {
    ...(await write("memory", "bin", encoded(runs, after))),
    runs: runs.length,
    length: after.length,
    before: { sha256: sha256(before.subarray(0, used)), size: used },
  },
  stdlib,
};
await writeFile("/image/image.json", JSON.stringify(image));
