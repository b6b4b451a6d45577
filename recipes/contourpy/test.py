import numpy
from contourpy import FillType, LineType, contour_generator

y, x = numpy.mgrid[-2:2:81j, -2:2:81j]
generator = contour_generator(x, y, numpy.hypot(x, y), line_type=LineType.Separate, fill_type=FillType.OuterOffset)
(circle,) = generator.lines(1.0)
assert (circle[0] == circle[-1]).all(), "a closed line"
radii = numpy.hypot(circle[:, 0], circle[:, 1])
assert abs(radii - 1).max() < 1e-3, radii
(points,), (offsets,) = generator.filled(0.5, 1.5)
assert len(offsets) == 3, "a ring has an outer line and a hole"
assert offsets[-1] == len(points)
# C++ exceptions cross pybind11.
try:
    generator.filled(1.5, 0.5)
except ValueError as error:
    assert str(error) == "upper_level must be larger than lower_level", error
else:
    raise AssertionError("levels in the wrong order were accepted")
