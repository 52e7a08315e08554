"""Which handler shows an answer, and which keys control it, where the program runs."""

from __future__ import annotations

import contextlib
import sys
from contextlib import AbstractContextManager
from typing import Any

from ..exceptions import ConfigurationError
from ..handlers.console import ConsoleHandler
from ..handlers.rich_handler import RichHandler, can_draw
from ..streaming.stream_handler import StreamHandler
from ..streaming.stream_manager import StreamManager

STOPPING_PATIENCE = 2.0  # seconds a cancelled stream gets to print what had arrived


def shown(plain: bool, thinking: bool, total: int | None) -> StreamHandler:
    """Markdown that grows where that can be drawn, and rich is installed; else the text as it comes."""
    if can_draw(sys.stdout) and not plain:
        with contextlib.suppress(ConfigurationError):  # without rich
            return RichHandler(thinking=thinking, total=total)
    return ConsoleHandler(thinking=sys.stderr if thinking else None)


def stop(handler: StreamHandler, stream: StreamManager) -> None:
    """Cancel the stream, and have the screen back soon, even if it cannot be woken."""
    stream.cancel_stream()
    if not stream.wait(STOPPING_PATIENCE) and isinstance(handler, RichHandler):
        handler.close()


def keys_of(handler: StreamHandler, stream: Any) -> AbstractContextManager[None]:
    """The keys that the handler tells its reader of, for as long as the block lasts."""
    return handler.keys(stream) if isinstance(handler, RichHandler) else contextlib.nullcontext()
