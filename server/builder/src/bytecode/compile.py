"""Compiles the modules of a wheel: python3 compile.py WHEEL SITE_PACKAGES OUTPUT.

The output is a line of JSON, with the magic number of the bytecode and for each module its path, that of its bytecode and
the size of that; then the bytecode of all modules, one behind the other.
"""

import importlib._bootstrap_external
import importlib.util
import json
import sys
import zipfile

wheel, site_packages, output = sys.argv[1:]
modules, contents = [], []
with zipfile.ZipFile(wheel) as archive:
    for path in sorted(archive.namelist()):
        if not path.endswith(".py") or path.split("/")[0].endswith((".data", ".dist-info")):
            continue
        source = archive.read(path)
        try:
            code = compile(source, f"{site_packages}/{path}", "exec", dont_inherit=True, optimize=0)
        except Exception:
            # A template, or for another Python: whoever imports it learns what is wrong.
            continue
        # Nobody compares it with the source, which may not be there.
        to_bytecode = importlib._bootstrap_external._code_to_hash_pyc
        bytecode = to_bytecode(code, importlib.util.source_hash(source), False)
        modules.append([path, importlib.util.cache_from_source(path), len(bytecode)])
        contents.append(bytecode)
with open(output, "wb") as file:
    file.write(json.dumps({"magic": importlib.util.MAGIC_NUMBER.hex(), "modules": modules}).encode() + b"\n")
    file.writelines(contents)
