"""One item of a tree of work: its state, how far it is, and what its parts have to do with that."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from ..exceptions import ConfigurationError
from ..streaming.exceptions import StreamCancelledError
from ..streaming.parts.checks import INTERVAL, check_value, is_number
from ..streaming.stream_state import TRANSITIONS, StreamState, Trigger
from .progress_event import ProgressEvent, ProgressType
from .progress_listeners import ProgressListeners

_ALMOST = 99.0  # percent shown at most before the success, so that no rounding makes 100 of it
_ROUNDING = 1e-6  # share of all weights below which a sum of weights is what rounding left of zero

_AMOUNT = (lambda value: is_number(value) and value >= 0), "a number of at least 0"
_TOLD = {
    Trigger.START: ProgressType.START,
    Trigger.COMPLETE: ProgressType.COMPLETE,
    Trigger.FAIL: ProgressType.ERROR,
    Trigger.CANCEL: ProgressType.CANCELLED,
}


@dataclass(slots=True)
class ProgressTree:
    """What the items of one tree share."""

    clock: Callable[[], float] = time.monotonic
    wall_clock: Callable[[], float] = time.time
    listeners: ProgressListeners = field(default_factory=ProgressListeners)
    numbers: Iterator[int] = field(default_factory=itertools.count)


class ProgressItem:
    """A piece of work, from its start to its one end; made by `add_item`.

    Every call may come from any thread, and says whether it did something: nothing happens to what
    has ended. The first call begins what was not started, and what it is a part of. `percent` is None
    while nothing is known, never shrinks, and is 100 after success alone. `message` and `data` are for
    who listens.
    """

    def __init__(self, name: str, weight: float, parent: ProgressItem | None, tree: ProgressTree) -> None:
        self.name = name
        self.weight = weight
        self.path: tuple[str, ...] = () if parent is None else (*parent.path, name)
        self.state = StreamState.INACTIVE
        """Changes under the lock of the tree, as its table says."""
        self.percent: float | None = None
        self._tree = tree
        self._id = next(tree.numbers)
        self._parent = parent
        self._whole: ProgressItem = self if parent is None else parent._whole
        self._open: dict[int, ProgressItem] = {}  # the parts that have not ended
        # Of the parts, by their weights: what is done, what is still expected with that, and all.
        self._done = self._expected = self._weights = 0.0
        self._to_come: float | None = 0.0  # of all, the weight of parts not added yet; None: nobody knows
        self._counted = 0.0, weight  # what is counted of it above: done, expected

    def add_item(self, name: str, weight: float = 1.0) -> ProgressItem:
        """A part of this item, which takes its percent from its parts, by their weights, from now on.

        When an item ends, its parts that have not ended are cancelled; a part of what has ended has
        ended too. Raises `ConfigurationError` for a weight that is no number above 0.
        """
        check_value("weight", weight, INTERVAL)
        with self._tree.listeners.lock:
            item = ProgressItem(name, weight, self, self._tree)
            if self.has_ended:
                item.state = StreamState.CANCELLED
            else:
                self._open[item._id] = item
                self._make_room(weight)
        return item

    def expect_items(self, weight: float | None) -> None:
        """Say what the parts will weigh in all, with those that are not added yet.

        None means that nobody knows: then the percent says nothing new until the end.
        """
        if weight is not None:
            check_value("weight", weight, INTERVAL)
        with self._tree.listeners.lock:
            self._to_come = None
            if weight is not None and weight > self._weights:
                self._to_come = weight - self._weights
                self._expected += self._to_come
                self._weights = weight
            elif weight is not None:
                self._to_come = 0.0

    @property
    def has_ended(self) -> bool:
        return not TRANSITIONS[self.state]

    def start_operation(self, message: str = "", data: Mapping[str, Any] | None = None) -> bool:
        """Begin, if it has not begun."""
        with self._tree.listeners.lock:
            begins = self.state is StreamState.INACTIVE
            self._begin(message, data)
        self._tree.listeners.tell()
        return begins

    def update_progress(
        self,
        message: str = "",
        percent: float | None = None,
        *,
        done: float | None = None,
        total: float | None = None,
        data: Mapping[str, Any] | None = None,
    ) -> bool:
        """Say how far it is: in percent, as `done` of `total`, or not at all if that is not known.

        Less than was said before is not shown. Raises `ConfigurationError` for numbers that are none or
        below 0, and for those of an item with parts, since these know better.
        """
        known = _percent(percent, done, total)
        with self._tree.listeners.lock:
            if self.has_ended:
                return False
            if known is not None and self._weights:
                raise ConfigurationError(f"item {self.name!r} takes its percent from its parts: update those")
            self._begin()
            self._grow(known)
            self._add(ProgressType.PROGRESS, message, data)
        self._tree.listeners.tell()
        return True

    def complete_operation(self, message: str = "", data: Mapping[str, Any] | None = None) -> bool:
        """End with success, at 100 percent, also if some of its parts failed."""
        return self._end(Trigger.COMPLETE, message, data)

    def fail_operation(
        self, error: BaseException | str, message: str = "", data: Mapping[str, Any] | None = None
    ) -> bool:
        """End with `error`; the percent stays where it is, and what is left is expected no more."""
        cause = error if isinstance(error, BaseException) else None
        return self._end(Trigger.FAIL, message or str(error) or type(error).__name__, data, cause)

    def cancel_operation(self, message: str = "", data: Mapping[str, Any] | None = None) -> bool:
        """End without success and without an error; for the rest as when it failed."""
        return self._end(Trigger.CANCEL, message, data)

    def __enter__(self) -> Any:
        self.start_operation()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        """Success, or the error that left the block; an exit, Ctrl-C or a cancelled stream is no error."""
        if error is None:
            self.complete_operation()
        elif isinstance(error, Exception) and not isinstance(error, StreamCancelledError):
            self.fail_operation(error)
        else:
            self.cancel_operation()

    def __repr__(self) -> str:
        percent = "unknown" if self.percent is None else f"{self.percent:.0f} %"
        return f"<{type(self).__name__} {'/'.join(self.path or (self.name,))!r}: {self.state}, {percent}>"

    # What follows is called under the lock of the tree.

    def _make_room(self, weight: float) -> None:
        """For a part that is added: it may have been expected."""
        expected = min(self._to_come or 0.0, weight)
        if self._to_come is not None:
            self._to_come -= expected
        self._weights += weight - expected
        self._expected += weight - expected

    def _begin(self, message: str = "", data: Mapping[str, Any] | None = None) -> None:
        if self.state is not StreamState.INACTIVE:
            return
        if self._parent is not None:
            self._parent._begin()
        self._turn_to(Trigger.START, message, data)

    def _end(
        self,
        trigger: Trigger,
        message: str,
        data: Mapping[str, Any] | None,
        error: BaseException | None = None,
    ) -> bool:
        with self._tree.listeners.lock:
            if self.has_ended:
                return False
            self._begin()
            self._close(trigger, message, data, error)
        self._tree.listeners.tell()
        return True

    def _close(self, trigger: Trigger, message: str = "", data: Any = None, error: Any = None) -> None:
        """End it, and before that its parts; one that never began is told nothing of."""
        for part in list(self._open.values()):
            part._close(Trigger.CANCEL)
        if self._parent is not None:
            del self._parent._open[self._id]
        if self.state is StreamState.INACTIVE:
            self.state = StreamState.CANCELLED
            self._count_above()
        else:
            self._turn_to(trigger, message, data, error)

    def _turn_to(self, trigger: Trigger, message: str, data: Any, error: BaseException | None = None) -> None:
        self.state = TRANSITIONS[self.state][trigger]
        self._grow(100.0 if trigger is Trigger.COMPLETE else None)
        self._add(_TOLD[trigger], message, data, error)

    def _grow(self, percent: float | None) -> None:
        """Let the percent grow, and with it that of all above."""
        if percent is not None:
            most = 100.0 if self.state is StreamState.COMPLETED else _ALMOST
            self.percent = max(self.percent or 0.0, min(percent, most))
        self._count_above()

    def _count_above(self) -> None:
        if self._parent is not None:
            self._parent._count(self)

    def _count(self, part: ProgressItem) -> None:
        """Take in what has become of a part."""
        done, expected = part._share()
        self._done += done - part._counted[0]
        self._expected += expected - part._counted[1]
        part._counted = done, expected
        is_known = self._to_come is not None and (self.percent is not None or part.percent is not None)
        if is_known and self._expected > self._weights * _ROUNDING:
            self._grow(100.0 * self._done / self._expected)

    def _share(self) -> tuple[float, float]:
        """What it brings to the whole above: how much is done, of how much that is expected."""
        done = self.weight * (self.percent or 0.0) / 100.0
        is_given_up = self.state in (StreamState.ERROR, StreamState.CANCELLED)
        return done, done if is_given_up else self.weight

    def _add(self, told: ProgressType, message: str, data: Any, error: BaseException | None = None) -> None:
        self._tree.listeners.add(
            ProgressEvent(
                event_type=told,
                message=message or self.name,
                percent=self.percent,
                overall_percent=self._whole.percent,
                data=MappingProxyType(dict(data or {})),
                monotonic_time=self._tree.clock(),
                wall_time=self._tree.wall_clock(),
                item_id=self._id,
                path=self.path,
                error=error,
            )
        )


def _percent(percent: float | None, done: float | None, total: float | None) -> float | None:
    """What is known of it in percent; None where one of the numbers is missing, or the total is 0."""
    for name, value in (("percent", percent), ("done", done), ("total", total)):
        if value is not None:
            check_value(name, value, _AMOUNT)
    if percent is not None or done is None or not total:
        return percent
    return 100.0 * done / total
