"""Runs inside a build with an object cache: what comes out of it is what the compiler makes, and nothing old."""

import itertools
import os
import pathlib
import shutil
import subprocess
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor

LOG = pathlib.Path("/pkgsrv/objects.log")
OUTPUTS = ["a.o", "a.d"]
ABI = ["-g0", "-fPIC", "-fwasm-exceptions", "-sSUPPORT_LONGJMP=wasm"]
SIDE = ["-sWASM_BIGINT", "-Wno-experimental", "-sSIDE_MODULE=2", "-sEXPORTED_FUNCTIONS=_PyInit_m"]


def text(path: str, content: str) -> None:
    pathlib.Path(path).parent.mkdir(parents=True, exist_ok=True)
    pathlib.Path(path).write_text(content)
    # What was written while the compiler may have read it is not trusted.
    time.sleep(0.03)


def run(*command: str, **environment: str) -> tuple[int, str, str]:
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, env={**os.environ, **environment})
    return done.returncode, done.stdout, done.stderr


def compiled(*arguments: str, **environment: str) -> tuple[str, tuple]:
    """`reused`, `compiled` or nothing; exit code, output, warnings and files."""
    for name in OUTPUTS:
        pathlib.Path(name).unlink(missing_ok=True)
    told = len(LOG.read_text())
    answer = run("cc", *arguments, **environment)
    files = [pathlib.Path(name).read_bytes() if pathlib.Path(name).exists() else None for name in OUTPUTS]
    return LOG.read_text()[told:].partition(" ")[0], (answer, files)


def expect(*wanted: str, arguments: str, **environment: str) -> list[tuple]:
    """Compiles once for each; what is reused is the same as before."""
    answers = []
    for what in wanted:
        told, answer = compiled(*arguments.split(), **environment)
        assert told == what, (arguments, told, what, answer)
        assert told != "reused" or not answers or answer == answers[-1], (arguments, answer, answers)
        answers.append(answer)
    return answers


PLAIN = "-Ifirst -Isecond -c a.c -o a.o"
text("second/a.h", "#define N 3\n")
text("a.c", '#include <stdio.h>\n#include <a.h>\n#if __has_include("more.h")\n#include "more.h"\n#endif\n'
    'int shown = N;\nconst char when[] = __DATE__ __TIME__ __TIMESTAMP__;\nstatic int unused(void) { return 0; }\n')

# Warnings and dependency files come again; flags count.
(_, _, warned), files = expect("compiled", "reused", "reused", arguments=f"-Wall {PLAIN}")[-1]
assert "unused" in warned and files[0] and files[1] is None, (warned, files)
for dependencies in ["-MD -MF a.d", "-MMD -MF a.d", "-MD -MP -MQ x -MF a.d"]:
    _, files = expect("compiled", "reused", arguments=f"{dependencies} {PLAIN}")[-1]
    assert b"second/a.h" in files[1], files
    if dependencies.startswith("-MD"):
        assert b"stdio.h" in files[1], files
expect("compiled", "reused", arguments=f"-DX {PLAIN}")

# Sources, headers, headers that come before others, headers that were not there.
expect("compiled", "reused", arguments=PLAIN)
text("a.c", pathlib.Path("a.c").read_text() + "int more;\n")
expect("compiled", "reused", arguments=PLAIN)
text("second/a.h", "#define N 4\n")
expect("compiled", "reused", arguments=PLAIN)
text("first/a.h", "#define N 5\n")
(_, [shadowed, _]) = expect("compiled", "reused", arguments=PLAIN)[-1]
shutil.rmtree("first")
(_, [plain, _]) = expect("compiled", "reused", arguments=PLAIN)[-1]
assert plain != shadowed
text("more.h", "int even_more;\n")
expect("compiled", "reused", arguments=PLAIN)
text("named.h", "#define NAMED 1\n")
expect("compiled", "reused", arguments=f"-include named.h {PLAIN}")
text("named.h", "#define NAMED 2\n")
expect("compiled", "reused", arguments=f"-include named.h {PLAIN}")

# The time is always the same, unless a build takes that away.
os.utime("a.c", (1, 1))
time.sleep(0.03)
expect("reused", arguments=PLAIN)
(_, [other, _]) = expect("compiled", "reused", arguments=PLAIN, SOURCE_DATE_EPOCH="1000000000")[-1]
assert b"2001" in other and b"2001" not in plain
assert b"1980" in plain and b"1970" not in plain, "clang takes the source's own time"
expect("compiled", "compiled", arguments=PLAIN, CPATH="second")

# What is not cached is compiled each time.
text("b.c", "#define NAME <a.h>\n#include NAME\n")
for arguments in ["-Isecond -c b.c -o a.o", "-c a.c -Isecond -Werror -Wall -o a.o"]:
    expect("compiled", "compiled", arguments=arguments)
for arguments in ["-c a.c b.c -Isecond", "-Isecond -S a.c -o a.o", "-Isecond -M a.c -o a.o", "-Isecond -c a.c -o a.o -save-temps"]:
    expect("", "", arguments=arguments)

# A header that was written at the time of the compile may not be the one that was read.
pathlib.Path("second/a.h").write_text("#define N 6\n")
expect("compiled", "compiled", arguments=PLAIN)

# A source that several modules of meson's share is compiled once, with the names of each.
def own(module: str, source: str = "shared.c") -> tuple[str, bytes, bytes]:
    place = f"{module}.so.p/{source.rpartition('/')[2]}"
    told = len(LOG.read_text())
    code, _, errors = run("cc", f"-I{module}.so.p", "-Isecond", "-MD", "-MQ", f"{place}.o", "-MF", f"{place}.d", "-c", source, "-o", f"{place}.o")
    assert code == 0, errors
    return LOG.read_text()[told:].partition(" ")[0], *(pathlib.Path(place + end).read_bytes() for end in [".o", ".d"])


text("shared.c", '#include "shared.h"\nint shared = N;\n')
text("second/shared.h", "#define N 7\n")
for module in ["m1", "m2", "m3"]:
    text(f"{module}.so.p/generated.c", "const char *where = __FILE__;\nint same;\n")
first, second = own("m1"), own("m2")
assert (first[0], second[0]) == ("compiled", "reused") and first[1] == second[1]
assert second[2] == first[2].replace(b"m1.so.p", b"m2.so.p") and b"second/shared.h" in second[2], second[2]
text("m3.so.p/shared.h", "#define N 8\n")
third = own("m3")
assert third[0] == "compiled" and third[1] != first[1] and b"m3.so.p/shared.h" in third[2], third
assert own("m1") == ("reused", *first[1:])
# The name of its own directory is in the object.
generated = [own(module, f"{module}.so.p/generated.c") for module in ["m1", "m2", "m1", "m2"]]
assert [what for what, *_ in generated] == ["compiled", "compiled", "reused", "reused"], generated
assert generated[0][1:] == generated[2][1:] and generated[0][1] != generated[1][1]

# Several at once, of the same file and of different ones.
for index in range(8):
    text(f"many/{index % 4}.c", f"int number_{index % 4};\n")
for _ in range(2):
    with ThreadPoolExecutor(8) as pool:
        for code, _, errors in pool.map(lambda i: run("cc", "-c", f"many/{i % 4}.c", "-o", f"many/{i % 4}.o"), range(16)):
            assert code == 0, errors
told = len(LOG.read_text())
assert run("cc", "-c", "many/0.c", "-o", "many/0.o")[0] == 0
assert LOG.read_text()[told:] == "reused many/0.c\n"
assert not [name for name in os.listdir("/pkgsrv/objects") if name.endswith(".new")]


def check(source: str, *flags: str, link: bool = False, name: str = "testfile.c") -> tuple[str, tuple]:
    """A check by meson, in a directory of its own; what it printed, with that directory's name left out."""
    pathlib.Path("meson-private").mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=pathlib.Path("meson-private").absolute()) as directory:
        place = pathlib.Path(directory, name)
        place.write_text(source)
        output = pathlib.Path(directory, "output.js" if link else "output.obj")
        told = len(LOG.read_text())
        code, out, errors = run("cc", str(place), "-o", str(output), *([] if link else ["-c"]), *flags)
        told = LOG.read_text()[told:].partition(" ")[0]
        files = sorted(path.name for path in pathlib.Path(directory).iterdir())
        ran = run("node", str(output)) if link and code == 0 and "printf" in source else None
        return told, (code, out.replace(directory, "D"), errors.replace(directory, "D"), files, ran)


# Checks are known whatever their directory is called, failed ones too.
for source, flags, link, code in [
    ("int main(void) { return sizeof(long) - 4; }\n", ["-O0"], False, 0),
    ("int main(void) { int a[sizeof(long) - 5]; return a[0]; }\nint b[-1];\n", [], False, 1),
    ("int main(void) { return 0; }\n", ["-Werror=unknown-warning-option", "-Wno-such-warning"], False, 1),
    ("#include <Python.h>\n", ["-I/no/such/directory", "-I/pkgsrv/cross/include/python3.14"], False, 0),
    ("#include <math.h>\nint main(void) { return cos(0) > 2; }\n", ["-lm"], True, 0),
    ("#include <stdio.h>\nint main(void) { printf(\"shown\\n\"); return 3; }\n", [], True, 0),
    ("char no_such_function(void); int main(void) { return no_such_function(); }\n", [], True, 1),
]:
    first, second = check(source, *flags, link=link), check(source, *flags, link=link)
    assert (first[0], second[0]) == ("compiled", "reused"), (source, first, second)
    assert first[1] == second[1] and first[1][0] == code, (source, first, second)
missing = check('#if !__has_include("no_such.h")\n#error missing\n#endif\n')
assert missing[1][0] == 1 and check('#if !__has_include("no_such.h")\n#error missing\n#endif\n') == ("reused", missing[1])
# Not those that read what is not theirs.
text("own/own.h", "#define OWN\n")
own = str(pathlib.Path("own").absolute())
for source, flags in [("#include <own.h>\n", [f"-I{own}"]), ('#include "../../own/own.h"\n', []), ("char *name = __FILE__;\n", [])]:
    for _ in range(2):
        told, (code, *_) = check(source, *flags)
        assert (told, code) == ("compiled", 0), (source, told)

# Side modules are linked when an object, an archive or a member of a thin one has changed, and come with their mode.
text("m.c", "int member(void);\nint PyInit_m(void) { return member(); }\n")
LINK = "-shared m.o libmember.a -lm -o m.so"
for flags, member in itertools.product(["rcsD", "rcsDT"], [1, 2]):
    text("member.c", f"int member(void) {{ return {member}; }}\n")
    for name in ["m", "member"]:
        assert run("cc", "-c", f"{name}.c", "-o", f"{name}.o")[0] == 0
    pathlib.Path("libmember.a").unlink(missing_ok=True)
    assert run("ar", flags, "libmember.a", "member.o")[0] == 0
    modules = []
    for what in ["linked", "reused"]:
        pathlib.Path("m.so").unlink(missing_ok=True)
        told = len(LOG.read_text())
        answer = run("cc", *LINK.split())
        assert LOG.read_text()[told:] == f"{what} m.so\n", (flags, member, answer)
        modules.append((answer, pathlib.Path("m.so").read_bytes(), pathlib.Path("m.so").stat().st_mode))
    assert modules[0] == modules[1] and modules[0][0][0] == 0, (flags, member)
    theirs = run("emcc", "-O2", *LINK.replace("m.so", "theirs.so").split(), *ABI, *SIDE)
    assert theirs[0] == 0 and pathlib.Path("theirs.so").read_bytes() == modules[1][1], (flags, member)
told = len(LOG.read_text())
assert run("cc", "-shared", "m.o", "-L.", "-lmember", "-o", "m.so")[0] == 0
assert LOG.read_text()[told:] == "linked m.so\n", "a library was looked for where it may change"

# An entry that is damaged is none.
text("c.c", "int whole;\n")
before = set(os.listdir("/pkgsrv/objects"))
sound = expect("compiled", "reused", arguments="-c c.c -o a.o")[-1]
(name,) = set(os.listdir("/pkgsrv/objects")) - before
entry = pathlib.Path("/pkgsrv/objects", name)
whole = entry.read_bytes()
for damaged in [b"", whole[:-1], whole[:100], whole + b"x", whole[:-9] + bytes([whole[-9] ^ 1]) + whole[-8:]]:
    entry.write_bytes(damaged)
    assert expect("compiled", "reused", arguments="-c c.c -o a.o")[-1] == sound
entry.unlink()
entry.mkdir()
assert expect("compiled", "compiled", arguments="-c c.c -o a.o")[-1] == sound
entry.rmdir()
