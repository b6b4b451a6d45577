import { isNode } from "./node.js";
import { moduleOf } from "./python.js";
import type { BootOptions, PyodideInterface, PyodideOptions } from "./types.js";

/** Options of `loadPyodide` that an image has settled otherwise. */
const SETTLED = ["args", "stdLibURL", "_makeSnapshot", "_loadSnapshot", "createPyodideModule"] as const;

/** Variables of the environment that Python looks at while it starts. */
const STARTING = /^(PYTHON.*|LC_ALL|LC_CTYPE|LANG)$/;

/** Why an image should not be used with these options, in words; `undefined` if it may. */
export function reasonAgainstImage({ image, pyodide = {} }: BootOptions): string | undefined {
  if (image === false) return "the option `image` is false";
  const settled = SETTLED.find((name) => {
    const value = pyodide[name];
    return Array.isArray(value) ? value.length > 0 : value !== undefined && value !== false;
  });
  if (settled !== undefined) return `the option \`pyodide.${settled}\` holds while Python starts, which it has`;
  const variable = Object.keys(pyodide.env ?? {}).find((name) => STARTING.test(name));
  if (variable !== undefined) return `the variable ${variable} holds while Python starts, which it has`;
  return undefined;
}

/** What we use of Emscripten's module, once Pyodide has it. */
interface RestoredModule {
  HEAPU32: Uint32Array;
  LDSO: { loadedLibsByHandle: Record<number, { exports: { _Py_emscripten_runtime(): number } }> };
  UTF8ToString(address: number): string;
  _free(address: number): void;
  _timezone: number;
  _daylight: number;
  /** Address of the addresses of two names. */
  _tzname: number;
  __tzset_js(timezone: number, daylight: number, standardName: number, summerName: number): void;
}

/**
 * Sets what is another's in a restored interpreter: how the image's maker was called, its environment, engine and time
 * zone, and the state of random numbers.
 */
export function afterRestoring(pyodide: PyodideInterface, { env, _sysExecutable }: PyodideOptions): void {
  const program = _sysExecutable ?? (isNode() ? (process.argv[1] ?? "") : "./this.program");
  const locale = (globalThis.navigator?.language ?? "C").replace("-", "_");
  const variables = { LANG: `${locale}.UTF-8`, _: program, ...env };
  const module = (pyodide as unknown as { _module: RestoredModule })._module;
  setTimeZone(module);
  // An environment has it compiled.
  const python = moduleOf(pyodide);
  const restore = python._restore;
  restore(program, engineOf(module), ...Object.entries(variables).flat());
  restore.destroy();
  python.destroy();
}

/** The C library asks for the zone once, and then believes that it knows it. */
function setTimeZone(module: RestoredModule): void {
  const [standardName = 0, summerName = 0] = module.HEAPU32.subarray(module._tzname >>> 2);
  module.__tzset_js(module._timezone, module._daylight, standardName, summerName);
}

/** What CPython calls the engine; it asks a function of the runtime's JavaScript, which returns a new text. */
function engineOf({ LDSO, UTF8ToString, _free }: RestoredModule): string {
  const address = LDSO.loadedLibsByHandle[0]?.exports._Py_emscripten_runtime() ?? 0;
  const engine = UTF8ToString(address);
  _free(address);
  return engine;
}
