"""Derives a cross environment in the current directory.

Arguments: the runtime's standard library (a zip file), the minor version of Python ("3.14").
Writes: sysconfig/<the target's sysconfig data>, include/python3.N/ (the build Python's headers, which are the same for
every platform but for pyconfig.h, which is derived from the sysconfig data).
"""

import pathlib
import re
import shutil
import sys
import sysconfig
import zipfile

NAME = "_sysconfigdata__emscripten_wasm32-emscripten"


def target_variables(stdlib: str) -> dict[str, object]:
    """The target's build_time_vars; the module is kept for the build tools to read."""
    source = zipfile.ZipFile(stdlib).read(f"{NAME}.py").decode()
    pathlib.Path("sysconfig").mkdir()
    pathlib.Path("sysconfig", f"{NAME}.py").write_text(source)
    namespace: dict[str, object] = {}
    exec(compile(source, NAME, "exec"), namespace)
    return namespace["build_time_vars"]


# The names that sysconfig reads from a pyconfig.h, and so the only ones that the sysconfig data tells of.
TOLD = re.compile(r"[A-Z]\w+")
MENTION = re.compile(r"^(?:#\s*(?P<define>define)|/\*\s*#\s*undef|#\s*undef)\s+(?P<name>\w+)")


def target_line(line: str, variables: dict[str, object]) -> str:
    """What a line of the build machine's pyconfig.h says for the target.

    Names with a leading underscore or in lower case ask the C library for its interfaces or stand in for types that a
    compiler lacks: they are the same for every platform.
    """
    mention = MENTION.match(line)
    if mention is None or not TOLD.fullmatch(mention["name"]) or mention["name"] == "Py_PYCONFIG_H":
        return line
    name = mention["name"]
    value = variables.get(name)
    # sysconfig reads an undefined macro as 0; sizes are the only macros for which 0 is a value.
    if value is None or (value == 0 and not name.startswith(("SIZEOF_", "ALIGNOF_"))):
        return f"#undef {name}"
    return f"#define {name} {value}"


def main(stdlib: str, python: str) -> None:
    variables = target_variables(stdlib)
    include = pathlib.Path("include", f"python{python}")
    headers = pathlib.Path(sysconfig.get_path("include"))
    shutil.copytree(headers, include)
    # Debian keeps it apart for each architecture, and leaves a header in its place that includes the right one.
    apart = headers.parent / str(sysconfig.get_config_var("MULTIARCH")) / headers.name / "pyconfig.h"
    native = apart if apart.is_file() else headers / "pyconfig.h"
    lines = [target_line(line, variables) for line in joined(native.read_text()).splitlines()]
    (include / "pyconfig.h").write_text("\n".join([*lines, ""]))


def joined(text: str) -> str:
    """The text with continued lines on one line."""
    return text.replace("\\\n", " ")


main(*sys.argv[1:])
