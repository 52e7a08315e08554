"""Types as response models: the one file that imports pydantic."""

from __future__ import annotations

import collections.abc
import json
import types
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin, get_type_hints

from pydantic import (
    AliasChoices,
    BaseModel,
    PydanticUserError,
    RootModel,
    TypeAdapter,
    ValidationError,
    create_model,
)
from pydantic.errors import PydanticInvalidForJsonSchema, PydanticSchemaGenerationError
from typing_extensions import NotRequired, Required

from ..exceptions import ConfigurationError
from .answer_model import InvalidAnswer, ResponseModel, at, is_object, name_of
from .typed_dicts import portable

T = TypeVar("T")

_LISTS = (list, tuple, set, frozenset, collections.abc.Sequence)
_MARKS = (Annotated, Required, NotRequired)


class TypedModel(ResponseModel[T]):
    """A pydantic model, a dataclass, a TypedDict, `list[...]`, or whatever else pydantic knows."""

    def __init__(self, wanted: Any) -> None:
        wanted = portable(wanted)
        self._adapter = _adapter(wanted)
        self._wrapping: type[BaseModel] | None = None
        self.schema = self._schema_of(wanted)
        self.name = name_of(self.schema.get("title"))
        path = self.list_path
        self._item = None if path is None else _adapter(_element(_field(wanted, path[0]) if path else wanted))

    def validate(self, document: bytes, is_wrapped: bool) -> T:
        try:
            if self._wrapping is None or not is_wrapped:
                return self._adapter.validate_json(document)  # type: ignore[no-any-return]  # made for it, as below
            made = self._wrapping.model_validate_json(document)
        except ValidationError as error:
            raise _invalid(error) from error
        return getattr(made, str(self.wrapper))  # type: ignore[no-any-return]  # of the type it was made for

    def item(self, value: Any) -> Any:
        if self._item is None:
            return value
        try:
            return self._item.validate_json(json.dumps(value))  # as in the whole: strict models know JSON
        except ValidationError as error:
            raise _invalid(error) from error
        except Exception as error:  # of a validator of the user's: held against the whole, it ends the stream
            raise InvalidAnswer([repr(error)]) from error

    def _schema_of(self, wanted: Any) -> dict[str, Any]:
        try:
            schema = self._adapter.json_schema()
        except (PydanticInvalidForJsonSchema, PydanticUserError) as error:
            raise ConfigurationError(f"no JSON schema can be made of {wanted!r}: {error}") from error
        if is_object(schema):
            return schema
        self.wrapper = "items" if schema.get("type") == "array" else "value"
        fields: dict[str, Any] = {self.wrapper: (wanted, ...)}
        self._wrapping = create_model("answer", **fields)
        return self._wrapping.model_json_schema()


def _adapter(wanted: Any) -> TypeAdapter[Any]:
    try:
        return TypeAdapter(wanted)
    except (PydanticSchemaGenerationError, PydanticUserError, TypeError, NameError) as error:
        raise ConfigurationError(f"not a type that an answer can be made of: {wanted!r}: {error}") from error


def _invalid(error: ValidationError) -> InvalidAnswer:
    found = error.errors(include_url=False, include_context=False, include_input=False)
    return InvalidAnswer([at(each["loc"], each["msg"]) for each in found])


def _field(wanted: Any, name: Any) -> Any:
    """The type of the field that has this name in the schema."""
    wanted = _bare(wanted)
    for own_name, field in getattr(wanted, "model_fields", {}).items():
        alias = field.validation_alias
        choices = alias.choices if isinstance(alias, AliasChoices) else [alias]
        if name in (own_name, field.alias, *choices):
            return field.annotation
    return _hint(wanted, str(name))


def _hint(wanted: Any, name: str) -> Any:
    """The type of a field of a dataclass or a TypedDict, with what was given for its type variables."""
    origin, arguments = get_origin(wanted), get_args(wanted)
    given = dict(zip(getattr(origin, "__parameters__", ()), arguments, strict=False))
    hint = get_type_hints(origin or wanted, include_extras=True).get(name, Any)
    variables = getattr(hint, "__parameters__", ()) if get_args(hint) else ()
    return hint[tuple(given.get(each, Any) for each in variables)] if variables else hint


def _element(wanted: Any) -> Any:
    """The type of the elements, of a list that may be wrapped into more; anything if it does not say."""
    wanted = _bare(wanted)
    origin, arguments = get_origin(wanted), get_args(wanted)
    if origin in _LISTS and arguments:
        return arguments[0]
    if origin in (Union, types.UnionType):
        return next((found for each in arguments if (found := _element(each)) is not Any), Any)
    return Any


def _bare(wanted: Any) -> Any:
    """The type without its names and marks: what a `NewType` or a `RootModel` is made of, for one."""
    if get_origin(wanted) in _MARKS:
        return _bare(get_args(wanted)[0])
    if isinstance(wanted, type) and issubclass(wanted, RootModel):
        return _bare(wanted.model_fields["root"].annotation)
    inner = getattr(wanted, "__supertype__", None) or getattr(wanted, "__value__", None)
    return wanted if inner is None else _bare(inner)
