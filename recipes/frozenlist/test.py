from frozenlist import FrozenList, _frozenlist

assert FrozenList is _frozenlist.FrozenList, "the pure Python fallback was taken"
words = FrozenList(["a", "b"])
words.insert(1, "c")
try:
    hash(words)
except RuntimeError:
    pass
else:
    raise AssertionError("hashed before it was frozen")
words.freeze()
assert words == ["a", "c", "b"] and hash(words) == hash(tuple(words))
try:
    words.append("d")
except RuntimeError as error:
    assert str(error) == "Cannot modify frozen list.", error
else:
    raise AssertionError("changed while frozen")
