import tree_sitter_javascript
from tree_sitter import Language, Parser, Query, QueryCursor

language = Language(tree_sitter_javascript.language())
parser = Parser(language)
source = "function f(x) {\n  return [1, `é${x}`];\n}\n".encode()
tree = parser.parse(source)
function = tree.root_node.children[0]
assert function.type == "function_declaration" and not tree.root_node.has_error
assert function.child_by_field_name("name").text == b"f"
captures = QueryCursor(Query(language, "(array (template_string) @value)")).captures(tree.root_node)
assert [node.start_point for node in captures["value"]] == [(1, 13)]
# Only what changed is parsed again.
at = source.index(b"1")
tree.edit(at, at + 1, at + 1, (1, 10), (1, 11), (1, 11))
again = parser.parse(source.replace(b"1", b"y"), tree)
assert [found.start_byte for found in tree.changed_ranges(again)] == [at]
assert parser.parse(b"function (").root_node.has_error
