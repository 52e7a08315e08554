"""A function of the user's makes one answer of all that are whole."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence

from ..exceptions import ConfigurationError
from ..stages.emulate import emulate_stream
from ..streaming.stream_events import StreamResult
from .mode import Acts, Finish, Mode, Play

Judge = Callable[[Mapping[str, StreamResult]], str | StreamResult]


def consensus(judge: Judge) -> Mode:
    """Wait for all, and hand out what `judge(results)` picks, or builds: a `StreamResult` or a text.

    It is given the whole answers by the names of their tracks, and called once, on a thread of its
    own; nothing is handed out before. The whole fails when no answer is whole.
    """
    if not callable(judge) or inspect.iscoroutinefunction(judge):
        raise ConfigurationError(f"judge is an ordinary function of the results, not {judge!r}")
    return Mode("consensus", lambda names: _Consensus(names, judge))


class _Consensus(Play):
    def __init__(self, names: Sequence[str], judge: Judge) -> None:
        super().__init__(names)
        self._judge = judge

    def ended(self, track: int, now: float) -> Acts:
        if self.running:
            return ()
        if not self.whole:
            return [self.failure()]
        results = {self.names[track]: result for track, result in sorted(self.whole.items())}
        return [Finish(rest=emulate_stream(lambda: self._picked(results)))]

    def _picked(self, results: Mapping[str, StreamResult]) -> str | StreamResult:
        picked = self._judge(results)
        self.shown = next((self.names.index(name) for name, one in results.items() if one is picked), None)
        return picked
