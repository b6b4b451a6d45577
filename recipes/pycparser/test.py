from pycparser import c_generator, c_parser
from pycparser.c_parser import ParseError

tree = c_parser.CParser().parse("typedef struct { int a[3]; } point; int f(point *p) { return p->a[1] + 2 * 3; }")
assert [type(part).__name__ for part in tree.ext] == ["Typedef", "FuncDef"]
returned = tree.ext[1].body.block_items[0].expr
assert (returned.op, returned.right.op) == ("+", "*"), returned
assert c_generator.CGenerator().visit(returned) == "p->a[1] + (2 * 3)"
try:
    c_parser.CParser().parse("int f( { }", "demo.c")
except ParseError as error:
    assert str(error).startswith("demo.c:1:8"), error
else:
    raise AssertionError("half a function was accepted")
