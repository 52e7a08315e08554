"""Events that differ from one another in their text alone need not be parsed again and again."""

from __future__ import annotations

from collections.abc import Callable

UNSAFE = b'"\\' + bytes(range(32))
"""What ends a JSON string, stands for something else in it, or may not stand in it."""

_NOTHING = b"\x00"  # no event begins with it
_PROBE = "api-models-probe"
_LESSONS = 32
"""How often a stream whose events keep changing elsewhere is tried again."""


class Template:
    """What stands before and behind the text in the events of one stream.

    Learnt from an event that was parsed. An event with the same bytes around a string without
    quotes and escapes means the same but for that string, whatever else stands in it.
    """

    def __init__(self) -> None:
        self.before = _NOTHING
        self.behind = _NOTHING
        self._lessons = 0

    def learn(self, event: bytes, text: str, read: Callable[[bytes], str | None]) -> None:
        """Take the event as the pattern, if its `text` stands in it just once and as it is.

        `read` must find another text put in its place.
        """
        if self._lessons >= _LESSONS or (event.startswith(self.before) and event.endswith(self.behind)):
            return
        self._lessons += 1
        parts = event.split(b'"' + text.encode("utf-8", "replace") + b'"')
        if len(parts) != 2:
            return
        before, behind = parts[0] + b'"', b'"' + parts[1]
        if read(before + _PROBE.encode() + behind) == _PROBE:
            self.before, self.behind = before, behind
