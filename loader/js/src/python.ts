import type { InstallResult, PyodideInterface } from "./types.js";

/** The module `pkgsrv` that Python code imports. It holds nothing of JavaScript's in an image. */
const SOURCE = `"""What the loader of this interpreter offers to Python code."""

__all__ = ["InstallError", "after_restore", "install", "restored"]

#: Whether this interpreter was restored from an image.
restored = False

_functions = []
_install = None


class InstallError(Exception):
    """An installation that did not happen; \`code\` says why, as that of the loader's errors in JavaScript does."""

    def __init__(self, message, code):
        super().__init__(message)
        self.code = code


async def install(requirements):
    """Installs packages and what they need, from the channel of the loader.

    \`requirements\` is a text such as "numpy" or "foo>=1,<2", or several of them. Returns what has been installed, as a
    list of pairs of name and version, dependencies first; it is empty if everything was there. Raises InstallError;
    nothing has been installed then.
    """
    if _install is None:
        raise InstallError("this interpreter has no loader", "unsupported_runtime")
    from pyodide.ffi import JsException, to_js

    wanted = [requirements] if isinstance(requirements, str) else list(requirements)
    try:
        result = await _install(to_js(wanted))
    except JsException as error:
        raise InstallError(error.message, getattr(error, "code", "internal")) from None
    return [(package.name, package.version) for package in result.installed]


def after_restore(function):
    """Has \`function\` called, without arguments, in each interpreter that is restored from an image of this one.

    For what must not be the same in all of them, such as a generator of random numbers. Returns the function, so this
    may be used as a decorator.
    """
    _functions.append(function)
    return function
`;

/** What we use of a module of Python's in JavaScript. */
interface ModuleProxy {
  restored: boolean;
  _install: (requirements: string[]) => Promise<InstallResult>;
  destroy(): void;
}

/** Makes the module, unless the interpreter has it, from an image. Nothing is left in the caller's globals. */
export function makeModule(pyodide: PyodideInterface): void {
  (pyodide.runPython(MODULE) as ModuleProxy).destroy();
}

const MAKE = `import sys, types
from importlib.machinery import ModuleSpec
module = types.ModuleType("pkgsrv")
module.__spec__ = ModuleSpec("pkgsrv", None)
exec(compile(source, "<pkgsrv>", "exec"), module.__dict__)
sys.modules["pkgsrv"] = module
`;

/** An expression: the module, made if it is not there. */
const MODULE = `__import__("sys").modules.get("pkgsrv") or exec(${JSON.stringify(MAKE)}, {"source": ${JSON.stringify(SOURCE)}}) or __import__("sys").modules["pkgsrv"]`;

/** Makes the module and gives it the loader. */
export function provideModule(pyodide: PyodideInterface, install: ModuleProxy["_install"], restored: boolean): void {
  const module = pyodide.runPython(MODULE) as ModuleProxy;
  module.restored = restored;
  module._install = install;
  module.destroy();
}
