"""From what was asked for, a type or a schema, to the model that answers are held against."""

from __future__ import annotations

from collections.abc import Mapping
from types import FunctionType
from typing import Any

from ..exceptions import ConfigurationError
from .answer_model import ResponseModel


def response_model(wanted: Any) -> ResponseModel[Any]:
    """Take a pydantic model, a dataclass, a TypedDict, any other type, or a JSON schema as a mapping.

    Raises `ConfigurationError` for what no schema can be made of.
    """
    if isinstance(wanted, ResponseModel):
        return wanted
    if isinstance(wanted, Mapping):
        from .schema_model import SchemaModel  # noqa: PLC0415  # needs jsonschema, an extra

        return SchemaModel(wanted)
    if wanted is None or isinstance(wanted, (str, bytes, int, float, FunctionType)):
        raise ConfigurationError(f"response_model is a type or a JSON schema, not {wanted!r}")
    from .typed_model import TypedModel  # noqa: PLC0415  # loads pydantic

    return TypedModel(wanted)
