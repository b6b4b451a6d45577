from jsonschema import Draft202012Validator

schema = {
    "$defs": {"positive": {"type": "number", "exclusiveMinimum": 0}},
    "type": "object",
    "properties": {"prices": {"type": "array", "items": {"$ref": "#/$defs/positive"}}},
    "required": ["prices"],
}
Draft202012Validator.check_schema(schema)
validator = Draft202012Validator(schema)
assert validator.is_valid({"prices": [1, 2.5]})
errors = sorted((error.json_path, error.validator) for error in validator.iter_errors({"prices": [1, 0, "x"]}))
assert errors == [("$.prices[1]", "exclusiveMinimum"), ("$.prices[2]", "type")], errors
