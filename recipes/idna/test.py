import idna

assert idna.encode("faß.例え.テスト") == b"xn--fa-hia.xn--r8jz45g.xn--zckzah"
assert idna.decode("xn--fa-hia.de") == "faß.de"
assert idna.encode("Königsgäßchen", uts46=True) == b"xn--knigsgchen-b4a3dun"
try:
    idna.encode("a\u2260b")
except idna.IDNAError as error:
    assert "U+2260" in str(error), error
else:
    raise AssertionError("a sign that is not allowed was accepted")
