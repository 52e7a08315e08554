"""TypedDicts as pydantic takes them: before Python 3.12 those of `typing_extensions` alone."""

from __future__ import annotations

import sys
import types
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints, is_typeddict

from typing_extensions import NotRequired, Required, TypedDict

_MARKS = (Required, NotRequired)
_functional: Any = TypedDict
"""Called with names that are known when the program runs, of which a type checker knows nothing."""


def portable(hint: Any) -> Any:
    """The same type, with each TypedDict made again where that is needed, those inside of it too."""
    return hint if sys.version_info >= (3, 12) else _made_again(hint, ())


def _made_again(hint: Any, around: tuple[Any, ...]) -> Any:
    if is_typeddict(hint) and type(hint).__module__ == "typing" and hint not in around:
        hints = get_type_hints(hint, include_extras=True).items()
        fields = {name: _marked(hint, name, _made_again(field, (*around, hint))) for name, field in hints}
        return _functional(hint.__name__, fields)
    origin, arguments = get_origin(hint), get_args(hint)
    if not arguments or origin is Literal or not all(map(_is_hint, arguments)):
        return hint
    return _rebuilt(origin, tuple(_made_again(argument, around) for argument in arguments))


def _marked(typed_dict: Any, name: str, field: Any) -> Any:
    """A field that may be missing says so itself."""
    if name in typed_dict.__required_keys__ or get_origin(field) in _MARKS:
        return field
    return NotRequired[field]


def _is_hint(argument: Any) -> bool:
    return argument is not Ellipsis and not isinstance(argument, list)


def _rebuilt(origin: Any, arguments: tuple[Any, ...]) -> Any:
    if origin is types.UnionType:
        return Union[arguments]  # noqa: UP007  # of a number of types that is not known here
    if origin is Annotated:
        return Annotated[arguments]
    return origin[arguments[0] if len(arguments) == 1 else arguments]
