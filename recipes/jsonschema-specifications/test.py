from jsonschema_specifications import REGISTRY

schema = REGISTRY.contents("https://json-schema.org/draft/2020-12/schema")
assert schema["$dynamicAnchor"] == "meta", schema
assert len(REGISTRY) >= 14, list(REGISTRY)
