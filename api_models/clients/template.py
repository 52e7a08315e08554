"""Events that differ from one another in little but their text need not be parsed again and again."""

from __future__ import annotations

import re
from collections.abc import Callable

_SCALAR = re.compile(rb'("[^"\\\x00-\x1f]*"|-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?)')
_PLAIN = rb'[^"\\\x00-\x1f]*'  # what stands for itself in a JSON string, and does not end it
_INTEGER = rb"-?(?:0|[1-9]\d*)"
_NOTHING = re.compile(rb"(?!)()")

_PROBE = b"api-models-probe"
_OTHER_TEXT, _OTHER_NUMBER = b'"api-models-other"', b"987654321"
_LESSONS = 32
"""How often a stream whose events keep changing their shape is tried again."""


class Template:
    """What does not change in the text events of one stream, as a pattern with holes.

    The first hole is the text of an event that was parsed; strings and whole numbers in which a
    later one differs become holes too: serial numbers, padding. An event with the same bytes around
    its holes, and no quotes or escapes in them, means the same but for its text.
    """

    def __init__(self) -> None:
        self.match = _NOTHING.fullmatch
        """Of an event of this pattern the text, as group 1."""
        self._pieces: list[bytes] = []  # of the last lesson: scalars at the odd places, the rest between
        self._holes: set[int] = set()
        self._lessons = 0

    def learn(self, event: bytes, text: str, read: Callable[[bytes], str | None]) -> None:
        """Take the event into the pattern, if its `text` stands in it just once and as it is.

        `read` must find another text put in its place, whatever stands in the other holes.
        """
        if self._lessons >= _LESSONS or b"\\" in event or self.match(event):
            return
        self._lessons += 1
        pieces, quoted = _SCALAR.split(event), b'"' + text.encode("utf-8", "replace") + b'"'
        places = [at for at in range(1, len(pieces), 2) if pieces[at] == quoted and not _is_key(pieces, at)]
        if len(places) != 1:
            return
        changed = _changed(self._pieces, pieces)
        self._holes = {*places} if changed is None else {*places, *changed, *self._holes}
        self._pieces = pieces
        if read(_filled(pieces, self._holes, places[0])) == _PROBE.decode():
            self.match = _pattern(pieces, self._holes, places[0]).fullmatch


def _is_key(pieces: list[bytes], at: int) -> bool:
    return pieces[at + 1].lstrip().startswith(b":")


def _changed(before: list[bytes], after: list[bytes]) -> list[int] | None:
    """Where the scalars of two events differ; None if they differ elsewhere, or in kind."""
    if before[::2] != after[::2]:
        return None
    changed = [at for at in range(1, len(after), 2) if before[at] != after[at]]
    alike = (_kind(before[at]) == _kind(after[at]) != b"" and not _is_key(after, at) for at in changed)
    return changed if all(alike) else None


def _kind(scalar: bytes) -> bytes:
    """The pattern of all scalars of this kind; none for a number that is not whole."""
    if scalar.startswith(b'"'):
        return b'"' + _PLAIN + b'"'
    return _INTEGER if re.fullmatch(_INTEGER, scalar) else b""


def _filled(pieces: list[bytes], holes: set[int], text_at: int) -> bytes:
    """The event with other things in its holes."""
    filled = list(pieces)
    for at in holes:
        filled[at] = _OTHER_TEXT if pieces[at].startswith(b'"') else _OTHER_NUMBER
    filled[text_at] = b'"' + _PROBE + b'"'
    return b"".join(filled)


def _pattern(pieces: list[bytes], holes: set[int], text_at: int) -> re.Pattern[bytes]:
    parts = [_kind(piece) if at in holes else re.escape(piece) for at, piece in enumerate(pieces)]
    parts[text_at] = b'"(' + _PLAIN + b')"'
    return re.compile(b"".join(parts))
