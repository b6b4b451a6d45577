from packaging.requirements import InvalidRequirement, Requirement
from packaging.tags import sys_tags
from packaging.version import Version

assert sorted(map(Version, ["1.10", "1.9.post1", "1.9", "1.10rc1", "1!0"])) == [
    Version(v) for v in ["1.9", "1.9.post1", "1.10rc1", "1.10", "1!0"]
]
requirement = Requirement("demo[x]>=1,<2; sys_platform == 'emscripten'")
assert "1.5" in requirement.specifier and "2.0" not in requirement.specifier and requirement.marker.evaluate()
assert any("wasm32" in tag.platform for tag in sys_tags())
try:
    Requirement("demo >= ")
except InvalidRequirement:
    pass
else:
    raise AssertionError("half a requirement was accepted")
