from typing import Annotated, get_type_hints

from annotated_types import Ge, Interval, Len, Predicate


class Demo:
    age: Annotated[int, Interval(ge=0, lt=150), Predicate(bool)]
    name: Annotated[str, Len(1, 10)]


hints = get_type_hints(Demo, include_extras=True)
interval, predicate = hints["age"].__metadata__
assert list(interval)[0] == Ge(0) and predicate.func(1)
assert hints["name"].__metadata__[0].max_length == 10
