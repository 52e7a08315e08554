"""An answer that is an object, in a terminal as it grows, or as lines of JSON for a program."""

from __future__ import annotations

import json
import pkgutil
import sys
from pathlib import Path
from typing import Any, TextIO

from ..exceptions import APIModelError, ConfigurationError
from ..handlers.console import ConsoleHandler
from ..handlers.json_lines import plain
from ..streaming.exceptions import HandlerError
from ..streaming.stream_handler import StreamHandler
from ..structured import StructuredStream
from .growing_object import GrowingObject, json_text
from .showing import STOPPING_PATIENCE

INSTRUCTION = "Find in the text what the schema asks for. Say what the text says, and invent nothing."


def wanted_by(name: str) -> Any:
    """A JSON schema in a file, or the type that `module:Type` names; raises `ConfigurationError`."""
    try:
        if ":" in name and not name.endswith(".json"):
            sys.path.insert(0, "")  # modules of the folder one stands in, as with `python -m`
            return pkgutil.resolve_name(name)
        return json.loads(Path(name).read_text(encoding="utf-8"))
    except (ImportError, AttributeError, ValueError, OSError) as error:
        raise ConfigurationError(f"--schema {name}: {error}") from error


def shown_object(is_plain: bool) -> StreamHandler:
    """What shows it on a terminal: drawn while it grows if rich is installed, else the text as it comes."""
    if is_plain:
        return ConsoleHandler()
    try:
        return GrowingObject(sys.stdout, sys.stderr)
    except ConfigurationError:  # without rich
        return ConsoleHandler()


def follow(stream: StructuredStream[Any], handler: StreamHandler | None, output: TextIO) -> bool:
    """Have the handler show it to the end, or write lines of JSON if there is none; whether it is valid.

    What made it invalid has been told by then. Ctrl-C ends the stream, and is for the caller to see, as is
    an output that is gone.
    """
    try:
        with stream:
            return _write_lines(stream, output) if handler is None else _is_valid(stream)
    except KeyboardInterrupt:
        if not stream.wait(STOPPING_PATIENCE) and isinstance(handler, GrowingObject):
            handler.close()
        raise


def _is_valid(stream: StructuredStream[Any]) -> bool:
    try:
        stream.result()
    except HandlerError as error:
        raise error.__cause__ or error from None
    except APIModelError:
        return False
    return True


def _write_lines(stream: StructuredStream[Any], output: TextIO) -> bool:
    seen: dict[str, Any] = {"value": None}
    try:
        for partial in stream:
            facts = {"attempt": partial.attempt, "fields_done": partial.fields_done, "value": partial.value}
            if not partial.is_final and facts != seen:
                _write(output, "partial", **facts)
            seen = facts
        stream.result()
    except APIModelError as error:
        _write(output, "error", **plain(error))
        return False
    _write(output, "result", mode=stream.mode, value=seen["value"])
    return True


def _write(output: TextIO, event: str, **facts: Any) -> None:
    output.write(json_text({"event": event, **facts}) + "\n")
    output.flush()
