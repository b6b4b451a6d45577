import json
import os
import pathlib
import shlex
import statistics
import subprocess
import time

pathlib.Path("a.c").write_text("#include <stdio.h>\nint f(int n) { return printf(\"%d\", n); }\n")
FLAGS = ["-O2", "-c", "a.c", "-g0", "-fPIC", "-fwasm-exceptions", "-sSUPPORT_LONGJMP=wasm"]
told = subprocess.run(["emcc", "-###", *FLAGS], stderr=subprocess.PIPE, text=True, check=True).stderr
(clang,) = (line for line in told.splitlines() if " -c a.c" in line and " -cc1 " not in line)
clang = [argument for argument in shlex.split(clang) if argument != "-###"]
commands = {"wrapper": ["cc", "-c", "a.c"], "clang": clang, "emcc": ["emcc", *FLAGS]}


def milliseconds(name: str) -> float:
    started = time.perf_counter()
    subprocess.run([*commands[name], "-o", f"{name}.o"], check=True)
    return (time.perf_counter() - started) * 1000


for name in commands:
    milliseconds(name)
same = len({pathlib.Path(f"{name}.o").read_bytes() for name in commands}) == 1
assert same, "wrapper, clang and emcc must make the same object"
pairs = [(milliseconds("wrapper"), milliseconds("clang")) for _ in range(200)]
result = {
    "wrapper": statistics.median(wrapper for wrapper, _ in pairs),
    "clang": statistics.median(clang for _, clang in pairs),
    "emcc": statistics.median(milliseconds("emcc") for _ in range(20)),
    "cost": statistics.median(wrapper - clang for wrapper, clang in pairs),
}
pathlib.Path(os.environ["PREFIX"], "compile.json").write_text(json.dumps(result))
