from multidict import CIMultiDict, CIMultiDictProxy, MultiDict, _multidict, istr

assert MultiDict is _multidict.MultiDict, "the pure Python fallback was taken"
headers = CIMultiDict([("Accept", "a"), ("Host", "h")])
headers.add("accept", "b")
assert headers.getall("ACCEPT") == ["a", "b"] and headers["aCCept"] == "a"
assert list(headers.items()) == [("Accept", "a"), ("Host", "h"), ("accept", "b")]
proxy = CIMultiDictProxy(headers)
headers.popall("accept")
assert list(proxy) == ["Host"] and istr("HOST") in proxy
try:
    for key in headers:
        headers.add("more", key)
except RuntimeError as error:
    assert "changed during iteration" in str(error), error
else:
    raise AssertionError("changed while it was read")
