// Makes the image that `boot` of the loader starts from, in /image: Python, started, and the standard library as bytecode.
// The format is described in ARCHITECTURE.md.
import { writeFile } from "node:fs/promises";
import { loadPyodide } from "/runtime/pyodide.mjs";
import { stop, watchMemory, write, writeMemory } from "./memory.mjs";

const indexURL = "/runtime/";

process.on("uncaughtException", stop);

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
  const magic = pyodide.runPython("importlib.util.MAGIC_NUMBER.hex()");
  return { magic, bytes: bytes.toJs() };
}

/** Starts Python with that, and takes its memory. */
async function started(stdLibURL) {
  const watched = watchMemory();
  const { createPyodideModule } = watched;
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
  const taken = await writeMemory("/image", "memory", pyodide, watched);
  return { layout: JSON.parse(layout), ...taken };
}

const { magic, bytes } = await bytecode();
const stdlib = await write("/image", "stdlib", "zip", bytes);
const image = { format: 2, magic, ...(await started(`/image/${stdlib.file}`)), stdlib };
await writeFile("/image/image.json", JSON.stringify(image));
