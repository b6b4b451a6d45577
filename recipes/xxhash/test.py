import xxhash

# The values of the algorithm's own documents.
assert xxhash.xxh32_hexdigest(b"") == "02cc5d05"
assert xxhash.xxh64_hexdigest(b"") == "ef46db3751d8e999"
assert xxhash.xxh3_64_hexdigest(b"") == "2d06800538d394c2"
assert xxhash.xxh3_128_hexdigest(b"") == "99aa06d3014798d86001c324468d497f"
assert xxhash.xxh64(b"xxhash", seed=20141025).hexdigest() == "b559b98d844e0635"
long = bytes(range(256)) * 1000
for kind in [xxhash.xxh32, xxhash.xxh64, xxhash.xxh3_64, xxhash.xxh3_128]:
    parts = kind(seed=7)
    for at in range(0, len(long), 1001):
        parts.update(long[at : at + 1001])
    assert parts.digest() == kind(long, seed=7).digest()
