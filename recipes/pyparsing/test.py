import pyparsing

number = pyparsing.common.integer
expression = pyparsing.infix_notation(
    number,
    [
        (pyparsing.one_of("* /"), 2, pyparsing.OpAssoc.LEFT),
        (pyparsing.one_of("+ -"), 2, pyparsing.OpAssoc.LEFT),
    ],
)
assert expression.parse_string("1 + 2 * (3 - 4)", parse_all=True).as_list() == [[1, "+", [2, "*", [3, "-", 4]]]]
try:
    expression.parse_string("1 +", parse_all=True)
except pyparsing.ParseException as error:
    assert (error.lineno, error.column) == (1, 4), error
else:
    raise AssertionError("half an expression was accepted")
