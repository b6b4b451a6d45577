from referencing import Registry, Resource
from referencing.exceptions import Unresolvable
from referencing.jsonschema import DRAFT202012

resource = Resource(contents={"$defs": {"name": {"type": "string"}}}, specification=DRAFT202012)
resolver = Registry().with_resource("urn:demo", resource).resolver("urn:demo")
assert resolver.lookup("#/$defs/name").contents == {"type": "string"}
try:
    resolver.lookup("urn:missing")
except Unresolvable as error:
    assert error.ref == "urn:missing", error
else:
    raise AssertionError("a missing document was found")
