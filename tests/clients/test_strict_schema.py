"""Schemas in the subset that providers decode under: closed, all fields required, or refused."""

from __future__ import annotations

import anthropic
import openai.lib._pydantic
import pytest
from pydantic import BaseModel, Field

from api_models.clients.strict_schema import UnfitSchemaError, strict_schema, without_limits


class Leaf(BaseModel):
    n: int = Field(ge=1, le=9, description="how many")


class Tree(BaseModel):
    """A tree."""

    title: str = "none"
    default: str | None = None
    leaves: list[Leaf]
    best: Leaf = Field(description="the best one")
    under: list[Tree] = []


def everywhere(schema):
    """All schemas of objects in it."""
    if isinstance(schema, list):
        return [found for each in schema for found in everywhere(each)]
    if not isinstance(schema, dict):
        return []
    own = [schema] if schema.get("type") == "object" else []
    return own + [found for each in schema.values() for found in everywhere(each)]


def test_every_object_is_closed_and_all_its_fields_are_required():
    strict = strict_schema(Tree.model_json_schema())
    objects = everywhere(strict)
    assert len(objects) == 3
    for each in objects:
        assert each["required"] == list(each["properties"]) and each["additionalProperties"] is False
    assert "default" in objects[-1]["properties"] and "title" in objects[-1]["properties"]


def test_openai_own_converter_wants_the_same():
    """But for titles and descriptions, which are advice."""

    def bare(schema):
        if isinstance(schema, list):
            return [bare(each) for each in schema]
        if not isinstance(schema, dict):
            return schema
        if "n" in schema.get("properties", {}):
            return "a leaf"
        kept = {
            name: bare(value)
            for name, value in schema.items()
            if name not in ("title", "description", "default")
        }
        return "a leaf" if kept == {"$ref": "#/$defs/Leaf"} else kept

    ours = strict_schema(Tree.model_json_schema())
    theirs = openai.lib._pydantic.to_strict_json_schema(Tree)
    for schema in (ours, theirs):
        for each in everywhere(schema):
            each["properties"].pop("title", None)
            each["properties"].pop("default", None)
            each["required"] = sorted(set(each["required"]) - {"title", "default"})
    assert bare(ours) == bare(theirs)


@pytest.mark.parametrize(
    "part",
    [
        {},
        {"type": "object"},
        {"type": "object", "additionalProperties": {"type": "integer"}},
        {"type": "object", "properties": {"a": {"type": "string"}}, "additionalProperties": True},
        {"type": "array"},
        {"type": "array", "prefixItems": [{"type": "string"}]},
        {"not": {"type": "string"}},
        {"anyOf": [{"type": "string"}, {}]},
    ],
)
def test_what_cannot_be_decoded_under_constraint_is_refused(part):
    with pytest.raises(UnfitSchemaError):
        strict_schema({"type": "object", "properties": {"part": part}})


def test_an_answer_is_an_object():
    with pytest.raises(UnfitSchemaError, match="object"):
        strict_schema({"type": "string"})


@pytest.mark.parametrize(
    ("part", "strict"),
    [
        (
            {"oneOf": [{"type": "string"}, {"type": "null"}]},
            {"anyOf": [{"type": "string"}, {"type": "null"}]},
        ),
        ({"allOf": [{"type": "string"}], "description": "x"}, {"type": "string", "description": "x"}),
        ({"$ref": "#/$defs/A", "description": "x", "default": 1}, {"$ref": "#/$defs/A"}),
        ({"enum": ["a"], "title": "A"}, {"enum": ["a"]}),
    ],
)
def test_the_same_is_said_in_other_words(part, strict):
    assert strict_schema({"type": "object", "properties": {"p": part}})["properties"] == {"p": strict}


def test_limits_become_advice_where_they_are_not_taken():
    made = without_limits(strict_schema(Tree.model_json_schema()))
    assert made["$defs"]["Leaf"]["properties"]["n"] == {
        "type": "integer",
        "description": "how many (minimum: 1, maximum: 9)",
    }
    field = {"type": "object", "properties": {"minimum": {"type": "string", "minLength": 2}}}
    assert without_limits(field)["properties"] == {
        "minimum": {"type": "string", "description": "minLength: 2"}
    }


def test_anthropics_own_converter_leaves_it_as_it_is():
    """What we send has nothing in it that the SDK would take out."""
    made = without_limits(strict_schema(Leaf.model_json_schema()))
    assert anthropic.transform_schema(made) == made
