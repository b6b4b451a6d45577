from charset_normalizer import detect, from_bytes, is_binary

text = "Все счастливые семьи похожи друг на друга, " * 9
for encoding in ["utf-8", "cp1251", "utf-16"]:
    best = from_bytes(text.encode(encoding)).best()
    assert str(best) == text and best.alphabets == ["Basic Latin", "Cyrillic"], (encoding, best and best.encoding)
assert detect(b"plain")["encoding"] == "ascii"
assert is_binary(bytes(range(256)) * 20) and not is_binary(text.encode())
