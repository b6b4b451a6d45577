import msgpack
from msgpack import _cmsgpack

assert msgpack.Packer is _cmsgpack.Packer, "the pure Python fallback was taken"
document = {"list": [1, -2.5, None, True], "bytes": b"\x00\xff", "text": "é", "large": 2**63}
packed = msgpack.packb(document)
assert packed[:6] == b"\x84\xa4list", packed
assert msgpack.unpackb(packed) == document
assert list(msgpack.Unpacker(__import__("io").BytesIO(packed * 3))) == [document] * 3
try:
    msgpack.unpackb(packed[:-1])
except ValueError as error:
    assert "incomplete input" in str(error), error
else:
    raise AssertionError("a cut message was accepted")
