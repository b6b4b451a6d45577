import attrs


@attrs.define(order=True)
class Point:
    x: int = attrs.field(converter=int)
    y: int = attrs.field(default=0, validator=attrs.validators.ge(0))


assert Point("3") == Point(3, 0) and Point(1) < Point(2)
assert repr(attrs.evolve(Point(1), y=5)) == "Point(x=1, y=5)"
try:
    Point(1, -1)
except ValueError as error:
    assert "'y' must be >= 0: -1" in str(error), error
else:
    raise AssertionError("the validator did not run")
