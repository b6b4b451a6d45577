import math

import numpy
import shapely
from shapely.geometry import LineString, Point, Polygon, mapping, shape
from shapely.ops import unary_union
from shapely.strtree import STRtree

assert shapely.geos_version == (3, 13, 1), shapely.geos_version

square = Polygon([(0, 0), (2, 0), (2, 2), (0, 2)])
circle = Point(2, 1).buffer(1, quad_segs=64)
assert square.area == 4 and square.length == 8
assert abs(circle.area - math.pi) < 1e-3
assert abs(square.intersection(circle).area - math.pi / 2) < 1e-3
assert abs(unary_union([square, circle]).area - (4 + math.pi / 2)) < 1e-3
assert square.contains(Point(1, 1)) and not square.contains(Point(3, 3))
assert LineString([(0, 0), (2, 2)]).crosses(LineString([(0, 2), (2, 0)]))

assert shapely.from_wkt(square.wkt).equals(square)
assert shapely.from_wkb(square.wkb).equals(square)
assert shape(mapping(square)).equals(square)
assert shapely.from_geojson(shapely.to_geojson(square)).equals(square)

points = shapely.points(numpy.arange(10.0), numpy.zeros(10))
assert shapely.distance(points, Point(0, 0)).tolist() == list(range(10))
assert STRtree(points).query(Point(4, 0).buffer(1.5)).tolist() == [3, 4, 5]
assert shapely.make_valid(Polygon([(0, 0), (2, 2), (2, 0), (0, 2)])).is_valid

# GEOS tells of what is wrong by a C++ exception.
try:
    shapely.from_wkt("POLYGON ((0 0, 1")
except shapely.GEOSException as error:
    assert "ParseException" in str(error)
else:
    raise AssertionError("a broken geometry was read")
