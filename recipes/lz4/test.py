import lz4.block
import lz4.frame

data = b"".join(b"line %d\n" % (n % 97) for n in range(30_000))
for level in [0, 9]:
    packed = lz4.frame.compress(data, compression_level=level, content_checksum=True)
    assert packed[:4] == b"\x04\x22\x4d\x18" and len(packed) < len(data) // 20
    assert lz4.frame.decompress(packed) == data
with lz4.frame.open("/tmp/demo.lz4", "wb") as file:
    file.write(data)
with lz4.frame.open("/tmp/demo.lz4", "rt") as file:
    assert file.readlines()[97] == "line 0\n"
block = lz4.block.compress(data, mode="high_compression", dict=data[:500])
assert lz4.block.decompress(block, dict=data[:500]) == data
broken = bytearray(packed)
broken[-1] ^= 1
try:
    lz4.frame.decompress(broken)
except RuntimeError as error:
    assert "contentChecksum" in str(error), error
else:
    raise AssertionError("a wrong checksum was accepted")
