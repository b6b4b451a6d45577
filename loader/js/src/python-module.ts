/** The module `pkgsrv` that Python code imports. It holds nothing of JavaScript's in an image. */
export const SOURCE = `"""What the loader of this interpreter offers to Python code."""

import contextvars
import sys
from collections import namedtuple

__all__ = [
    "Installed", "InstallError", "after_restore", "freeze", "install", "install_from_imports", "install_on_import", "list",
    "missing_imports", "restored", "uninstall",
]

#: Whether this interpreter was restored from an image.
restored = False

#: A distribution that the interpreter has; installer and source are None where nothing says them.
Installed = namedtuple("Installed", "name version installer source location requested")

_functions = []
_call = None


class InstallError(Exception):
    """What did not happen; \`code\` says why, as that of the loader's errors in JavaScript does."""

    def __init__(self, message, code):
        super().__init__(message)
        self.code = code


async def _ask(method, *arguments):
    if _call is None:
        raise InstallError("this interpreter has no loader", "unsupported_runtime")
    import json

    from pyodide.ffi import JsException

    try:
        return json.loads(await _call(method, json.dumps(arguments)))
    except JsException as error:
        raise InstallError(error.message, getattr(error, "code", "internal")) from None


def _texts(value):
    return [value] if isinstance(value, str) else [*value]


def _pairs(result):
    return [(package["name"], package["version"]) for package in result["installed"]]


async def install(requirements, *, constraints=()):
    """Installs packages and what they need, from the channel of the loader.

    \`requirements\` is a text such as "numpy" or "foo>=1,<2", several of them, addresses of wheels among them, or a lock
    that freeze() has made. \`constraints\`, such as "numpy<2.4", limit the versions of what is needed anyway. Returns what
    has been installed, as a list of pairs of name and version, dependencies first; it is empty if everything was there.
    Raises InstallError; nothing has been installed then.
    """
    wanted = requirements if isinstance(requirements, dict) else _texts(requirements)
    return _pairs(await _ask("install", wanted, {"constraints": _texts(constraints)}))


async def list():
    """What the interpreter has, whoever has installed it: a list of Installed, sorted by name."""
    return [Installed(*map(found.get, Installed._fields)) for found in await _ask("list")]


async def uninstall(names):
    """Takes packages out, all of them or none; raises InstallError.

    Returns a dictionary: for each package that is gone, the names of those that are left and need it. Modules that were
    imported stay in sys.modules, and libraries that were linked stay linked.
    """
    result = await _ask("uninstall", _texts(names))
    return {gone["name"]: result["neededBy"].get(gone["name"], []) for gone in result["uninstalled"]}


async def freeze():
    """A lock of what the loader has installed, as a dictionary: install() takes it, and json writes it."""
    return await _ask("freeze")


def missing_imports(code):
    """Top-level modules that the code imports and that are not there, sorted. Of code that does not parse, none."""
    from importlib.util import find_spec

    from pyodide.code import find_imports

    def is_there(name):
        if name in sys.modules:
            return True
        try:
            return find_spec(name) is not None
        except (ImportError, ValueError):
            return False

    return sorted(name for name in {name.partition(".")[0] for name in find_imports(code)} if not is_there(name))


async def install_from_imports(code, *, constraints=()):
    """Installs the packages that bring what the code imports, as far as it is missing and the channel has it.

    Returns what install() returns.
    """
    return _pairs(await _ask("installFromImports", code, {"constraints": _texts(constraints)}))


class _Finder:
    """Installs what an \`import\` statement finds nowhere else."""

    def __init__(self):
        # Of a task: while one waits, others may import.
        self._busy = contextvars.ContextVar("busy", default=False)

    def find_spec(self, name, path=None, target=None):
        # What only asks whether there is a module gets its answer from what is there.
        asker = sys._getframe(1).f_back
        if path is not None or self._busy.get() or not asker or asker.f_code.co_name != "_find_and_load_unlocked":
            return None
        from pyodide.ffi import can_run_sync, run_sync

        if not can_run_sync():
            raise ModuleNotFoundError(
                f"No module named {name!r}, and it cannot be installed by this import: here Python cannot wait. Run the "
                "code by pyodide.runPythonAsync, in an engine with JavaScript Promise Integration; or have it begin with "
                f"\`import pkgsrv; await pkgsrv.install_from_imports('import {name}')\`",
                name=name,
            )
        token = self._busy.set(True)
        try:
            run_sync(_ask("installFromImports", f"import {name}", {}))
        except InstallError as error:
            raise ModuleNotFoundError(f"No module named {name!r}: {error}", name=name) from error
        finally:
            self._busy.reset(token)
        from importlib.machinery import PathFinder

        return PathFinder.find_spec(name)


def install_on_import():
    """From now on, \`import\` installs what is missing and the channel has.

    That waits, so it needs an engine with JavaScript Promise Integration, and code that was started by
    pyodide.runPythonAsync or a callback of promising kind; else the import fails with a ModuleNotFoundError that says so.
    Libraries that try imports have their optional ones installed too.
    """
    if not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        from importlib.machinery import PathFinder

        at = sys.meta_path.index(PathFinder) + 1 if PathFinder in sys.meta_path else len(sys.meta_path)
        sys.meta_path.insert(at, _Finder())


def after_restore(function):
    """Has \`function\` called, without arguments, in each interpreter that is restored from an image of this one.

    For what must not be the same in all of them, such as a generator of random numbers. Returns the function, so this
    may be used as a decorator.
    """
    _functions.append(function)
    return function


def _restore(program, engine, *variables):
    """Sets what is another's in an interpreter that was restored; of the environment, names and values follow each other."""
    global restored
    import _locale, os, time
    os.environ.update(zip(variables[::2], variables[1::2]))
    _locale.setlocale(_locale.LC_CTYPE, "")
    sys.executable = sys._base_executable = os.path.abspath(program) if "/" in program else program
    sys.orig_argv = [program]
    version, _, *others = sys._emscripten_info
    sys._emscripten_info = type(sys._emscripten_info)((version, engine, *others))
    again = time.__loader__.create_module(time.__spec__)
    time.__loader__.exec_module(again)
    for name in ("timezone", "altzone", "daylight", "tzname"):
        setattr(time, name, getattr(again, name))
    modules = sys.modules
    if "random" in modules:
        modules["random"].seed()
    if "numpy.random" in modules:
        modules["numpy.random"].seed()
    backend = os.environ.get("MPLBACKEND")
    if "matplotlib" in modules and backend:
        # It looks at the variable when it is imported, and loads the backend with the first figure.
        modules["matplotlib"].rcParams["backend"] = backend
        if "matplotlib.pyplot" in modules:
            modules["matplotlib.pyplot"]._backend_mod = None
    restored = True
    for function in _functions:
        function()
    if "logging" in modules:
        modules["logging"]._startTime = time.time_ns()
`;
