"""A JSON schema as providers take it that decode under its constraint: a subset, all objects closed."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from ..exceptions import ConfigurationError

_MAPS = ("properties", "$defs", "definitions")
_LISTS = ("anyOf", "allOf")
_DROPPED = ("default", "title", "examples", "discriminator", "$schema", "$id", "$comment", "readOnly")
_REFUSED = ("patternProperties", "prefixItems", "not", "if", "dependentSchemas", "propertyNames", "contains")
_LIMITS = (
    "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf", "minLength", "maxLength",
    "minItems", "maxItems", "uniqueItems", "pattern",
)  # fmt: skip


class UnfitSchemaError(ConfigurationError):
    """The schema says something that cannot be decoded under constraint, fields of any name for example."""


def strict_schema(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Every object closed and all its fields required, as OpenAI's strict mode wants it.

    Raises `UnfitSchemaError` for what it does not know. What is left out is only advice: the answer is
    held against the whole schema in the end.
    """
    made = _strict(_at_root(schema))
    if made.get("type") != "object":
        raise UnfitSchemaError("the schema of an answer is that of an object")
    return made


def _at_root(schema: Mapping[str, Any]) -> Mapping[str, Any]:
    """The schema itself where it only refers to one of its parts, as that of a tree does."""
    kind, _, name = str(schema.get("$ref", "")).removeprefix("#/").partition("/")
    part = schema.get(kind, {}).get(name) if name else None
    return schema if part is None else {**part, kind: schema[kind]}


def _strict(schema: Any) -> dict[str, Any]:
    if not isinstance(schema, Mapping) or not schema:
        raise UnfitSchemaError("a part of the schema allows anything")
    if "$ref" in schema:
        rest = {name: _strict_map(schema[name]) for name in _MAPS if name in schema}
        return {"$ref": schema["$ref"], **rest}
    if wrong := next((name for name in _REFUSED if name in schema), None):
        raise UnfitSchemaError(f"{wrong!r} is not known where answers are constrained")
    made = {name: _strict_part(name, value) for name, value in _renamed(schema).items()}
    if made.get("type") == "object" or "properties" in made:
        _close(made)
    elif made.get("type") == "array" and "items" not in made:
        raise UnfitSchemaError("a list in the schema does not say what it is of")
    return made


def _renamed(schema: Mapping[str, Any]) -> dict[str, Any]:
    made = {name: value for name, value in schema.items() if name not in _DROPPED}
    if "oneOf" in made:
        made["anyOf"] = made.pop("oneOf")
    if isinstance(alone := made.get("allOf"), Sequence) and len(alone) == 1 and isinstance(alone[0], Mapping):
        del made["allOf"]
        made = {**alone[0], **made}
    return made


def _strict_part(name: str, value: Any) -> Any:
    if name in _MAPS:
        return _strict_map(value)
    if name in _LISTS:
        return [_strict(each) for each in value]
    return _strict(value) if name == "items" else value


def _strict_map(schemas: Any) -> dict[str, Any]:
    return {name: _strict(schema) for name, schema in schemas.items()}


def _close(made: dict[str, Any]) -> None:
    if "properties" not in made or made.get("additionalProperties"):
        raise UnfitSchemaError("an object in the schema has fields of any name")
    made.update({"required": list(made["properties"]), "additionalProperties": False})


def without_limits(schema: Any, at_names: bool = False) -> Any:
    """The schema with limits of size in its descriptions, for the Messages wire, which takes none."""
    if isinstance(schema, list):
        return [without_limits(each) for each in schema]
    if not isinstance(schema, Mapping):
        return schema
    limits = {} if at_names else {name: schema[name] for name in _LIMITS if name in schema}
    made = {
        name: without_limits(value, not at_names and name in _MAPS)
        for name, value in schema.items()
        if name not in limits
    }
    if limits:
        said = ", ".join(f"{name}: {json.dumps(value)}" for name, value in limits.items())
        made["description"] = f"{made['description']} ({said})" if "description" in made else said
    return made
