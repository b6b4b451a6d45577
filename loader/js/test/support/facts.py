# What an interpreter says of itself, as JSON: the same, however it was started.
def facts():
    import asyncio
    import json
    import locale
    import os
    import sys
    import time
    import warnings

    import pyodide
    from pyodide.ffi import can_run_sync

    return json.dumps({
        "argv": [sys.argv, sys.orig_argv],
        "builtins": sorted(vars(__builtins__)) if not isinstance(__builtins__, dict) else sorted(__builtins__),
        "can_run_sync": can_run_sync(),
        "directory": os.getcwd(),
        "engine": list(map(str, sys._emscripten_info)),
        "environment": dict(sorted(os.environ.items())),
        "executable": [sys.executable, sys._base_executable],
        "files": {path: sorted(os.listdir(path)) for path in ("/", "/lib", "/home", "/tmp", os.getcwd())},
        "flags": str(sys.flags),
        "globals": sorted(globals()),
        "hooks": [sys.excepthook.__qualname__, sys.displayhook.__qualname__, len(sys.path_hooks)],
        "implementation": str(sys.implementation),
        "limits": [sys.getrecursionlimit(), sys.getswitchinterval()],
        "locale": locale.setlocale(locale.LC_ALL),
        "loop": type(asyncio.get_event_loop()).__name__,
        "modules": sorted(sys.modules),
        "path": sys.path,
        "prefixes": [sys.prefix, sys.exec_prefix, sys.base_prefix, sys.platlibdir],
        "pyodide": pyodide.__version__,
        "streams": [(stream.name, stream.encoding, stream.isatty()) for stream in (sys.stdin, sys.stdout, sys.stderr)],
        "summer": time.localtime(1_750_000_000).tm_zone,
        "version": sys.version,
        "warnings": str(warnings.filters),
        "zone": [time.timezone, time.altzone, time.daylight, list(time.tzname)],
    })

facts()
