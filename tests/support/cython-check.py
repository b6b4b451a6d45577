"""Runs inside a build: what Cython made is taken from the object cache, and only where it would make the same."""

import difflib
import os
import pathlib
import shutil
import subprocess
import time

SOURCES = {
    "package/__init__.py": "",
    "package/a.pyx": "from package.b cimport half\nfrom libc.math cimport sin\n\ndef f(double x):\n    return half(sin(x))\n",
    "package/b.pxd": "cdef inline double half(double x):\n    return x / 2\n",
}
MADE = ["a.c", "a.c.dep", "a.h", "a_api.h"]
LOG = pathlib.Path("/pkgsrv/objects.log")


def write(files: dict[str, str]) -> None:
    for name, text in files.items():
        path = pathlib.Path(name)
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    # What was just written may change again while it is read.
    time.sleep(0.05)


def made(program: str, arguments: list[str]) -> tuple:
    """Exit code, standard output and error, and all files that were made."""
    for name in MADE:
        pathlib.Path(name).unlink(missing_ok=True)
    done = subprocess.run([program, *arguments], stdin=subprocess.DEVNULL, capture_output=True)
    files = {name: pathlib.Path(name).read_bytes() for name in MADE if pathlib.Path(name).exists()}
    return done.returncode, done.stdout, done.stderr, files


def said(arguments: list[str]) -> str:
    """What the cache did; what was made is what Cython itself makes."""
    before = LOG.read_text()
    ours = made("cython", arguments)
    told = LOG.read_text()[len(before) :]
    theirs = made("/pkgsrv/tools/bin/cython", arguments)
    assert ours[:3] == theirs[:3] and ours[3].keys() == theirs[3].keys(), (arguments, told, ours, theirs)
    for name, text in ours[3].items():
        lines = [text.decode().splitlines(), theirs[3][name].decode().splitlines()]
        if name.endswith(".dep"):
            # In no order.
            lines = [sorted(line.removesuffix(" \\") for line in lines) for lines in lines]
        assert lines[0] == lines[1], (arguments, told, name, list(difflib.unified_diff(*lines, n=0))[:20])
    return told


COMPILED, REUSED = "compiled a.c\n", "reused a.c\n"
MESON = ["-M", "--fast-fail", "-3", "package/a.pyx", "-o", "a.c"]

write(SOURCES)
assert said(MESON) == COMPILED
assert said(MESON) == REUSED
shutil.rmtree("package")
write(SOURCES)
assert said(MESON) == REUSED, "the same files, written again"

for changed, text in {
    "package/a.pyx": SOURCES["package/a.pyx"].replace("sin(x)", "sin(x) + 1"),
    "package/b.pxd": SOURCES["package/b.pxd"].replace("/ 2", "/ 2.5"),
    # Files that it looked for and did not find.
    "package/a.pxd": "cdef double unused\n",
    "package/b.cython-30.pxd": SOURCES["package/b.pxd"].replace("/ 2", "/ 3"),
    "package.b.pxd": SOURCES["package/b.pxd"].replace("/ 2", "/ 4"),
}.items():
    write({changed: text})
    assert said(MESON) == COMPILED, changed
    assert said(MESON) == REUSED, changed
    if changed in SOURCES:
        write({changed: SOURCES[changed]})
    else:
        pathlib.Path(changed).unlink()
    # There is one entry for a command.
    assert said(MESON) == COMPILED, f"{changed}, as it was"

for arguments in [["-X", "boundscheck=False", *MESON], ["--cplus", *MESON]]:
    assert said(arguments) == COMPILED, arguments
assert said(MESON) == REUSED

# Not kept: what fails, and what makes more files than one.
write({"package/a.pyx": "def f(:\n"})
assert [said(MESON), said(MESON)] == [COMPILED] * 2
write({"package/a.pyx": "cdef public int f(int x):\n    return x\n"})
assert [said(MESON), said(MESON)] == [COMPILED] * 2
assert pathlib.Path("a.h").exists()
# Nor where the times of files decide.
write({"package/a.pyx": SOURCES["package/a.pyx"]})
assert said(["--timestamps", *MESON]) == ""
# Where Python's own start may be another one.
os.environ["PYTHONPATH"] += ":/build/source"
assert said(MESON) == ""
# Not looked for.
assert said(["--version"]) == ""
