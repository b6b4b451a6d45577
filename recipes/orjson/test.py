import dataclasses
import datetime
import uuid

import orjson


@dataclasses.dataclass
class Item:
    name: str
    when: datetime.datetime
    id: uuid.UUID


when = datetime.datetime(2026, 1, 2, 3, 4, 5, tzinfo=datetime.timezone.utc)
document = {"item": Item("é", when, uuid.UUID(int=7)), "a": [1, 2**63, -1.5, None]}
text = orjson.dumps(document, option=orjson.OPT_SORT_KEYS)
assert text == (
    '{"a":[1,9223372036854775808,-1.5,null],"item":{"name":"é","when":"2026-01-02T03:04:05+00:00",'
    '"id":"00000000-0000-0000-0000-000000000007"}}'
).encode(), text
assert orjson.loads(text)["a"] == [1, 2**63, -1.5, None]
assert orjson.dumps({1: {2}}, option=orjson.OPT_NON_STR_KEYS, default=list) == b'{"1":[2]}'
many = [{"key%d" % n: n / 3, "text": "x" * n} for n in range(1000)]
assert orjson.loads(orjson.dumps(many)) == many
for wrong in [lambda: orjson.loads(b"[1, 2"), lambda: orjson.dumps("\ud800"), lambda: orjson.dumps({1})]:
    try:
        wrong()
    except (orjson.JSONDecodeError, orjson.JSONEncodeError):
        pass
    else:
        raise AssertionError("a wrong document was accepted")
