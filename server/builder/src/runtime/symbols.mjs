// Prints, as JSON, every name that a side module may import from the runtime.
import { loadPyodide } from "/runtime/pyodide.mjs";

const pyodide = await loadPyodide({ indexURL: "/runtime/" });
const main = pyodide._module.LDSO.loadedLibsByHandle[0].exports;
const symbols = Object.keys(main).filter((name) => main[name] && !main[name].stub);
process.stdout.write(JSON.stringify({ symbols: symbols.sort() }));
