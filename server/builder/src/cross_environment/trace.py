"""Runs a Python program and writes down what it looked at.

Arguments: where to write that, the program's path, its arguments. The report is made of kind and absolute path, each with
a zero byte behind it:

read     a file was opened for reading
written  a file was opened for writing
there    a path was asked for, and there is something
absent   a path was asked for, and there is nothing
matched  the names were asked for that begin and end as the path does before and behind the one `*` in its last part
other    something happened whose result depends on more: another directory was listed, a program started
"""

import glob
import os
import re
import sys

report, program, *_ = sys.argv[1:]

# What a program may depend on, or change, beyond files that it names.
OTHER = (
    "ctypes.",
    "glob.",
    "os.exec",
    "os.fork",
    "os.link",
    "os.mkdir",
    "os.posix_spawn",
    "os.rename",
    "os.rmdir",
    "os.spawn",
    "os.symlink",
    "os.system",
    "os.truncate",
    "os.utime",
    "shutil.",
    "socket.",
    "subprocess.",
)

told: dict[tuple[str, str], None] = {}

# Below what was told already.
is_matching = False

# No character of a path.
STAR = "\0"


def tell(kind: str, path: object) -> None:
    # A number is a file that was opened before.
    if not isinstance(path, int):
        told[kind, os.path.join(os.getcwd(), os.fsdecode(path))] = None


def hear(event: str, arguments: tuple) -> None:
    if is_matching:
        return
    if event == "open":
        path, _, flags = arguments
        if path != os.devnull:
            tell("written" if flags & (os.O_WRONLY | os.O_RDWR) else "read", path)
    elif event == "subprocess.Popen" and arguments[0] == "uname":
        # Asked for the machine, by Python's `platform`.
        pass
    elif event in ("os.listdir", "os.scandir"):
        tell("other", arguments[0] or ".")
    elif event.startswith(OTHER):
        tell("other", event)


def matching(function):
    def match(pattern, *arguments, **named):
        global is_matching
        # What `glob.escape` wrote stands for itself.
        literal = re.sub(r"\[(.)\]|\*", lambda found: found[1] or STAR, os.fsdecode(pattern))
        directory, _, name = literal.rpartition("/")
        is_plain = not (arguments or named or STAR in directory or re.search(r"[*?\[\]]", literal))
        tell("matched" if is_plain and name.count(STAR) == 1 else "other", literal.replace(STAR, "*"))
        is_matching = True
        try:
            return function(pattern, *arguments, **named)
        finally:
            is_matching = False

    return match


def asking(function):
    def ask(path, *arguments, **named):
        if is_matching:
            return function(path, *arguments, **named)
        try:
            result = function(path, *arguments, **named)
        except OSError:
            tell("absent", path)
            raise
        tell("there", path)
        return result

    return ask


def refusing(function):
    """Of what answers for more than whether there is a file."""

    def ask(path, *arguments, **named):
        tell("other", path)
        return function(path, *arguments, **named)

    return ask


def main() -> None:
    with open(program, encoding="utf-8") as file:
        text = file.read()
    for name in ["stat", "lstat"]:
        setattr(os, name, asking(getattr(os, name)))
    glob.glob = matching(glob.glob)
    for name in ["access", "readlink"]:
        setattr(os, name, refusing(getattr(os, name)))
    sys.addaudithook(hear)
    sys.argv[:] = sys.argv[2:]
    sys.path[0] = os.path.dirname(program)
    try:
        exec(compile(text, program, "exec"), {"__name__": "__main__", "__file__": program})
    finally:
        lines = "".join(f"{kind}\0{path}\0" for kind, path in told)
        with open(report, "wb") as file:
            file.write(os.fsencode(lines))


main()
