import datetime
import uuid

import bson
import pymongo
from bson import json_util
from bson.binary import UuidRepresentation
from bson.codec_options import CodecOptions

assert bson.has_c() and pymongo.has_c(), "the pure Python fallback was taken"
options = CodecOptions(tz_aware=True, uuid_representation=UuidRepresentation.STANDARD)
document = {
    "_id": bson.ObjectId("0123456789abcdef01234567"),
    "when": datetime.datetime(2026, 1, 2, 3, 4, 5, 6000, tzinfo=datetime.timezone.utc),
    "list": [1, 2**40, -2.5, None, True, b"\x00"],
    "uuid": uuid.UUID(int=7),
    "price": bson.Decimal128("1.10"),
}
packed = bson.encode(document, codec_options=options)
assert bson.decode(packed, options) == document
assert list(bson.decode_all(packed * 3, options)) == [document] * 3
assert json_util.loads(json_util.dumps(document["price"])) == document["price"]
assert pymongo.uri_parser.parse_uri("mongodb://a:b@h:1,i/db?w=2")["nodelist"] == [("h", 1), ("i", 27017)]
try:
    bson.decode(packed[:-1], options)
except bson.InvalidBSON:
    pass
else:
    raise AssertionError("a cut document was accepted")
