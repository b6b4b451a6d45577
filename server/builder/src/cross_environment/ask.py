"""Asks Emscripten how it starts clang and the linker, in the current directory.

Arguments: the compiler flags of the ABI, `--`, the flags for linking programs, `--`, those for linking side modules.
Writes: compiler.conf, the answers as settings of the compiler wrapper; *.symbols, the symbols that programs get from
JavaScript, as the linker reads them; *.listed, those that Emscripten has it read; *.functions, the first and all
functions of the system libraries.
"""

import os
import pathlib
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial

# Key of the wrapper's settings, driver, suffix of sources.
DRIVERS = [("clang", "emcc", ".c"), ("clang++", "em++", ".cpp")]

# Each may change how Emscripten starts clang. Without any is the plain set.
COMPILE_FLAGS = [
    "",
    "-fexceptions",
    "-fignore-exceptions",
    "-fno-exceptions",
    "-fno-lto",
    "-fvisibility-inlines-hidden",
    "-mrelaxed-simd",
    "-msimd128",
    "-nostdinc",
]

# Names that autoconf and meson give to the source of a check; Emscripten treats autoconf's otherwise than others.
_, MESON = CHECKS = ["conftest", "testfile"]

# Each is linked otherwise.
LEVELS = ["-O0", "-O1", "-O2", "-O3", "-Os", "-Oz"]

# What a build has of a side module, in the ways that are understood, and what the linker gets of it.
OWN = ["a.o", "-Wl,-O1", "-Lsearched", "-lm", "-ldl", "-lrt", "-Wl,--start-group", "b.a", "-Wl,--end-group"]
LAST = "-Llast"
INPUTS = ["a.o", "-O1", "-Lsearched", "b.a", LAST]

# The programs that make a side module.
LINKERS = ["wasm-ld", "llvm-objcopy", "wasm-opt"]


def ask(command: list[str], source: str, text: str, **environment: str) -> tuple[int, str, dict[str, str]]:
    """Exit code and standard error of a command, in a directory with one source file; and the files that it leaves."""
    with tempfile.TemporaryDirectory() as directory:
        pathlib.Path(directory, source).write_text(text)
        environment = {**os.environ, **environment, "EMCC_TEMP_DIR": directory}
        asked = subprocess.run(
            command, cwd=directory, env=environment, stderr=subprocess.PIPE, text=True, check=False
        )
        left = {str(path): path.read_text() for path in pathlib.Path(directory).rglob("*_symbols.so")}
    return asked.returncode, asked.stderr, left


def told(stderr: str, wanted: Callable[[list[str]], bool]) -> list[str]:
    """The one command that Emscripten tells of that is wanted."""
    (command,) = (parts for parts in map(shlex.split, stderr.splitlines()) if parts and wanted(parts))
    return command


def clang(driver: str, suffix: str, flag: str, abi_flags: list[str]) -> list[str] | None:
    """Program and arguments before a build's own; None where Emscripten makes something else of `flag`."""
    first, last = "-DFIRST", "-DLAST"
    own = [flag] if flag else []
    # The driver looks for its input, though nothing compiles it.
    source = f"a{suffix}"
    code, stderr, _ = ask([driver, "-###", first, *own, last, *abi_flags, "-c", source], source, "")
    if code != 0:
        return None
    command = told(stderr, lambda parts: first in parts and "-cc1" not in parts)
    before, after = command.index(first), command.index(last)
    # Settings are Emscripten's; clang gets all else.
    rest = [argument for argument in abi_flags if not argument.startswith("-s")]
    if command[before + 1 : after] != own or command[after + 1 :] != [*rest, "-c", source]:
        return None
    return [argument for argument in command[:before] if argument != "-###"]


def linker(driver: str, suffix: str, check: str, flags: list[str]) -> tuple[list[str], str]:
    """How the linker is started for a program of the one file `check`, and the symbols from JavaScript that it reads."""
    source = f"{check}{suffix}"
    command = [driver, "-v", source, *flags, "-o", "output.js"]
    # The debugging variable makes the file with the symbols stay.
    code, stderr, left = ask(command, source, "int main(void) { return 0; }\n", EMCC_DEBUG_SAVE="1")
    if code != 0:
        sys.exit(f"{shlex.join(command)} failed:\n{stderr}")
    link = told(stderr, lambda parts: parts[0].rpartition("/")[2].startswith("wasm-ld"))
    ((symbols, text),) = left.items()
    places = {"output.wasm": "{output}", symbols: "{symbols}"}
    link = [places.get(part, "{object}" if part.endswith(f"/{check}.o") else part) for part in link]
    for place in ["{output}", "{object}", "{symbols}"]:
        assert link.count(place) == 1, (place, link)
    return link, text


def quick(link: list[str], functions: str) -> list[str]:
    """The link of a check with a list of functions in place of libraries; what comes from these is not exported.

    A list has no types: that one does not fit, of which the linker warns, goes unsaid. Meson asks for the exit code only,
    but in autoconf's checks a warning may count.
    """
    places = {"{symbols}": functions}
    return [places.get(part, part) for part in link if not part.startswith(("-l", "-L", "--export="))]


def beside(linker: str, tool: str) -> str | None:
    """LLVM's program, if it is installed: it lies beside the linker, with the same suffix."""
    path = linker.replace("wasm-ld", f"llvm-{tool}")
    return path if shutil.which(path) else None


def functions_of(link: list[str], driver: str) -> list[str] | None:
    """Names of the functions in the libraries that a link names; C's checks have no use for those of C++.

    None where LLVM's program that tells them is not installed.
    """
    program = beside(link[0], "objdump")
    if program is None:
        return None
    directories = [pathlib.Path(part[2:]) for part in link if part.startswith("-L")]
    names = [f"lib{part[2:]}.a" for part in link if part.startswith("-l")]
    if driver == "emcc":
        names = [name for name in names if not name.startswith(("libc++", "libunwind"))]
    files = [directory / name for name in names for directory in directories if (directory / name).exists()]
    listed = subprocess.run([program, "--syms", *files], capture_output=True, text=True, check=True).stdout
    defined = re.compile(r"[0-9a-f]{8} [ gw]w? +F CODE\t[0-9a-f]{8}(?: \.hidden)? (\S+)")
    return sorted({found[1] for found in map(defined.fullmatch, listed.splitlines()) if found})


def side_module(driver: str, suffix: str, level: str, abi_flags: list[str], flags: list[str]) -> list[str] | None:
    """The commands that link a side module, with places for what a build has; None where they are not understood."""
    with tempfile.TemporaryDirectory() as directory:
        run = partial(subprocess.run, cwd=directory, capture_output=True, text=True, check=True)
        for name, text in [("a", "int exported(void) { return 1; }"), ("b", "int other(void) { return 2; }")]:
            text = f'extern "C" {text}' if suffix == ".cpp" else text
            pathlib.Path(directory, f"{name}{suffix}").write_text(f"{text}\n")
        run([driver, *abi_flags, "-c", f"a{suffix}", f"b{suffix}"])
        run(["emar", "rcs", "b.a", "b.o"])
        export = ["-sSIDE_MODULE=2", "-sEXPORTED_FUNCTIONS=_exported"]
        link = [driver, "-v", level, "-shared", *OWN, "-o", "m.so", *abi_flags, LAST, *flags, *export]
        linked = run(link, check=False)
    if linked.returncode != 0:
        return None
    commands = [shlex.split(line) for line in linked.stderr.splitlines() if line.lstrip().startswith("/")]
    commands = [command for command in commands if command[1:] != ["--version"]]
    steps = []
    for command in commands:
        program = command[0].rpartition("/")[2]
        if not program.startswith(tuple(LINKERS)):
            return None
        # What the module itself says of its features.
        if "--mvp-features" in command:
            first = command.index("--mvp-features")
            if not all(argument.startswith("--enable-") for argument in command[first + 1 :]):
                return None
            command[first:] = ["--detect-features"]
        if "a.o" in command:
            first = command.index("a.o")
            if command[first : first + len(INPUTS)] != INPUTS:
                return None
            command[first : first + len(INPUTS)] = ["{inputs}"]
        steps.append([{"m.so": "{output}", "--export=exported": "{exports}"}.get(part, part) for part in command])
    linker = steps[0] if steps else []
    if any(linker.count(place) != 1 for place in ["{output}", "{inputs}", "{exports}"]):
        return None
    return [part for step in steps for part in ["{step}", *step]]


def without_refused(driver: str, suffix: str, check: str, flags: list[str], text: str) -> str:
    """The symbols that programs really get: Emscripten lists a few that it refuses later."""
    head, *lines = text.splitlines()
    assert head == "#STUB", head
    source = f"{check}{suffix}"
    while True:
        names = [line.partition(":")[0] for line in lines]
        code, stderr, _ = ask([driver, source, *flags, "-o", "output.js"], source, program_with(names))
        if code == 0:
            return "\n".join([head, *lines, ""])
        refused = set(re.findall(r"undefined symbol: (\w+)", stderr)) & set(names)
        if not refused:
            sys.exit(f"{driver} does not link the symbols that it lists:\n{stderr}")
        lines = [line for line in lines if line.partition(":")[0] not in refused]


def program_with(names: list[str]) -> str:
    """A program that needs all of these symbols."""
    declared = [f'extern void s{index}(void) __asm__("{name}");' for index, name in enumerate(names)]
    used = ", ".join(f"s{index}" for index in range(len(names)))
    return "\n".join([*declared, f"void (*volatile all[])(void) = {{ {used} }};", "int main(void) { return !all[0]; }", ""])


def main(*flags: str) -> None:
    here = pathlib.Path.cwd()
    first, second = (index for index, flag in enumerate(flags) if flag == "--")
    abi_flags, side_module_flags = list(flags[:first]), list(flags[second + 1 :])
    program_flags = [*abi_flags, *flags[first + 1 : second]]
    settings = []
    compiles = [(key, driver, suffix, flag) for key, driver, suffix in DRIVERS for flag in COMPILE_FLAGS]
    checks = [(driver, suffix, check) for _, driver, suffix in DRIVERS for check in CHECKS]
    links = [(driver, suffix, level) for _, driver, suffix in DRIVERS for level in LEVELS]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        clangs = pool.map(lambda c: clang(*c[1:], abi_flags), compiles)
        linkers = pool.map(lambda c: linker(*c, program_flags), checks)
        side_modules = pool.map(lambda c: side_module(*c, abi_flags, side_module_flags), links)
        for (key, driver, _, flag), command in zip(compiles, clangs):
            if command is not None:
                settings.append((key, [flag, *command]))
            elif not flag:
                sys.exit(f"{driver} does not start clang in a way that is understood")
        told_by = dict(zip(links, side_modules))
        for level in LEVELS:
            # C and C++ alike.
            first, *others = (told_by[driver, suffix, level] for _, driver, suffix in DRIVERS)
            if first is not None and all(other == first for other in others):
                settings.append(("side-module", [level, *first]))
        linkers = list(linkers)
        # What programs get from JavaScript is the same for C and C++, and takes seconds to try.
        distinct = {(check, text): (driver, suffix) for (driver, suffix, check), (_, text) in zip(checks, linkers)}
        tried = pool.map(lambda d: without_refused(*d[1], d[0][0], program_flags, d[0][1]), distinct.items())
        files = dict(zip(distinct, tried))
    for (driver, _, check), (command, text) in zip(checks, linkers):
        symbols, listed = (here / f"{driver}-{check}.{suffix}" for suffix in ["symbols", "listed"])
        symbols.write_text(files[check, text])
        listed.write_text(text)
        if check == MESON and (of_libraries := functions_of(command, driver)) is not None:
            functions = here / f"{driver}.functions"
            head, *from_javascript = (line.partition(":")[0] for line in files[check, text].splitlines())
            known = sorted({*from_javascript, *of_libraries})
            functions.write_text("".join(f"{line}\n" for line in [head, *known]))
            settings.append(("linker", [f"{driver} {check}", *quick(command, str(functions))]))
        for key, file in [("linker", symbols), ("refusing-linker", listed)]:
            settings.append((key, [f"{driver} {check}", *(str(file) if p == "{symbols}" else p for p in command)]))
    for tool in ["ar", "nm", "ranlib"]:
        if path := beside(linkers[0][0][0], tool):
            settings.append((tool, [path]))
    lines = [f"{key} {'\t'.join(parts)}\n" for key, parts in settings]
    pathlib.Path("compiler.conf").write_text("".join(lines))


main(*sys.argv[1:])
