from propcache import _helpers_c
from propcache.api import cached_property, under_cached_property

assert cached_property is _helpers_c.cached_property, "the pure Python fallback was taken"


class Circle:
    def __init__(self):
        self._cache = {}
        self.computed = 0

    @cached_property
    def area(self):
        self.computed += 1
        return 3.0

    @under_cached_property
    def hidden(self):
        self.computed += 1
        return 4.0


circle = Circle()
assert (circle.area, circle.area, circle.hidden, circle.hidden) == (3.0, 3.0, 4.0, 4.0)
assert circle.computed == 2 and circle._cache == {"hidden": 4.0}
del circle.area
assert circle.area == 3.0 and circle.computed == 3
try:
    circle.hidden = 5
except AttributeError:
    pass
else:
    raise AssertionError("a reified property was set")
