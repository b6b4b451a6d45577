import snappy

assert snappy.compress(b"") == b"\0"
long = b"".join(b"line %d\n" % (number % 100) for number in range(100_000))
packed = snappy.compress(long)
assert len(packed) < len(long) / 5
assert snappy.isValidCompressed(packed)
assert not snappy.isValidCompressed(packed[:-1])
assert snappy.uncompress(packed) == long
try:
    snappy.uncompress(b"no snappy")
except snappy.UncompressError:
    pass
else:
    raise AssertionError("what is not compressed was accepted")
