import regex

# What `re` cannot do: recursion, fuzzy matching, nested sets, every capture of a repeated group.
balanced = regex.compile(r"\((?:[^()]|(?R))*\)")
assert balanced.search("f(a(b)c(d(e)))g").group() == "(a(b)c(d(e)))"
match = regex.search(r"(?b)(?:wasm){e<=1}", "in wsm we trust")
assert match.group() == "wsm" and match.fuzzy_counts == (0, 0, 1), match
assert regex.fullmatch(r"(?:(\d+),?)+", "1,22,333").captures(1) == ["1", "22", "333"]
assert regex.findall(r"(?V1)[\p{L}--[aeiou]]+", "Größe aus") == ["Größ", "s"]
assert regex.findall(r"\X", "e\u0301x") == ["e\u0301", "x"]
try:
    regex.compile("(a")
except regex.error as error:
    assert error.pos == 2, error
else:
    raise AssertionError("a group that does not end was accepted")
