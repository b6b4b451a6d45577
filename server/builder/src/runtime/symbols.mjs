// Prints, as JSON, every name that a side module may import from the runtime, by what it is: functions of its wasm
// module with their index there, functions of its JavaScript, data, and the few others with their kind.
import { start } from "./interpreter.mjs";

const { _module } = await start({});
const main = _module.LDSO.loadedLibsByHandle[0].exports;
const symbols = { functions: {}, javascript: [], data: [], others: {} };
for (const name of Object.keys(main).sort()) {
  const value = main[name];
  if (!value || value.stub) continue;
  if (typeof value === "function") {
    // The JavaScript interface of WebAssembly calls an exported function by its index.
    if (/^\d+$/.test(value.name)) symbols.functions[name] = Number(value.name);
    else symbols.javascript.push(name);
  } else if (typeof value === "number" || value instanceof WebAssembly.Global) symbols.data.push(name);
  else if (value instanceof WebAssembly.Memory) symbols.others[name] = "memory";
  else if (value instanceof WebAssembly.Table) symbols.others[name] = "table";
  else if (value instanceof WebAssembly.Tag) symbols.others[name] = "tag";
  // A function that may suspend its caller, where the engine has such.
  else symbols.javascript.push(name);
}
process.stdout.write(JSON.stringify(symbols));
