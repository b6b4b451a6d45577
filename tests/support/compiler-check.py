"""Runs inside a build: the compiler wrapper makes what Emscripten makes, byte for byte, and answers alike."""

import os
import pathlib
import signal
import subprocess
import time

ABI = ["-g0", "-fPIC", "-fwasm-exceptions", "-sSUPPORT_LONGJMP=wasm"]
PROGRAM = ["-O1", "-sASSERTIONS=0"]

pathlib.Path("a.h").write_text("#define N 3\n")
C = "#include \"a.h\"\n#include <math.h>\nint shown = N;\ndouble f(double x) { return sin(x) + NAME; }\n"
pathlib.Path("a.c").write_text(C)
pathlib.Path("a.cpp").write_text("#include <stdexcept>\nstruct S { int get() { return NAME; } };\n"
    "int f(S *s) { try { if (!s) throw std::runtime_error(\"a b\"); } catch (...) { return 1; } return s->get(); }\n")
pathlib.Path("a.rsp").write_text("-O3 '-DNAME=(1 + 2)'\n-fno-strict-aliasing")
pathlib.Path("a.S").write_text(".globl f\nf:\n .functype f () -> ()\n end_function\n")


def run(*command: str) -> tuple[int, str, str]:
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    return done.returncode, done.stdout, done.stderr


def compiled(driver: str, *arguments: str) -> tuple[int, bytes, bytes]:
    """Exit code, standard output, object."""
    place = pathlib.Path("a.o")
    place.unlink(missing_ok=True)
    done = subprocess.run([driver, *arguments], stdin=subprocess.DEVNULL, capture_output=True)
    return done.returncode, done.stdout, place.read_bytes() if place.exists() else b""


# Every class of flags: clang's own, those that Emscripten was asked about, two of these at once, Emscripten's.
FLAGS = ["", "-O3 -std=gnu11 -Wall", "-g", "-pedantic -MD -MF a.d", "-fvisibility=hidden", "-fvisibility-inlines-hidden",
    "-fno-exceptions", "-fexceptions", "-fignore-exceptions", "-msimd128", "-mrelaxed-simd", "-fno-lto", "-flto",
    "-nostdinc -fvisibility=hidden", "-msse2 -msimd128", "-fsanitize=undefined", "-m32", "-gsource-map", "-x c", "-sSTRICT",
    "-sNO_SUCH_SETTING", "-fno-such-flag"]
for native, emscripten, source in [("cc", "emcc", "a.c"), ("c++", "em++", "a.cpp")]:
    for flags in FLAGS:
        if flags == "-x c" and source == "a.cpp":
            continue
        flags = [*flags.split(), "-DNAME=2", "-c", source, "-o", "a.o"]
        ours, theirs = compiled(native, *flags), compiled(emscripten, "-O2", *flags, *ABI)
        assert ours == theirs, (native, flags, ours[0], theirs[0])
        assert bool(ours[2]) == (ours[0] == 0), (native, flags)

for own, theirs in [
    (["@a.rsp", "-c", "a.c", "-o", "a.o"], ["-O3", "-DNAME=(1 + 2)", "-fno-strict-aliasing", "-c", "a.c", "-o", "a.o"]),
    (["-c", "-DNAME=1", "a.S", "-oa.o"], ["-c", "-DNAME=1", "a.S", "-oa.o"]),
    (["-c", "-DNAME=1", "a.c", "a.cpp"], ["-c", "-DNAME=1", "a.c", "a.cpp"]),
    (["-E", "-DNAME=1", "a.c"], ["-E", "-DNAME=1", "a.c"]),
    (["-E", "-x", "c", "/dev/null", "-dM"], ["-E", "-x", "c", "/dev/null", "-dM"]),
    (["-MM", "a.c"], ["-MM", "a.c"]),
    (["-S", "-DNAME=1", "a.c", "-o", "-"], ["-S", "-DNAME=1", "a.c", "-o", "-"]),
]:
    driver = "em++" if any(argument.endswith(".cpp") for argument in own) else "emcc"
    ours, theirs = compiled("cc", *own), compiled(driver, "-O2", *theirs, *ABI)
    assert ours == theirs and ours[0] == 0, (own, ours, theirs)

# All but the first of them were compiled by a process that had clang loaded. Without it, it is started again.
(server,) = (path for path in pathlib.Path("/proc").glob("[0-9]*") if b"PKGSRV_FORK_SERVER" in (path / "environ").read_bytes())


def forked() -> int:
    """Page faults of the server's children that have ended."""
    return int((server / "stat").read_text().rpartition(") ")[2].split()[8])


def children() -> list[str]:
    """The server's children that run."""
    found = []
    for path in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            parent = (path / "stat").read_text().rpartition(") ")[2].split()[1]
        except OSError:
            continue
        if parent == server.name:
            found.append(path.name)
    return found


def small(output: str = "a.o") -> tuple[int, bytes, bytes]:
    """Compiles always the same, by a command that no cache knows."""
    return compiled("cc", "-DNAME=2", f"-DUNUSED={time.time_ns()}", "-c", "a.c", "-o", output)


before = forked()
served = small()
assert served[0] == 0 and served[2] and forked() > before, (served, before)
assert small("nowhere/a.o")[0] == 1
os.environ["LONG"] = "x" * 100_000
assert small() == served
del os.environ["LONG"]
# A file mode mask of its own; limits are told apart alike.
umask = os.umask(0o077)
assert small() == served and small() == served
os.umask(umask)
# Whoever asked is gone: so is the child.
pathlib.Path("long.cpp").write_text("#include <regex>\n" + "".join(f"std::regex r{i}(\"a\");\n" for i in range(99)))
asking = subprocess.Popen(["c++", "-O3", "-c", "long.cpp", "-o", "long.o"])
deadline = time.monotonic() + 60
while not children():
    assert time.monotonic() < deadline
asking.kill()
asking.wait()
while children():
    assert time.monotonic() < deadline
assert not pathlib.Path("long.o").exists()
os.kill(int(server.name), signal.SIGKILL)
assert small() == served

# Programs of configure checks, by meson's and autoconf's names. Undefined symbols, and those that JavaScript provides.
LINKS = {
    "int main(void) { return 0; }": 0,
    "#include <stdio.h>\nint main(int n, char **a) { printf(\"%d\\n\", n); return 3; }": 0,
    "char cos(void); int main(void) { return cos(); }": 0,
    "double emscripten_get_now(void); int main(void) { return emscripten_get_now() < 0; }": 0,
    "char fork(void); int main(void) { return fork(); }": 0,
    "#include <dlfcn.h>\nint main(void) { return !dlopen(\"a\", 0); }": 0,
    "#include <emscripten.h>\nint main(void) { return EM_ASM_INT({ return $0; }, 0); }": 0,
    "char emscripten_asm_const_int(void); int main(void) { return emscripten_asm_const_int(); }": 1,
    "char no_such_function(void); int main(void) { return no_such_function(); }": 1,
    "extern char **environ; int main(void) { return environ == 0; }": 0,
    "extern int no_such_variable; int main(void) { return no_such_variable; }": 1,
    "#include <stdlib.h>\n#include <unistd.h>\nint main(void) { return !malloc(2) || abs(getpid()); }": 0,
    "int only_a_function(void) { return 0; }": 0,
    "int broken(": 1,
}
place = pathlib.Path("meson-private/tmp").absolute()
place.mkdir(parents=True)
for name, program, flags in [(place / "testfile.c", place / "output.js", ["-O0", "-lm"]), (pathlib.Path("conftest.c"), pathlib.Path("conftest"), ["-ldl", "-DUNUSED"])]:
    for text, expected in LINKS.items():
        name.write_text(f"{text}\n")
        ours = run("cc", str(name), "-o", str(program), *flags)
        written = program.exists() and program.with_suffix(".wasm").exists()
        assert ours[0] == expected and (expected or written), (name, text, ours)
        program.unlink(missing_ok=True)
        theirs = run("emcc", "-O2", str(name), "-o", str(program), *flags, *ABI, *PROGRAM)
        program.unlink(missing_ok=True)
        assert theirs[0] == expected, (name, text, theirs)
        # A script that takes output for a warning must take it alike. Meson does not look at it.
        assert expected or name == place / "testfile.c" or bool(ours[2]) == bool(theirs[2]), (name, text, ours, theirs)

# That nothing but speed depends on these answers is not to hide that they are missing.
settings = pathlib.Path("/pkgsrv/compiler.conf").read_text()
assert settings.count("\nside-module -O") == 6 and settings.count(".functions\t") == 2, settings

# Side modules: of objects and archives, at each level of optimisation, with what build systems add.
EXPORT = ["-sWASM_BIGINT", "-Wno-experimental", "-sSIDE_MODULE=2", "-sEXPORTED_FUNCTIONS=_PyInit_m"]
pathlib.Path("m.c").write_text("#include <math.h>\n#include <setjmp.h>\nextern int other(void); static jmp_buf place;\n"
    "void *PyInit_m(void) { return setjmp(place) ? 0 : (void *)(long)(sin(other()) * other()); }\n")
pathlib.Path("n.cpp").write_text("#include <stdexcept>\n#include <string>\nextern \"C\" int other(void) {\n"
    "  try { throw std::runtime_error(std::string(3, 'x')); } catch (std::exception &e) { return e.what()[0]; } }\n")
pathlib.Path("j.c").write_text("#include <emscripten.h>\nint other(void) { return EM_ASM_INT({ return 1; }); }\n")
for driver, source in [("cc", "m.c"), ("c++", "n.cpp"), ("cc", "j.c")]:
    assert run(driver, "-c", source, "-o", f"{source[0]}.o")[0] == 0
assert run("ar", "rcs", "n.a", "n.o")[0] == 0
DIRECT = ["m.o n.o", "m.o n.a -lm -O0", "m.o n.a -O1 -Wl,-O1", "m.o -Wl,--start-group n.a -Wl,--end-group -O3 -ldl",
    "m.o n.o -Os -Wl,--allow-shlib-undefined -L. -DUNUSED -I.", "m.o n.o -Oz -Wl,--as-needed", "m.o"]
BY_EMSCRIPTEN = ["m.o j.o", "m.o n.o -g", "m.c n.o -O3"]
for line in DIRECT + BY_EMSCRIPTEN:
    for native, emscripten in [("cc", "emcc"), ("c++", "em++")]:
        if native == "c++" and "m.c" in line:
            continue
        made = []
        for command in [[native, "-shared", *line.split()], [emscripten, "-O2", "-shared", *line.replace("-Wl,--as-needed", "").split(), *ABI, *EXPORT]]:
            module = pathlib.Path("m.so")
            module.unlink(missing_ok=True)
            code, _, stderr = run(*command, "-o", "m.so")
            assert code == 0, (command, stderr)
            made.append(module.read_bytes())
        assert made[0] == made[1], (native, line, len(made[0]), len(made[1]))
        # What breaks Emscripten does not touch the linker.
        broken = {**os.environ, "EM_CONFIG": "/nowhere"}
        code = subprocess.run([native, "-shared", *line.split(), "-o", "m.so"], capture_output=True, env=broken).returncode
        assert (code == 0) == (line in DIRECT), (native, line, code)
assert run("cc", "-shared", "n.o", "-o", "m.so")[0] != 0, "it has no PyInit_m"

# A check that is run after all does what Emscripten's program does.
name.write_text("#include <stdio.h>\nint main(int n, char **a) { printf(\"%s %d\\n\", a[1], n); return 3; }\n")
assert run("cc", "conftest.c", "-o", "conftest")[0] == 0
assert b"wasmBinary" not in pathlib.Path("conftest").read_bytes(), "Emscripten linked it before it was run"
for _ in range(2):
    assert run("./conftest", "a b") == (3, "a b 2\n", ""), run("./conftest", "a b")
assert b"wasmBinary" in pathlib.Path("conftest").read_bytes()

# Side modules, from sources in one step, from objects of a response file, and from an archive.
for source in ["a.c", "a.cpp"]:
    assert run("cc", "-DNAME=1", "-c", source, "-o", f"{source}.o")[0] == 0
    assert run("ar", "rcsD", f"lib{source}.a", f"{source}.o")[0] == 0
    assert run("emar", "rcsD", f"theirs-{source}.a", f"{source}.o")[0] == 0
    assert pathlib.Path(f"lib{source}.a").read_bytes() == pathlib.Path(f"theirs-{source}.a").read_bytes()
pathlib.Path("m.c").write_text("double f(double);\ndouble PyInit_m(void) { return f(1); }\n")
pathlib.Path("m.rsp").write_text("-shared m.o -L. -la.c")
assert run("cc", "-c", "m.c", "-o", "m.o")[0] == 0
SIDE = ["-sWASM_BIGINT", "-Wno-experimental", "-sSIDE_MODULE=2", "-sEXPORTED_FUNCTIONS=_PyInit_m"]
assert run("emcc", "-O2", "-shared", "m.o", "-L.", "-la.c", "-o", "theirs.so", *ABI, *SIDE)[0] == 0
for arguments in [["@m.rsp", "-o", "m.so"], ["-shared", "m.c", "-L.", "-la.c", "-o", "m.so"], ["-shared", "m.c", "a.c", "-DNAME=1", "-o", "m.so"]]:
    code, _, errors = run("cc", *arguments)
    assert code == 0, errors
assert run("cc", "@m.rsp", "-o", "m.so")[0] == 0
assert pathlib.Path("m.so").read_bytes() == pathlib.Path("theirs.so").read_bytes()
