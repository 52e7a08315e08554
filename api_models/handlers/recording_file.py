"""A recording in a file: a header, then each event as a line of JSON."""

from __future__ import annotations

import inspect
import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, TextIO

from .. import exceptions
from ..exceptions import APIModelError, ConfigurationError
from ..streaming import exceptions as streaming_exceptions
from ..streaming import stream_events as events
from ..streaming.exceptions import StreamingError
from ..streaming.parts.frozen import fields_of
from .json_lines import plain

_VERSION = 1
_SECRET = re.compile(
    r"(?i)api.?key|(^|_)key$|authorization|headers?$|secret|password|cookie|credential|(auth|access|^)_?token$"
)
"""Names under which a caller's metadata may hold what is in no recording."""

_Place = str | os.PathLike[str] | TextIO


def write_events(place: _Place, stream_id: str | None, told: Iterable[events.StreamEvent]) -> None:
    if not isinstance(place, (str, os.PathLike)):
        place.writelines(_lines(stream_id, told))
        return
    part = Path(os.fspath(place) + ".part")
    try:
        with part.open("w", encoding="ascii", newline="\n") as file:
            file.writelines(_lines(stream_id, told))
        part.replace(place)
    finally:
        part.unlink(missing_ok=True)


def read_events(place: _Place) -> tuple[str | None, list[events.StreamEvent]]:
    """The id of the recorded stream, and all that was told of it.

    Raises `ConfigurationError`, with the number of the line, for what no recording has.
    """
    if not isinstance(place, (str, os.PathLike)):
        return _read(place)
    with Path(place).open(encoding="utf-8") as file:
        return _read(file)


def _lines(stream_id: str | None, told: Iterable[events.StreamEvent]) -> Iterator[str]:
    yield _line({"api_models_recording": _VERSION, "stream_id": stream_id})
    for event in told:
        line = {"event": type(event).__name__, **fields_of(event), "elapsed": round(event.elapsed, 6)}
        del line["stream_id"]
        if isinstance(event, events.StreamStarted):
            line["metadata"] = _without_secrets(event.metadata)
        yield _line(line)


def _line(value: Mapping[str, Any]) -> str:
    # ASCII: half of a surrogate pair and U+2028 survive every file and every reader of lines.
    return json.dumps(value, default=plain) + "\n"


def _without_secrets(value: Any) -> Any:
    if not isinstance(value, Mapping):
        return value
    return {str(name): _without_secrets(v) for name, v in value.items() if not _SECRET.search(str(name))}


def _read(lines: Iterable[str]) -> tuple[str | None, list[events.StreamEvent]]:
    header, told = None, []
    number = 0
    try:
        for number, line in enumerate(lines, 1):  # noqa: B007  # told when it fails
            said = json.loads(line)
            if header is None:
                header = _checked(said)
            else:
                told.append(_event(said, header["stream_id"] or ""))
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ConfigurationError(f"line {number} is not of a recording: {error!r}") from error
    if header is None:
        raise ConfigurationError("there is no recording in an empty file")
    return header["stream_id"], told


def _checked(header: dict[str, Any]) -> dict[str, Any]:
    if (version := header["api_models_recording"]) != _VERSION:
        raise ValueError(f"version {version} is not known")
    return header


def _event(said: dict[str, Any], stream_id: str) -> events.StreamEvent:
    kind = _KINDS[said.pop("event")]
    for name, revived in _REVIVED.items():
        if name in said:
            said[name] = revived(said[name])
    event: events.StreamEvent = kind(stream_id=stream_id, **said)
    return event


def _result(said: dict[str, Any]) -> events.StreamResult:
    several = {
        "tool_calls": tuple(events.ToolCall(**call) for call in said["tool_calls"]),
        "citations": tuple(said["citations"]),
        "usage": events.TokenUsage(**said["usage"]),
    }
    return events.StreamResult(**{**said, **several})


def _error(said: dict[str, Any]) -> APIModelError:
    """The error as it was, by its class; one that is not ours is a `StreamingError` that names it."""
    name, message = said.pop("error"), said.pop("message")
    kind = _ERRORS.get(name)
    if kind is None:
        kind, message = StreamingError, f"{name}: {message}"
    if "problems" in said:
        said["problems"] = tuple(said["problems"])
    # Made without its constructor, which differs from class to class: it knows what it knew, None else.
    error: APIModelError = kind.__new__(kind, message)
    for made in (APIModelError, kind):
        error.__dict__.update(dict.fromkeys(inspect.getfullargspec(made.__init__).kwonlyargs))
    error.__dict__.update(said)
    return error


def _classes(module: Any, root: type) -> dict[str, Any]:
    return {
        name: kind for name, kind in vars(module).items() if isinstance(kind, type) and issubclass(kind, root)
    }


_KINDS = _classes(events, events.StreamEvent)
_ERRORS = {**_classes(exceptions, APIModelError), **_classes(streaming_exceptions, APIModelError)}
_REVIVED: Mapping[str, Any] = {
    "error": _error,
    "metadata": MappingProxyType,
    "result": _result,
    "tool_call": lambda said: events.ToolCall(**said),
}
