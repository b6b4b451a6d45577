import { LoaderError } from "./errors.js";
import { SOURCE } from "./python-module.js";
import type { InstallOptions, Loader, Lock, PyodideInterface } from "./types.js";

/** What we use of a module of Python's in JavaScript. */
export interface ModuleProxy {
  restored: boolean;
  _restore: { (program: string, engine: string, ...variables: string[]): void; destroy(): void };
  _call: (method: string, values: string) => Promise<string>;
  destroy(): void;
}

/** What an image of an earlier version has of the module is renewed; the functions stay that it was given. */
const MAKE = `import sys, types
from importlib.machinery import ModuleSpec
module = sys.modules.setdefault("pkgsrv", types.ModuleType("pkgsrv"))
functions = getattr(module, "_functions", [])
module.__spec__ = ModuleSpec("pkgsrv", None)
exec(compile(source, "<pkgsrv>", "exec"), module.__dict__)
module._functions = functions
`;

const MODULES = '__import__("sys").modules';

/** Expressions: the module, if the interpreter has one as this version makes it; the same, made now. */
const KNOWN = `(lambda module: module if hasattr(module, "_restore") else None)(${MODULES}.get("pkgsrv"))`;
const MADE = `(exec(${JSON.stringify(MAKE)}, {"source": ${JSON.stringify(SOURCE)}}), ${MODULES}["pkgsrv"])[1]`;

/** The module, made unless the interpreter has it from an image. Nothing is left in the caller's globals. */
export function moduleOf(pyodide: PyodideInterface): ModuleProxy {
  return (pyodide.runPython(KNOWN) ?? pyodide.runPython(MADE)) as ModuleProxy;
}

/** Makes the module and gives it the loader. */
export function provideModule(pyodide: PyodideInterface, loader: Loader, restored: boolean): void {
  const methods: Record<string, (...values: never[]) => Promise<unknown>> = {
    install: (wanted: string[] | Lock, options: InstallOptions) => loader.install(wanted, options),
    installFromImports: (code: string, options: InstallOptions) => loader.installFromImports(code, options),
    list: () => loader.list(),
    uninstall: (names: string[]) => loader.uninstall(names),
    freeze: () => loader.freeze(),
  };
  const module = moduleOf(pyodide);
  module.restored = restored;
  module._call = async (method, values) => {
    const called = methods[method];
    if (called === undefined) throw new LoaderError("internal", `Python asks for \`${method}\`, which this loader does not know`);
    return JSON.stringify(await called(...(JSON.parse(values) as never[])));
  };
  module.destroy();
}

/** Top-level modules that code imports and that are not there. */
export function missingImports(pyodide: PyodideInterface, code: string): string[] {
  moduleOf(pyodide).destroy();
  const asked = `"\\n".join(${MODULES}["pkgsrv"].missing_imports(${JSON.stringify(code)}))`;
  return String(pyodide.runPython(asked)).split("\n").filter(Boolean);
}

/**
 * What `importlib.invalidate_caches()` does, without the modules that it imports for that, which take longer than many an
 * installation. Archives are left alone: nothing is written into one.
 */
const FORGET = `import sys
external = sys.modules["_frozen_importlib_external"]
for path, finder in [*sys.path_importer_cache.items()]:
    if finder is None:
        del sys.path_importer_cache[path]
    elif isinstance(finder, external.FileFinder):
        finder.invalidate_caches()
for finder in sys.meta_path:
    if finder is not external.PathFinder and hasattr(finder, "invalidate_caches"):
        finder.invalidate_caches()
external._NamespacePath._epoch += 1
if metadata := sys.modules.get("importlib.metadata"):
    metadata.MetadataPathFinder.invalidate_caches()
`;

/** Has Python look anew for what was written or removed. */
export function invalidateCaches(pyodide: PyodideInterface): void {
  pyodide.runPython(`exec(${JSON.stringify(FORGET)}, {})`);
}
