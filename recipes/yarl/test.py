from yarl import URL, _quoting, _quoting_c

assert _quoting._Quoter is _quoting_c._Quoter, "the pure Python fallback was taken"
url = URL("http://user:p%40ss@例え.テスト:8080/a b/../ü?q=1&q=zwei&r=%2B#end")
assert str(url) == "http://user:p%40ss@xn--r8jz45g.xn--zckzah:8080/%C3%BC?q=1&q=zwei&r=%2B#end", url
assert (url.password, url.host, url.path, url.query.getall("q")) == ("p@ss", "例え.テスト", "/ü", ["1", "zwei"])
assert url.join(URL("b/ä?x")).raw_path_qs == "/b/%C3%A4?x"
assert URL("http://h") / "x" % {"k": "v w"} == URL("http://h/x?k=v+w")
