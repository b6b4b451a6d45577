"""Translates LAPACK's Fortran to C by f2c, as what calls it expects it in WebAssembly.

There a call must have exactly the arguments and the result of the function. What calls LAPACK from C (scipy, Cython
modules) takes subroutines for `void` functions without arguments for lengths of strings, so that is what is made of
f2c's: `int` becomes `void`, lengths go. `KEEP` names the few functions, for LAPACK's own use, that read the lengths.

    f77.py F2C OUT FILE.f...
"""

import re
import subprocess
import sys
from pathlib import Path

KEEP = {"ilaenv_", "iparmq_", "lsamen_", "xerbla_"}
DO = re.compile(r"\s*(\d*)\s+DO\b\s*(\d+)?\b(?!\s*=)", re.I)
END_DO = re.compile(r"\s+END\s*DO\b", re.I)
LEAVE = re.compile(r"\b(EXIT|CYCLE)\s*$", re.I)
LENGTHS = re.compile(r"(,\s*(\(\s*ftnlen\)\s*\d+|ftnlen(\s+\w+)?))+\s*$")
HUGE = {"s": "3.40282347E+38", "d": "1.7976931348623157D+308"}


def loops(lines):
    """EXIT and CYCLE of Fortran 90 as GO TO: labels before and behind the END DO of the loop that they leave."""
    out, stack, label = [], [], 90000
    for line in lines:
        if line[:1] in "*cC!" or not line.strip():
            out.append(line)
            continue
        numbered = line[:5].strip()
        if DO.match(line):
            stack.append({"label": DO.match(line).group(2)})
        left = LEAVE.search(line)
        if left:
            word = left.group(1).upper()
            if word not in stack[-1]:
                label += 1
                labelled = word == "CYCLE" and stack[-1]["label"]
                stack[-1][word] = labelled or label
            line = f"{line[: left.start()]}GO TO {stack[-1][word]}"
        ended = END_DO.match(line)
        if ended and "CYCLE" in stack[-1]:
            out.append(f"{stack[-1]['CYCLE']} CONTINUE")
        out.append(line)
        while stack and (ended or (numbered and stack[-1]["label"] == numbered)):
            loop = stack.pop()
            if "EXIT" in loop:
                out.append(f"{loop['EXIT']} CONTINUE")
            if ended:
                break
    return out


def fortran77(name, text):
    """The text of a source file without what LAPACK uses of Fortran 90."""
    double = name[0] in "dz"
    text = re.sub(r"^( +)RECURSIVE +SUBROUTINE", r"\1SUBROUTINE", text, flags=re.M | re.I)
    text = re.sub(r",\s*INTENT\(\w+\)\s*::", "", text)
    text = text.replace("CHARACTER(1) ", "CHARACTER ")
    text = re.sub(r"^( +)(\w+)\((\d):(\d)\) = (\S+)$", elements, text, flags=re.M)
    text = re.sub(
        r"MAXLOC\( WORK\( (.+?):(.+?) \), 1 \)",
        rf"I{'D' if double else 'S'}MXLC( WORK( \1 ), \2-\1+1 )",
        text,
    )
    text = re.sub(r"HUGE\(ZERO\)", HUGE["d" if double else "s"], text)
    text = re.sub(r"CEILING\( \w+\( (.+?) \) / \w+\( (.+?) \) \)", r"(( \1 )+( \2 )-1)/( \2 )", text)
    text = re.sub(r"^(.*INTRINSIC.*|     \$ +[A-Z, ]+)$", intrinsics, text, flags=re.M)
    if name[0] == "z":
        text = re.sub(r"\bAIMAG\b", "DIMAG", text)
    return "\n".join(loops(text.split("\n")))


def elements(found):
    indent, array, first, last, value = found.groups()
    return "\n".join(f"{indent}{array}( {i} ) = {value}" for i in range(int(first), int(last) + 1))


def intrinsics(found):
    return re.sub(r"\b(MAXLOC|HUGE|CEILING)\b,\s*|,\s*\b(MAXLOC|HUGE|CEILING)\b", "", found.group())


def closing(text, start):
    """The index of the parenthesis that closes the one before `start`."""
    depth = 1
    for place in range(start, len(text)):
        depth += {"(": 1, ")": -1}.get(text[place], 0)
        if depth == 0:
            return place
    raise ValueError(f"no parenthesis closes {text[start - 30 : start]!r}")


def without_lengths(text):
    out, done = [], 0
    for found in re.finditer(r"\b(\w+_) ?\(", text):
        if found.group(1) in KEEP:
            continue
        end = closing(text, found.end())
        lengths = LENGTHS.search(text, found.end(), end)
        if lengths:
            out.append(text[done : lengths.start()])
            done = end
    return "".join(out) + text[done:]


def c_of(text):
    """What f2c wrote, as its callers expect it."""
    text = re.sub(r"/\*.*?\*/", lambda c: c.group() if c.group() == "/* Subroutine */" else "", text, flags=re.S)
    text = re.sub(r"/\* Subroutine \*/\s+int\b", "void", text)
    text = text.replace("return 0;", "return;")
    text = re.sub(r"\b(\w+?)__( ?\()", r"\1_\2", text)
    # OpenBLAS's `xerbla_` returns `int`.
    return re.sub(r"\bxerbla_\b", "xerbla_of_lapack_", without_lengths(text).replace("xerbla_ (", "xerbla_("))


def main():
    f2c, out, *files = sys.argv[1:]
    out = Path(out)
    (out / "f").mkdir(parents=True)
    (out / "c").mkdir()
    for file in map(Path, files):
        (out / "f" / file.name).write_text(fortran77(file.name, file.read_text(encoding="latin-1")))
    # -a: local variables on the stack, for recursion; -R: functions of single precision return it.
    sources = sorted(p.name for p in (out / "f").iterdir())
    done = subprocess.run([f2c, "-a", "-R", "-w", "-cf", "-d../c", *sources], cwd=out / "f", capture_output=True)
    if done.returncode:
        sys.exit(f"f2c ended with {done.returncode}:\n{done.stderr.decode(errors='replace')[-4000:]}")
    for file in (out / "c").glob("*.c"):
        file.write_text(c_of(file.read_text()))


main()
