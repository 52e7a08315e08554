"""Frozen values that cost next to nothing until they are used.

To its users a `Frozen` class is a frozen dataclass with slots: `dataclasses.fields`, `replace` and
`asdict` take it, its fields are matched by place, and mypy knows it for one. What differs is when its
code is written. `dataclasses` writes and compiles five functions for each class, and loads `inspect` to
do it: for the values that every program imports, that was a third of the time of the import.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from types import ModuleType
from typing import Any, TypeVar

_Type = TypeVar("_Type", bound=type)
_Value = TypeVar("_Value", bound="Frozen")

if sys.version_info >= (3, 11):
    from typing import dataclass_transform
else:

    def dataclass_transform(**_: Any) -> Callable[[_Type], _Type]:
        return lambda decorated: decorated


class _Init:
    """The `__init__` of one class, written when it is first asked for: by the first value, or by `help`."""

    def __get__(self, value: Frozen | None, owner: _FrozenType) -> Any:
        init = _written_init(owner)
        owner.__init__ = init  # type: ignore[misc]  # which replaces this descriptor
        return init.__get__(value, owner)


class _OfDataclass:
    """An attribute by which `dataclasses` tells its own, made when it is asked for."""

    def __set_name__(self, _: type, name: str) -> None:
        self._name = name

    def __get__(self, _: Frozen | None, owner: _FrozenType) -> Any:
        return getattr(_as_dataclass(owner), self._name)


class _FrozenType(type):
    """Makes a slot of each annotated name; the value beside it is the default."""

    defaults: dict[str, Any]
    types: dict[str, Any]
    __match_args__: tuple[str, ...]

    def __new__(mcs, name: str, bases: tuple[type, ...], namespace: dict[str, Any]) -> _FrozenType:
        types = namespace.get("__annotations__", {})
        defaults = {field: namespace.pop(field) for field in types if field in namespace}
        above = [base for base in bases if isinstance(base, _FrozenType)]
        all_types = {field: kind for base in above for field, kind in base.types.items()} | types
        namespace.update(__slots__=tuple(types), __match_args__=tuple(all_types), __init__=_Init())
        made = super().__new__(mcs, name, bases, namespace)
        made.types = all_types
        made.defaults = {field: each for base in above for field, each in base.defaults.items()} | defaults
        return made


@dataclass_transform(frozen_default=True)
class Frozen(metaclass=_FrozenType):
    """Base of values whose fields are set once, by `__init__`; equal if of one class, with equal fields.

    A class may have `__post_init__`, called when its fields are set. Defaults are shared: let them be
    immutable.
    """

    __dataclass_fields__ = _OfDataclass()
    __dataclass_params__ = _OfDataclass()

    if sys.version_info < (3, 11):  # type checkers cannot know there which fields it takes

        def __init__(self, *values: Any, **named: Any) -> None: ...

    def __setattr__(self, name: str, value: Any) -> None:
        raise _frozen_error(f"cannot assign to field {name!r}")

    def __delattr__(self, name: str) -> None:
        raise _frozen_error(f"cannot delete field {name!r}")

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return _values(self) == _values(other)

    def __hash__(self) -> int:
        return hash(_values(self))

    def __repr__(self) -> str:
        fields = zip(type(self).__match_args__, _values(self), strict=True)
        return f"{type(self).__qualname__}({', '.join(f'{name}={value!r}' for name, value in fields)})"

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), _values(self)


def replace(value: _Value, **changes: Any) -> _Value:
    """The same value with other fields; a `TypeError` for a name that is none."""
    return type(value)(**{**fields_of(value), **changes})


def fields_of(value: Frozen) -> dict[str, Any]:
    """The fields by name, as they are."""
    return dict(zip(type(value).__match_args__, _values(value), strict=True))


def _values(value: Any) -> tuple[Any, ...]:
    return tuple([getattr(value, name) for name in type(value).__match_args__])


def _written_init(owner: _FrozenType) -> Callable[..., None]:
    names, defaults = owner.__match_args__, owner.defaults
    parameters = [f"{name}=defaults[{name!r}]" if name in defaults else name for name in names]
    lines = [f"set_{name}(self, {name})" for name in names]
    if hasattr(owner, "__post_init__"):
        lines.append("self.__post_init__()")
    source = f"def __init__({', '.join(['self', *parameters])}):\n " + "\n ".join(lines or ["pass"])
    setters = {f"set_{name}": getattr(owner, name).__set__ for name in names}
    scope: dict[str, Any] = {"defaults": defaults, **setters}
    exec(source, scope)  # as dataclasses do: of names that stand in the class itself
    init: Callable[..., None] = scope["__init__"]
    init.__qualname__, init.__module__ = f"{owner.__qualname__}.__init__", owner.__module__
    init.__annotations__ = {**owner.types, "return": "None"}
    return init


def _dataclasses() -> ModuleType:
    import dataclasses  # noqa: PLC0415  # with what it loads, it takes a tenth of the time of the house

    return dataclasses


def _as_dataclass(owner: _FrozenType) -> Any:
    dataclasses = _dataclasses()
    defaults = {
        name: {"default_factory": partial(owner.defaults.get, name)}  # whatever it is, hashable or not
        for name in owner.defaults
    }
    fields = [(name, kind, dataclasses.field(**defaults.get(name, {}))) for name, kind in owner.types.items()]
    return dataclasses.make_dataclass(owner.__name__, fields, frozen=True)


def _frozen_error(message: str) -> AttributeError:
    error: AttributeError = _dataclasses().FrozenInstanceError(message)
    return error
