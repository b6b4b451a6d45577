"""Packs a standard library: the folder Lib, and beside it the sysconfig data of the build. The same files give the same
bytes.

Arguments: Lib, the directory of the sysconfig data, the zip file to write.
"""

import pathlib
import sys
import zipfile

# What needs processes, terminals or Tk, or what nothing can use without a network of its own; and tests.
LEFT_OUT = {"__pycache__", "ensurepip", "idlelib", "lib2to3", "test", "tests", "tkinter", "turtle.py", "turtledemo", "venv"}


def main(lib: str, sysconfig: str, archive: str) -> None:
    top = pathlib.Path(lib)
    files = {str(path.relative_to(top)): path for path in top.rglob("*") if path.is_file()}
    files = {name: path for name, path in files.items() if LEFT_OUT.isdisjoint(pathlib.PurePath(name).parts)}
    files |= {path.name: path for path in pathlib.Path(sysconfig).glob("_sysconfigdata_*.py")}
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as packed:
        for name in sorted(files):
            packed.writestr(zipfile.ZipInfo(name), files[name].read_bytes(), zipfile.ZIP_DEFLATED, 9)


main(*sys.argv[1:])
