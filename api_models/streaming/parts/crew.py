"""Threads that work on one thing together."""

from __future__ import annotations

import contextvars
import threading
from collections.abc import Callable


class Crew:
    """Daemon threads named after what they work on; one of them at most has the turn.

    Each runs in a copy of the context variables of who made the crew.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._context = contextvars.copy_context()
        self._threads: set[threading.Thread] = set()
        self.turn: list[None] = []
        """The turn, while it is laid down: who has it appends it. No lock: nobody ever waits for it."""

    def spawn(self, role: Callable[[], None], suffix: str = "") -> None:
        """Start a thread that plays this role, and is gone when it is played."""
        thread = threading.Thread(
            target=self._context.copy().run, args=(role,), name=self._name + suffix, daemon=True
        )
        self._threads.add(thread)
        thread.start()

    def includes_caller(self) -> bool:
        return threading.current_thread() in self._threads

    def take_turn(self) -> bool:
        """Take the turn, if it is laid down; of several who try at once, one gets it."""
        try:
            self.turn.pop()
        except IndexError:
            return False
        return True
