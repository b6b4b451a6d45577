import brotli

data = b"".join(b"<p>line %d</p>\n" % (n % 97) for n in range(30_000))
packed = brotli.compress(data, mode=brotli.MODE_TEXT, quality=9)
assert len(packed) < len(data) // 100
assert brotli.decompress(packed) == data
compressor, decompressor = brotli.Compressor(quality=5), brotli.Decompressor()
stream = b"".join(compressor.process(data[at : at + 10_000]) for at in range(0, len(data), 10_000))
stream += compressor.finish()
back = b"".join(decompressor.process(stream[at : at + 100]) for at in range(0, len(stream), 100))
assert back == data and decompressor.is_finished()
try:
    brotli.decompress(packed[:-1])
except brotli.error:
    pass
else:
    raise AssertionError("a cut stream was accepted")
