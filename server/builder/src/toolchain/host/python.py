"""Tells of the Python that runs it, as JSON: what a toolchain needs to know of its build Python."""

import json
import os
import pathlib
import site
import sys
import sysconfig


def pip_wheel() -> str | None:
    """The wheel of pip that comes with this Python: beside ensurepip, or where a distribution keeps it."""
    directories = [pathlib.Path(sysconfig.get_path("stdlib"), "ensurepip", "_bundled")]
    if elsewhere := sysconfig.get_config_var("WHEEL_PKG_DIR"):
        directories.insert(0, pathlib.Path(elsewhere))
    wheels = [wheel for directory in directories for wheel in sorted(directory.glob("pip-*.whl"))]
    return str(wheels[0].resolve()) if wheels else None


def headers() -> str | None:
    include = pathlib.Path(sysconfig.get_path("include", vars={"installed_base": sys.base_prefix}))
    return str(include.resolve()) if (include / "Python.h").is_file() else None


# A virtual environment is looked through: builds get the Python behind it, without what is installed in it.
program = os.path.realpath(getattr(sys, "_base_executable", None) or sys.executable)
answer = {
    "version": ".".join(map(str, sys.version_info[:3])),
    "implementation": sys.implementation.name,
    "program": program,
    "prefix": os.path.realpath(sys.base_prefix),
    "include": headers(),
    "pip": pip_wheel(),
    "site_directories": site.getsitepackages([sys.base_prefix]),
}
print(json.dumps(answer))
