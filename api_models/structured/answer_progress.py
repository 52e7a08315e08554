"""How far an answer is: fields done of those that the schema has, elements done of those asked for."""

from __future__ import annotations

from ..exceptions import APIModelError
from ..handlers.progress import ProgressTracker
from ..handlers.progress_event import ProgressEvent
from .growth import Growth


class AnswerProgress:
    """Says to a tracker what is known of one answer, and keeps what that tells until somebody takes it.

    Where neither is known, how many fields nor how many elements, the percent is None until the end.
    """

    def __init__(self, growth: Growth, expected_items: int | None, interval: float) -> None:
        self.tracker = ProgressTracker(name="answer")
        self._growth = growth
        self._expected_items = expected_items
        self._counts = growth.counts
        self._waiting: list[ProgressEvent] = []
        self.tracker.add_listener(self._waiting.append, interval=interval)

    def begin(self) -> None:
        self.tracker.start_operation()

    def look(self) -> None:
        """Say what the last piece of text has changed, if anything; called for each."""
        counts = self._growth.counts
        if counts != self._counts:
            self._counts = counts
            self._say()

    def begin_again(self, reason: str) -> None:
        self._counts = self._growth.counts
        self.tracker.update_progress(f"beginning again: {reason}", data=self._growth.progress())

    def complete(self) -> None:
        self.tracker.complete_operation(data=self._growth.progress())

    def fail(self, error: APIModelError) -> None:
        self.tracker.fail_operation(error, data=self._growth.progress())

    def cancel(self) -> None:
        self.tracker.cancel_operation(data=self._growth.progress())

    def take(self) -> list[ProgressEvent]:
        """What was told since the last time."""
        told, self._waiting[:] = list(self._waiting), []
        return told

    def _say(self) -> None:
        known = self._growth.progress()
        fields, items = self._counts
        expected = known["fields_expected"] or 0, self._expected_items or 0
        said = [_counted(fields, expected[0], "field"), _counted(items, expected[1], "item")]
        self.tracker.update_progress(
            ", ".join(filter(None, said)),
            done=min(fields, expected[0]) + min(items, expected[1]),
            total=sum(expected),
            data=known,
        )


def _counted(done: int, expected: int, what: str) -> str:
    if expected:
        return f"{done} of {expected} {what}s"
    return f"{done} {what}{'s' * (done > 1)}" if done else ""
