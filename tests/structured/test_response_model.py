"""Types and schemas as response models: one schema for the provider, one judgement in the end."""

from __future__ import annotations

import datetime
import json
import subprocess
import sys
from dataclasses import dataclass, field
from typing import Annotated, Any, Generic, Literal, NewType, Optional, TypedDict, TypeVar, Union

import jsonschema
import pytest
from pydantic import AliasChoices, BaseModel, ConfigDict, Field, RootModel
from typing_extensions import NotRequired, Required, TypeAliasType

from api_models import ConfigurationError
from api_models.structured.answer_model import InvalidAnswer
from api_models.structured.response_model import response_model

T = TypeVar("T")


class Point(BaseModel):
    x: int
    label: str = "none"


class Shape(BaseModel):
    name: str
    points: list[Point] = Field(alias="pointList")
    since: Optional[datetime.date] = None  # noqa: UP045  # the older form is what is tested


@dataclass
class Flat:
    x: int
    tags: list[str] = field(default_factory=list)


class Inner(TypedDict):
    n: int


class Outer(TypedDict):
    inner: Inner
    many: NotRequired[list[Inner]]


class Line(BaseModel):
    x: int
    points: Annotated[list[Point], Field(validation_alias=AliasChoices("dots", "points"))]


class Marked(TypedDict):
    points: Required[list[Point]]


class Points(RootModel[list[Point]]):
    pass


@dataclass
class Page(Generic[T]):
    things: list[T]


class Strict(BaseModel):
    model_config = ConfigDict(strict=True)
    since: datetime.date


SCHEMA = {"type": "object", "title": "Ein Name!", "properties": {"x": {"type": "integer"}}, "required": ["x"]}


@pytest.mark.parametrize(
    ("wanted", "document", "value"),
    [
        (Point, {"x": 1}, Point(x=1)),
        (Flat, {"x": 1, "tags": ["a"]}, Flat(1, ["a"])),
        (Outer, {"inner": {"n": 1}}, {"inner": {"n": 1}}),
        (Outer, {"inner": {"n": 1}, "many": [{"n": 2}]}, {"inner": {"n": 1}, "many": [{"n": 2}]}),
        (SCHEMA, {"x": 1, "more": 2}, {"x": 1, "more": 2}),
        (list[Point], {"items": [{"x": 1}]}, [Point(x=1)]),
        (list[Inner], {"items": [{"n": 1}]}, [{"n": 1}]),
        (set[int], {"items": [1, 1]}, {1}),
        (tuple[int, str], {"items": [1, "a"]}, (1, "a")),
        (int, {"value": 3}, 3),
        (Literal["yes", "no"], {"value": "no"}, "no"),
        (Union[Point, Inner], {"value": {"n": 1}}, {"n": 1}),  # noqa: UP007  # the older form is what is tested
        (Point | None, {"value": None}, None),
        (dict[str, int], {"a": 1}, {"a": 1}),
        (Annotated[int, Field(gt=2)], {"value": 3}, 3),
        (NewType("Number", int), {"value": 3}, 3),
        (datetime.date, {"value": "2024-02-29"}, datetime.date(2024, 2, 29)),
        ({"type": "array", "items": {"type": "integer"}}, {"items": [1]}, [1]),
        ({"enum": [1, 2]}, {"value": 2}, 2),
    ],
)
def test_an_answer_becomes_what_was_asked_for(wanted, document, value):
    model = response_model(wanted)
    found = model.validate(json.dumps(document).encode(), is_wrapped=True)
    assert found == value and type(found) is type(value)
    assert model.schema["type"] == "object" or "$ref" in model.schema


def test_a_list_may_come_without_its_wrapper():
    for wanted in (list[Point], {"type": "array", "items": SCHEMA}):
        assert len(response_model(wanted).validate(b'[{"x": 1}]', is_wrapped=False)) == 1


@pytest.mark.parametrize(
    ("wanted", "document", "problem"),
    [
        (Point, "{}", "x: Field required"),
        (Point, '{"x": "many"}', "x: Input should be a valid integer"),
        (Flat, '{"x": 1, "tags": [2]}', "tags.0: Input should be a valid string"),
        (Outer, '{"inner": {}}', "inner.n: Field required"),
        (list[Point], "{}", "items: Field required"),
        (list[Point], '{"items": [{"x": null}]}', "items.0.x: Input should be a valid integer"),
        (SCHEMA, '{"x": "1"}', "x: '1' is not of type 'integer'"),
        (SCHEMA, "{}", "'x' is a required property"),
        ({"type": "array"}, "{}", "the field 'items' is missing"),
    ],
)
def test_b4_11_what_is_missing_is_a_problem_and_not_none(wanted, document, problem):
    """A required field is there, with a value of its type, or there is no answer."""
    with pytest.raises(InvalidAnswer) as caught:
        response_model(wanted).validate(document.encode(), is_wrapped=True)
    assert any(problem in each for each in caught.value.problems)


NESTED = {
    "type": "object",
    "properties": {"a": {"$ref": "#/$defs/L"}},
    "$defs": {"L": {"anyOf": [{"$ref": "#/$defs/L"}, {"type": "array"}]}},
}
"""One that refers to itself."""


@pytest.mark.parametrize(
    ("wanted", "path"),
    [
        (list[Point], ()),
        (Shape, ("pointList",)),
        (Flat, ("tags",)),
        (Outer, ("many",)),
        (Point, None),
        (int, None),
        ({"type": "object", "properties": {"a": {"type": "array"}, "b": {"type": "array"}}}, None),
        (
            {"type": "object", "properties": {"a": {"$ref": "#/$defs/L"}}, "$defs": {"L": {"type": "array"}}},
            ("a",),
        ),
        (NESTED, ("a",)),
    ],
)
def test_the_list_whose_elements_are_told_of(wanted, path):
    assert response_model(wanted).list_path == path


@pytest.mark.parametrize(
    ("wanted", "element", "value"),
    [
        (list[Point], {"x": 1}, Point(x=1)),
        (Shape, {"x": 1}, Point(x=1)),
        (Flat, "a", "a"),
        (Outer, {"n": 1}, {"n": 1}),
        (Line, {"x": 1}, Point(x=1)),
        (NewType("Named", Line), {"x": 1}, Point(x=1)),
        (Marked, {"x": 1}, Point(x=1)),
        (Points, {"x": 1}, Point(x=1)),
        (NewType("Some", list[Point]), {"x": 1}, Point(x=1)),
        (TypeAliasType("Several", list[Point]), {"x": 1}, Point(x=1)),
        (Page[Point], {"x": 1}, Point(x=1)),
        (Page, {"x": 1}, {"x": 1}),
        (Annotated[Flat, "note"], "a", "a"),
        (list[Strict], {"since": "2024-02-29"}, Strict(since=datetime.date(2024, 2, 29))),
        (list[Any], {"n": 1}, {"n": 1}),
        (list, 5, 5),
        (Annotated[list[datetime.date] | None, "note"], "2024-02-29", datetime.date(2024, 2, 29)),
    ],
)
def test_an_element_is_of_the_type_that_the_list_says(wanted, element, value):
    model = response_model(wanted)
    if model.list_path is not None:
        assert model.item(element) == value


def test_names_are_such_as_providers_take():
    assert [response_model(each).name for each in (Point, SCHEMA, list[int])] == [
        "Point",
        "Ein_Name",
        "answer",
    ]


def test_the_fields_at_the_top():
    assert response_model(Point).fields == {"x", "label"}
    assert response_model(list[Point]).fields is None
    assert response_model({"type": "object"}).fields is None


@pytest.mark.parametrize("wanted", [None, "Point", 3, {"type": "nonsense"}, Point(x=1), lambda: 1, object()])
def test_what_no_answer_can_be_made_of_is_refused(wanted):
    with pytest.raises(ConfigurationError):
        response_model(wanted)


def test_b4_14_a_problem_is_short_whatever_it_is_about():
    with pytest.raises(InvalidAnswer) as caught:
        response_model(SCHEMA).validate(b'{"x": "%s"}' % (b"long " * 1000), is_wrapped=True)
    (problem,) = caught.value.problems
    assert len(problem) < 250 and problem.endswith("is not of type 'integer'")


def test_what_a_list_says_of_itself_is_still_said_of_the_list():
    """Its schema stands inside of that of an object, and so does what it refers to."""
    named = {"$ref": "#/$defs/n"}
    nested = {"type": "array", "items": {"anyOf": [named, {"$ref": "#"}, {"$ref": "#/items/anyOf/0"}]}}
    model = response_model({**nested, "$defs": {"n": {"type": "integer"}}})
    assert model.schema["properties"]["items"]["items"]["anyOf"] == [
        named,
        {"$ref": "#/properties/items"},
        {"$ref": "#/properties/items/items/anyOf/0"},
    ]
    jsonschema.validate({"items": [1, [2, []]]}, model.schema)
    assert model.validate(b"[1, [2, []]]", is_wrapped=False) == [1, [2, []]]


def test_a_schema_is_not_looked_up_on_the_net():
    model = response_model({"type": "object", "properties": {"a": {"$ref": "http://127.0.0.1:9/x.json"}}})
    with pytest.raises(ConfigurationError, match="refers to what is not in it"):
        model.validate(b'{"a": 1}', is_wrapped=True)


def test_without_jsonschema_it_is_said_what_to_install():
    code = (
        "import sys; sys.modules['jsonschema'] = None\n"
        "from api_models.structured.response_model import response_model\n"
        "try: response_model({'type': 'object'})\n"
        "except ValueError as error: print(error)"
    )
    child = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "pip install 'api-models[schema]'" in child.stdout


def test_the_import_of_the_package_and_an_ordinary_stream_load_no_pydantic():
    """G12 in its strictest reading: who asks for texts never pays for objects."""
    code = (
        "import sys, api_models\n"
        "api_models.APIModelManager\n"
        "print({'pydantic', 'jiter', 'jsonschema', 'api_models.structured'} & set(sys.modules))"
    )
    child = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert child.stdout == "set()\n"
