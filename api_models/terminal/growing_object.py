"""An object that grows on a terminal, with how far it is below."""

from __future__ import annotations

import json
import re
from typing import Any, TextIO

from ..exceptions import ConfigurationError
from ..handlers.answer_page import Piece
from ..handlers.answer_status import figures
from ..handlers.json_lines import plain
from ..handlers.on_screen import OnScreen
from ..structured.partial import Partial

_UNSAFE = re.compile("[\x7f-\x9f]")  # control characters that JSON leaves as they are, and terminals obey
_FENCE = "~~~~"  # no line of JSON begins so


class GrowingObject(OnScreen):
    """Draws an answer at most ten times a second, on a thread of its own; needs rich."""

    def __init__(self, output: TextIO, errors: TextIO) -> None:
        try:
            from ..handlers.rich_screen import Screen  # noqa: PLC0415  # rich is optional
        except ImportError as error:
            raise ConfigurationError("GrowingObject needs rich: pip install 'api-models[rich]'") from error
        super().__init__(Screen(output, errors))
        self._partial: Partial | None = None

    def on_partial(self, partial: Partial) -> None:
        """Called before the end of the stream is told, so that the last one is shown."""
        self._partial = partial

    def _take_hold(self) -> None:
        self._partial = None
        super()._take_hold()

    def _draw(self) -> bool:
        self._take_news()
        self._screen.show((), self._object(), self._status_parts(), self._share())
        return self._status.is_ticking

    def _last_pieces(self) -> list[Piece]:
        return [self._object()]

    def _object(self) -> Piece:
        if self._partial is None or self._partial.is_reset:
            return Piece("answer", "")
        return Piece("answer", f"{_FENCE}json\n{json_text(self._partial.value, indent=2)}\n{_FENCE}")

    def _status_parts(self) -> list[str]:
        partial, status = self._partial, self._status
        done = [] if partial is None else _counted(partial)
        return [status.title, *done, *figures(status), *([status.model] if status.model else [])]

    def _share(self) -> float | None:
        partial = self._partial
        if partial is None or not partial.fields_expected:
            return None
        return partial.fields_done / partial.fields_expected


def json_text(value: Any, indent: int | None = None) -> str:
    """JSON that is harmless on a terminal."""
    text = json.dumps(value, ensure_ascii=False, indent=indent, default=plain)
    return _UNSAFE.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def _counted(partial: Partial) -> list[str]:
    fields = f"{partial.fields_done} of {partial.fields_expected} fields" if partial.fields_expected else ""
    items = f"{partial.items_done} item{'s' * (partial.items_done > 1)}" if partial.items_done else ""
    attempt = f"attempt {partial.attempt}" if partial.attempt > 1 else ""
    return [part for part in (attempt, fields, items) if part]
