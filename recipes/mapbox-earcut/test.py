import mapbox_earcut
import numpy

# A square with a square hole.
vertices = numpy.array([[0, 0], [4, 0], [4, 4], [0, 4], [1, 1], [3, 1], [3, 3], [1, 3]], dtype=numpy.float32)
triangles = mapbox_earcut.triangulate_float32(vertices, numpy.array([4, 8], dtype=numpy.uint32)).reshape(-1, 3)
assert len(triangles) == 8, triangles
a, b, c = (vertices[triangles[:, corner]] for corner in range(3))
areas = abs((b - a)[:, 0] * (c - a)[:, 1] - (b - a)[:, 1] * (c - a)[:, 0]) / 2
assert areas.sum() == 12, areas
# C++ exceptions cross nanobind.
try:
    mapbox_earcut.triangulate_float32(vertices, numpy.array([9], dtype=numpy.uint32))
except ValueError as error:
    assert "ring" in str(error), error
else:
    raise AssertionError("a ring beyond the vertices was accepted")
