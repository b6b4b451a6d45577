from typing import Annotated, ClassVar, Literal, Optional

from typing_inspection import typing_objects
from typing_inspection.introspection import AnnotationSource, get_literal_values, inspect_annotation, is_union_origin

found = inspect_annotation(ClassVar[Annotated[int, "note"]], annotation_source=AnnotationSource.CLASS)
assert (found.type, found.metadata, found.qualifiers) == (int, ["note"], {"class_var"}), found
assert list(get_literal_values(Literal["a", Literal[1, "a"]])) == ["a", 1]
assert typing_objects.is_annotated(Annotated) and is_union_origin(type(Optional[int]))
