from tree_sitter import LANGUAGE_VERSION, MIN_COMPATIBLE_LANGUAGE_VERSION, Language, Parser, Point, Range

# Grammars are packages of their own: tree-sitter-javascript tests with one.
assert MIN_COMPATIBLE_LANGUAGE_VERSION <= 14 <= LANGUAGE_VERSION
assert Range(Point(0, 1), Point(0, 2), 1, 2).end_point == (0, 2)
parser = Parser()
assert parser.language is None and parser.included_ranges[0].start_byte == 0
try:
    Language(0)
except ValueError:
    pass
else:
    raise AssertionError("a language that is not there was accepted")
