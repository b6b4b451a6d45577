from decimal import Decimal

import simplejson
from simplejson import scanner

assert scanner.c_make_scanner, "the pure Python fallback was taken"
text = simplejson.dumps({"price": Decimal("1.10"), "text": "é", "list": (1, None)}, sort_keys=True, ensure_ascii=False)
assert text == '{"list": [1, null], "price": 1.10, "text": "é"}', text
assert simplejson.loads(text, use_decimal=True)["price"].as_tuple() == Decimal("1.10").as_tuple()
assert simplejson.dumps(float("nan"), ignore_nan=True) == "null"
try:
    simplejson.loads('{"a": [1,\n2,}')
except simplejson.JSONDecodeError as error:
    assert (error.lineno, error.colno) == (2, 3), error
else:
    raise AssertionError("a list that does not end was accepted")
