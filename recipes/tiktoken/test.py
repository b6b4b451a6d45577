import tiktoken
from tiktoken._educational import SimpleBytePairEncoding

# The vocabularies of models are on the network; this one is made here.
pattern = r"\p{L}+|\p{N}+|\s+|[^\s\p{L}\p{N}]+"
text = "the theme of the thesis is the theory of themes " * 20
trained = SimpleBytePairEncoding.train(text, vocab_size=264, pat_str=pattern)
encoding = tiktoken.Encoding(
    "demo", pat_str=pattern, mergeable_ranks=trained.mergeable_ranks, special_tokens={"<|end|>": 300}
)
tokens = encoding.encode("the théory 42<|end|>", allowed_special="all")
assert tokens[-1] == 300 and encoding.decode(tokens) == "the théory 42<|end|>"
assert encoding.encode(text, disallowed_special=()) == trained.encode(text, visualise=None)
assert len(encoding.encode(text)) < len(text) * 2 / 3
try:
    encoding.encode("<|end|>")
except ValueError as error:
    assert "disallowed special token" in str(error), error
else:
    raise AssertionError("a special token was accepted")
