"""Writes what PEP 517's get_requires_for_build_wheel answers for a source: its directory, the file to write."""

import json
import sys

from build import ProjectBuilder

requires = ProjectBuilder(sys.argv[1]).get_requires_for_build("wheel", {})
with open(sys.argv[2], "w", encoding="utf-8") as answer:
    json.dump(sorted(requires), answer)
