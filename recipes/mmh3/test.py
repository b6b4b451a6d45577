import mmh3

assert mmh3.hash("foo") == -156908512
assert mmh3.hash("foo", 42) == -1322301282
assert mmh3.hash64("foo") == (-2129773440516405919, 9128664383759220103)
assert mmh3.hash128("foo", 42) == 215966891540331383248189432718888555506
long = bytes(range(256)) * 1000
parts = mmh3.mmh3_x64_128(seed=7)
for at in range(0, len(long), 1001):
    parts.update(long[at : at + 1001])
assert parts.digest() == mmh3.hash_bytes(long, 7, True)
