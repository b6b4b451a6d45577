import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, Field, TypeAdapter, ValidationError, computed_field, field_validator


class Dog(BaseModel):
    kind: Literal["dog"]
    born: datetime.date


class Cat(BaseModel):
    kind: Literal["cat"]
    lives: Annotated[int, Field(gt=0, le=9)] = 9

    @computed_field
    @property
    def tired(self) -> bool:
        return self.lives == 1


class Home(BaseModel):
    pets: list[Annotated[Dog | Cat, Field(discriminator="kind")]]
    street: str

    @field_validator("street")
    @classmethod
    def no_digits(cls, value):
        if any(c.isdigit() for c in value):
            raise ValueError("digits")
        return value.title()


text = '{"pets": [{"kind": "cat", "lives": "1"}, {"kind": "dog", "born": "2026-01-02"}], "street": "am see"}'
home = Home.model_validate_json(text)
assert home.pets[0].tired and home.pets[1].born == datetime.date(2026, 1, 2) and home.street == "Am See"
assert Home.model_validate_json(home.model_dump_json()) == home
assert Home.model_json_schema()["$defs"]["Cat"]["properties"]["lives"]["maximum"] == 9
try:
    Home(pets=[{"kind": "cat", "lives": 10}, {"kind": "fish"}], street="1")
except ValidationError as error:
    assert [e["loc"] for e in error.errors()] == [("pets", 0, "cat", "lives"), ("pets", 1), ("street",)], error
else:
    raise AssertionError("wrong values were accepted")
assert TypeAdapter(dict[int, set[str]]).validate_python({"1": ["a", "a"]}) == {1: {"a"}}
