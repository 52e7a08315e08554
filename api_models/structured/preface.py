"""Where the JSON in an answer begins: behind thoughts, remarks and the opening of a fence."""

from __future__ import annotations

import re

_THOUGHTS = b"<think>"
_END_OF_THOUGHTS = b"</think>"
_PLAUSIBLE = {
    b"{": rb'\{\s{0,99}(?:["}]|\s{99})',
    b"[": rb'\[\s{0,99}(?:\s{99}|[\]\[{"\d]|-\d|true\b|false\b|null\b)',
}
"""What a bracket is followed by where it opens JSON; in a remark it mostly is not. So much
white space is not waited for: models that are held to a grammar may write it without end."""
_UNSURE = re.compile(rb"[{\[](?:\s*|\s*(?:-|[a-z]{1,4}))\Z")


class Preface:
    """Looks for the beginning, at each byte about once."""

    def __init__(self, roots: str) -> None:
        brackets = [_PLAUSIBLE[root.encode()] for root in roots]
        self._begin = re.compile(b"|".join(brackets))
        self._looked = 0
        self._thinks: bool | None = None

    def find(self, buffer: bytearray) -> int | None:
        """Where the JSON begins, None if it has not."""
        if self._is_in_thoughts(buffer):
            return None
        found = self._begin.search(buffer, self._looked)
        if found is not None:
            return found.start()
        unsure = _UNSURE.search(buffer, self._looked)
        self._looked = len(buffer) if unsure is None else unsure.start()
        return None

    def _is_in_thoughts(self, buffer: bytearray) -> bool:
        """Whether the answer begins with thoughts that go on, in which there may be drafts."""
        if self._thinks is None:
            said = bytes(buffer[: len(_THOUGHTS) + 64]).lstrip()
            if _THOUGHTS.startswith(said[: len(_THOUGHTS)]) and len(said) < len(_THOUGHTS):
                return True
            self._thinks = said.startswith(_THOUGHTS)
        if self._thinks:
            end = buffer.find(_END_OF_THOUGHTS, self._looked)
            if end < 0:
                self._looked = max(0, len(buffer) - len(_END_OF_THOUGHTS))
                return True
            self._thinks, self._looked = False, end + len(_END_OF_THOUGHTS)
        return False
