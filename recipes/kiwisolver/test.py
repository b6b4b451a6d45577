from kiwisolver import Solver, UnsatisfiableConstraint, Variable

left, middle, right = Variable("left"), Variable("middle"), Variable("right")
solver = Solver()
solver.addConstraint(left >= 0)
solver.addConstraint((right == 100) | "weak")
solver.addConstraint(2 * middle == left + right)
solver.addEditVariable(left, "strong")
solver.suggestValue(left, 20)
solver.updateVariables()
assert (left.value(), middle.value(), right.value()) == (20, 60, 100)
solver.addConstraint(middle <= 30)
solver.updateVariables()
assert middle.value() == 30
# C++ exceptions end where they are caught.
try:
    solver.addConstraint(middle >= 31)
except UnsatisfiableConstraint as error:
    assert "middle" in str(error.args[0]), error
else:
    raise AssertionError("a contradiction was accepted")
