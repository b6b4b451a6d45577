import io

import zstandard

assert zstandard.backend == "cext", zstandard.backend
data = b"".join(b"line %d\n" % (n % 97) for n in range(30_000))
packed = zstandard.ZstdCompressor(level=19, write_checksum=True).compress(data)
assert len(packed) < len(data) // 100
assert zstandard.decompress(packed) == data
assert zstandard.get_frame_parameters(packed).content_size == len(data)
lines = io.TextIOWrapper(zstandard.ZstdDecompressor().stream_reader(io.BytesIO(packed)))
assert sum(1 for _ in lines) == 30_000
samples = [b"name=%d;value=%d;" % (n, n * n) * 20 for n in range(200)]
dictionary = zstandard.train_dictionary(4096, samples)
small = zstandard.ZstdCompressor(dict_data=dictionary).compress(samples[5])
assert zstandard.ZstdDecompressor(dict_data=dictionary).decompress(small) == samples[5]
try:
    zstandard.decompress(packed[:-1])
except zstandard.ZstdError as error:
    assert "did not decompress full frame" in str(error), error
else:
    raise AssertionError("a cut frame was accepted")
