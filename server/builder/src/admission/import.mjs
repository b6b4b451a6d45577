// Unpacks task.wheels into a fresh interpreter and imports task.imports, one after another.
// The last line printed is JSON: {"error": null}, or the traceback of the first failure.
import { readFileSync } from "node:fs";
import { loadPyodide } from "/runtime/pyodide.mjs";

const pyodide = await loadPyodide({ indexURL: "/runtime/" });
const run = `
import importlib, json, traceback

def import_all(names):
    for name in names:
        try:
            importlib.import_module(name)
        except BaseException:
            return f"import {name}\\n" + traceback.format_exc()
`;
for (const path of task.wheels) pyodide.unpackArchive(new Uint8Array(readFileSync(path)), "wheel");
pyodide.runPython(run);
const names = pyodide.toPy(task.imports);
const error = pyodide.globals.get("import_all")(names) ?? null;
process.stdout.write(`\n${JSON.stringify({ error })}\n`);
