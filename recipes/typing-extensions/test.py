from typing import get_type_hints

import typing_extensions
from typing_extensions import Doc, ReadOnly, TypedDict, TypeForm, deprecated


class Movie(TypedDict, closed=True):
    title: ReadOnly[str]


assert Movie.__readonly_keys__ == {"title"} and Movie.__closed__
assert get_type_hints(Movie) == {"title": str}
assert Doc("a").documentation == "a" and TypeForm(int) is int


@deprecated("use another")
def old():
    pass


assert old.__deprecated__ == "use another"
assert typing_extensions.evaluate_forward_ref(typing_extensions.ForwardRef("list[int]")) == list[int]
