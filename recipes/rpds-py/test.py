from rpds import HashTrieMap, HashTrieSet, List, Queue

one = HashTrieMap({"a": 1})
two = one.insert("b", 2)
assert (dict(one), dict(two)) == ({"a": 1}, {"a": 1, "b": 2})
assert two.remove("a") == HashTrieMap({"b": 2}) and hash(two) == hash(HashTrieMap({"b": 2, "a": 1}))
assert set(HashTrieSet(range(1000)).union(HashTrieSet([5000]))) == {*range(1000), 5000}
assert list(List([2, 3]).push_front(1)) == [1, 2, 3]
assert Queue([1, 2]).enqueue(3).peek() == 1


class Unhashable:
    def __hash__(self):
        raise ZeroDivisionError("not today")


# Errors of Python cross Rust and come out as they were.
try:
    one.insert(Unhashable(), 1)
except ZeroDivisionError as error:
    assert str(error) == "not today"
else:
    raise AssertionError("the error was lost")
try:
    one["c"]
except KeyError as error:
    assert error.args == ("c",), error
