from decimal import Decimal

from pydantic_core import SchemaSerializer, SchemaValidator, Url, ValidationError, from_json, to_json
from pydantic_core import core_schema as cs

schema = cs.typed_dict_schema(
    {
        "age": cs.typed_dict_field(cs.int_schema(ge=0)),
        "names": cs.typed_dict_field(cs.list_schema(cs.str_schema(pattern=r"^\w+$"))),
        "price": cs.typed_dict_field(cs.decimal_schema(), required=False),
    }
)
validator = SchemaValidator(schema)
assert validator.validate_json('{"age": "3", "names": ["é"], "price": "1.10"}') == {
    "age": 3,
    "names": ["é"],
    "price": Decimal("1.10"),
}
try:
    validator.validate_python({"age": -1, "names": ["a b"]})
except ValidationError as error:
    assert [(e["type"], e["loc"]) for e in error.errors()] == [
        ("greater_than_equal", ("age",)),
        ("string_pattern_mismatch", ("names", 0)),
    ], error
else:
    raise AssertionError("wrong values were accepted")
assert SchemaSerializer(schema).to_json({"age": 2**70, "names": []}) == b'{"age":1180591620717411303424,"names":[]}'
assert from_json(b'{"a": [1, "x', allow_partial=True) == {"a": [1]}
assert to_json(Url("http://例え.テスト/")) == b'"http://xn--r8jz45g.xn--zckzah/"'
