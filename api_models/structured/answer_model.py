"""What an answer is to be, and how it is held against that."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, Generic, TypeVar

from .partial import Path

T = TypeVar("T")

_NO_NAME = re.compile(r"[^A-Za-z0-9_-]+")


class InvalidAnswer(ValueError):  # noqa: N818  # what it says are problems of the answer, not of ours
    """The answer is JSON, but not what was asked for."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = tuple(problems)


class ResponseModel(ABC, Generic[T]):
    """Knows the schema that a provider is given, which is that of an object whatever was asked for.

    What is no object is asked for as the field `wrapper` of one, since providers want that.
    """

    schema: Mapping[str, Any]
    wrapper: str | None = None
    name: str = "answer"
    """As providers take it."""

    @abstractmethod
    def validate(self, document: bytes, is_wrapped: bool) -> T:
        """The answer as what was asked for; raises `InvalidAnswer`."""

    @abstractmethod
    def item(self, value: Any) -> Any:
        """An element of the list at `list_path` as what was asked for; raises `InvalidAnswer`."""

    @property
    def fields(self) -> frozenset[str] | None:
        """The names at the top; None for what is no object, or one with any names."""
        properties = resolved(self.schema, self.schema).get("properties")
        return None if self.wrapper or not properties else frozenset(properties)

    @property
    def list_path(self) -> Path | None:
        """Where the list stands whose elements are told of: the answer itself, or its one list."""
        if self.wrapper is not None:
            return () if self._is_list(self.schema["properties"][self.wrapper]) else None
        properties = resolved(self.schema, self.schema).get("properties", {})
        lists = [name for name, schema in properties.items() if self._is_list(schema)]
        return (lists[0],) if len(lists) == 1 else None

    def _is_list(self, schema: Any, inside: tuple[Any, ...] = ()) -> bool:
        found = resolved(schema, self.schema)
        if any(found is outer for outer in inside):  # one that refers to itself
            return False
        choices = found.get("anyOf", ())
        return found.get("type") == "array" or any(self._is_list(each, (*inside, found)) for each in choices)


def resolved(schema: Any, root: Mapping[str, Any]) -> Mapping[str, Any]:
    """A schema, or the one it refers to inside the root."""
    for _ in range(_LONGEST_CHAIN):
        if not isinstance(schema, Mapping) or "$ref" not in schema:
            break
        found: Any = root
        for step in str(schema["$ref"]).removeprefix("#").strip("/").split("/"):
            found = found.get(step, {}) if isinstance(found, Mapping) else {}
        schema = found
    return schema if isinstance(schema, Mapping) else {}


_LONGEST_CHAIN = 16
"""References that lead from one to another; more are a circle."""


def is_object(schema: Mapping[str, Any]) -> bool:
    return resolved(schema, schema).get("type") == "object"


def name_of(title: Any) -> str:
    """A name as providers take it, of 64 characters at most."""
    return _NO_NAME.sub("_", str(title or "")).strip("_")[:64] or "answer"


def at(path: Sequence[Any], problem: str) -> str:
    """A problem and where it is."""
    return f"{'.'.join(map(str, path))}: {problem}" if path else problem
