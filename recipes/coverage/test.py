import pathlib
import tempfile

import coverage
from coverage import tracer

assert tracer.CTracer
with tempfile.TemporaryDirectory() as directory:
    program = pathlib.Path(directory, "measured.py")
    program.write_text("def sign(x):\n    if x < 0:\n        return -1\n    return 1\n\nsign(5)\n")
    for core in ["ctrace", "sysmon", "pytrace"]:
        measure = coverage.Coverage(data_file=None, include=[str(program)], config_file=False)
        measure.set_option("run:core", core)
        with measure.collect():
            exec(compile(program.read_text(), program, "exec"), {})
        _, statements, _, missing, _ = measure.analysis2(str(program))
        assert (statements, missing) == ([1, 2, 3, 4, 6], [3]), (core, statements, missing)
