import ujson

document = {"text": "é/\u20ac", "list": [1, -2.5, None, True], "large": 2**64 - 1, "small": 1e-300, "third": 1 / 3}
text = ujson.dumps(document, ensure_ascii=False, escape_forward_slashes=False)
assert text.startswith('{"text":"é/€","list":[1,-2.5,null,true],"large":18446744073709551615,'), text
assert ujson.loads(text) == document
assert ujson.loads("123456789012345678901234567890") == 123456789012345678901234567890
try:
    ujson.loads("[1, 2")
except ujson.JSONDecodeError:
    pass
else:
    raise AssertionError("a list that does not end was accepted")
