"""Asks Emscripten how it starts clang and the linker, in the current directory.

Arguments: the compiler flags of the ABI, `--`, the flags for linking programs.
Writes: compiler.conf, the answers as settings of the compiler wrapper; *.symbols, the symbols that programs get from
JavaScript, as the linker reads them.
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

# Names that meson and autoconf give to the source of a check; Emscripten treats autoconf's otherwise than others.
CHECKS = ["conftest", "testfile"]


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
    end = flags.index("--")
    abi_flags, program_flags = list(flags[:end]), [*flags[:end], *flags[end + 1 :]]
    settings = []
    compiles = [(key, driver, suffix, flag) for key, driver, suffix in DRIVERS for flag in COMPILE_FLAGS]
    checks = [(driver, suffix, check) for _, driver, suffix in DRIVERS for check in CHECKS]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        clangs = pool.map(lambda c: clang(*c[1:], abi_flags), compiles)
        linkers = pool.map(lambda c: linker(*c, program_flags), checks)
        for (key, driver, _, flag), command in zip(compiles, clangs):
            if command is not None:
                settings.append((key, [flag, *command]))
            elif not flag:
                sys.exit(f"{driver} does not start clang in a way that is understood")
        linkers = list(linkers)
        # What programs get from JavaScript is the same for C and C++, and takes seconds to try.
        distinct = {(check, text): (driver, suffix) for (driver, suffix, check), (_, text) in zip(checks, linkers)}
        tried = pool.map(lambda d: without_refused(*d[1], d[0][0], program_flags, d[0][1]), distinct.items())
        files = dict(zip(distinct, tried))
    for (driver, _, check), (command, text) in zip(checks, linkers):
        symbols = here / f"{driver}-{check}.symbols"
        symbols.write_text(files[check, text])
        settings.append(("linker", [f"{driver} {check}", *(str(symbols) if p == "{symbols}" else p for p in command)]))
    for tool in ["ar", "nm", "ranlib"]:
        # They lie beside the linker, with the same suffix.
        path = linkers[0][0][0].replace("wasm-ld", f"llvm-{tool}")
        if shutil.which(path):
            settings.append((tool, [path]))
    lines = [f"{key} {'\t'.join(parts)}\n" for key, parts in settings]
    pathlib.Path("compiler.conf").write_text("".join(lines))


main(*sys.argv[1:])
