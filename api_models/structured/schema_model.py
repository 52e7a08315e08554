"""JSON schemas as response models: the one file that imports jsonschema."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jiter

from ..exceptions import ConfigurationError
from .answer_model import InvalidAnswer, ResponseModel, at, is_object, name_of

try:
    import jsonschema
    from referencing import Registry
    from referencing.exceptions import Unresolvable
except ImportError as error:
    raise ConfigurationError(
        "a JSON schema as response_model needs jsonschema: pip install 'api-models[schema]'"
    ) from error


_LONGEST_MESSAGE = 200  # characters
_AT_ROOT = ("$defs", "definitions", "$schema")
_NAMED = (["$defs"], ["definitions"])


class SchemaModel(ResponseModel[Any]):
    """The answer is plain data that fits the schema."""

    def __init__(self, schema: Mapping[str, Any]) -> None:
        kind = jsonschema.validators.validator_for(schema, jsonschema.Draft202012Validator)
        try:
            kind.check_schema(dict(schema))
        except jsonschema.SchemaError as error:
            raise ConfigurationError(
                f"not a JSON schema: {at(list(error.absolute_path), error.message)}"
            ) from error
        self._validator = kind(dict(schema), registry=Registry())  # one that fetches nothing from the net
        self.name = name_of(schema.get("title"))
        self.schema = dict(schema)
        if not is_object(schema):
            self.wrapper = "items" if schema.get("type") == "array" else "value"
            self.schema = _wrapped(self.wrapper, schema)

    def validate(self, document: bytes, is_wrapped: bool) -> Any:
        value = jiter.from_json(document)
        if self.wrapper is not None and is_wrapped:
            if self.wrapper not in value:
                raise InvalidAnswer([f"the field {self.wrapper!r} is missing"])
            value = value[self.wrapper]
        try:
            errors = list(self._validator.iter_errors(value))
        except Unresolvable as error:
            raise ConfigurationError(f"the schema refers to what is not in it: {error}") from error
        found = sorted(errors, key=lambda each: list(map(str, each.absolute_path)))
        if found:
            raise InvalidAnswer([at(list(each.absolute_path), _short(each.message)) for each in found])
        return value

    def item(self, value: Any) -> Any:
        return value


def _short(message: str) -> str:
    """The end of it, which says what is wrong; what it is said of may be the whole answer."""
    return message if len(message) <= _LONGEST_MESSAGE else "... " + message[-_LONGEST_MESSAGE:]


def _wrapped(wrapper: str, schema: Mapping[str, Any]) -> dict[str, Any]:
    """An object with that one field; parts with names stay at the root, what else is referred to moves."""
    found = _moved(schema, f"#/properties/{wrapper}")
    shared = {name: found.pop(name) for name in _AT_ROOT if name in found}
    return {"type": "object", "properties": {wrapper: found}, "required": [wrapper], **shared}


def _moved(part: Any, place: str) -> Any:
    """A part of a schema that now stands at this place, as do the parts it refers to."""
    if isinstance(part, list):
        return [_moved(each, place) for each in part]
    if not isinstance(part, Mapping):
        return part
    made = {name: _moved(value, place) for name, value in part.items()}
    reference = made.get("$ref")
    if isinstance(reference, str) and reference[:1] == "#" and reference.split("/")[1:2] not in _NAMED:
        made["$ref"] = place + reference[1:]
    return made
