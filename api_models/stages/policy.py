"""What a policy is: it looks at the text of a stream, and lets it through, replaces it, or ends it."""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

from ..exceptions import ConfigurationError
from ..streaming.exceptions import StreamingError
from ..streaming.parts.cutting import Shaper

Window = int | Literal["sentence", "whole"]


@dataclass(frozen=True, slots=True)
class Block:
    """End the stream here: nothing more is let through, and `reason` is why."""

    reason: str


@dataclass(frozen=True, slots=True)
class Replace:
    """Put `text` in the place of `old`, the beginning of what was asked about; None is all of it."""

    text: str
    old: str | None = None


Verdict = str | Replace | Block


class StreamPolicy(ABC):
    """Judges text while it streams. Override `on_text`, and declare how much it needs to see at once.

    `window` is what `on_text` is asked about: 0 is text as it comes, `"sentence"` one sentence at a time,
    `"whole"` the whole text, once. With a number of characters it is asked whenever a character has come,
    about that one and all that was not decided before, at most `window` characters: how the provider cuts
    its text makes no difference. `limit` is how much is gathered at most for a sentence or the whole.

    What `on_text` raises, or gives and may not, or text beyond `limit`, ends the stream as if it was
    blocked if `fail_mode` is `"closed"`; if it is `"open"`, the text passes, and so does all that follows.
    """

    window: Window = 0
    fail_mode: Literal["closed", "open"] = "closed"
    limit: int = 1_000_000

    @property
    def name(self) -> str:
        """What errors and logs call it."""
        return type(self).__name__

    def start(self) -> StreamPolicy | Judge:
        """What judges one stream, with state of its own: a deep copy, unless overridden."""
        return copy.deepcopy(self)

    @abstractmethod
    def on_text(self, text: str) -> Verdict:
        """Decide about `text`: a `str` is how much of its beginning passes, usually all of it.

        What is not decided is asked about again, with what comes next. It may be no longer than `window`.
        """

    def on_end(self, text: str) -> Verdict:
        """Decide about what is left at the end of the stream; what is not decided passes."""
        return self.on_text(text)


class Judge(ABC):
    """Judges the text of one stream as it comes; each verdict is about what comes next in the text."""

    @property
    @abstractmethod
    def held(self) -> str:
        """The text that was taken and is not decided."""

    @abstractmethod
    def push(self, text: str) -> Iterator[Verdict]:
        """Take the next text; what can be decided now."""

    @abstractmethod
    def end(self) -> Iterator[Verdict]:
        """Decide about all that is held."""


def judge_of(policy: StreamPolicy) -> Judge:
    """What judges one stream in the name of this policy."""
    started = policy.start()
    if isinstance(started, Judge):
        return started
    return _KINDS.get(started.window, _Sliding)(started)


class _Asking(Judge):
    """Asks a policy about text as it comes."""

    def __init__(self, policy: StreamPolicy) -> None:
        self._policy = policy
        self._text = ""
        self._at = 0  # up to where the text is decided
        self._slack = 0

    @property
    def held(self) -> str:
        return self._text[self._at :]

    def push(self, text: str) -> Iterator[Verdict]:
        self._take(text)
        yield from self._consult(self._policy.on_text, len(self._text))

    def end(self) -> Iterator[Verdict]:
        self._slack = len(self._text)
        yield from self._consult(self._policy.on_end, len(self._text))
        if rest := self.held:
            self._at += len(rest)
            yield rest

    def _take(self, text: str) -> None:
        self._text, self._at = self._text[self._at :] + text, 0

    def _consult(self, ask: Callable[[str], Verdict], end: int) -> Iterator[Verdict]:
        """Ask about all up to `end`, again as long as more of it gets decided."""
        while self._at < end:
            view = self._text[self._at : end]
            verdict = _checked(ask(view), view)
            if isinstance(verdict, Block):
                yield verdict
                return
            decided = len(verdict if isinstance(verdict, str) else verdict.old or "")
            if not decided:
                break
            self._at += decided
            yield verdict
        if end - self._at > self._slack:
            raise StreamingError(f"{end - self._at} characters were kept back, and {self._slack} declared")

    def _check_limit(self, length: int) -> None:
        if length > self._policy.limit:
            raise StreamingError(f"more than {self._policy.limit} characters would have to be gathered")


class _Sliding(_Asking):
    """Character by character, so that what is asked depends on the text alone and not on its cuts."""

    def __init__(self, policy: StreamPolicy) -> None:
        super().__init__(policy)
        self._slack = policy.window if isinstance(policy.window, int) else 0

    def push(self, text: str) -> Iterator[Verdict]:
        shown = len(self.held)
        self._take(text)
        for end in range(shown + 1, len(self._text) + 1):
            yield from self._consult(self._policy.on_text, end)


class _Sentences(_Asking):
    """Gathers sentences: nothing is copied, or looked at again, until one of them is whole."""

    def __init__(self, policy: StreamPolicy) -> None:
        super().__init__(policy)
        self._shaper = Shaper("sentence", 1)
        self._whole: deque[str] = deque()  # sentences that were not asked about yet
        self._gathered = 0  # characters behind the last of them

    @property
    def held(self) -> str:
        return super().held + "".join(self._whole) + self._shaper.withheld

    def push(self, text: str) -> Iterator[Verdict]:
        self._gathered += len(text)
        for sentence, _ in self._shaper.push(text):
            self._whole.append(sentence)
            self._gathered -= len(sentence)
        while self._whole:
            self._check_limit(len(self._whole[0]))
            self._take(self._whole.popleft())
            yield from self._consult(self._policy.on_text, len(self._text))
        self._check_limit(self._gathered)

    def end(self) -> Iterator[Verdict]:
        for rest, _ in self._shaper.flush():
            self._take(rest)
        yield from super().end()


class _Whole(_Asking):
    """Gathers everything: peeks at the whole before the first character leaves."""

    def __init__(self, policy: StreamPolicy) -> None:
        super().__init__(policy)
        self._pieces: list[str] = []
        self._length = 0

    @property
    def held(self) -> str:
        return super().held + "".join(self._pieces)

    def push(self, text: str) -> Iterator[Verdict]:
        self._pieces.append(text)
        self._length += len(text)
        self._check_limit(self._length)
        yield from ()

    def end(self) -> Iterator[Verdict]:
        self._text, self._pieces = "".join(self._pieces), []
        yield from super().end()


_KINDS: dict[Window, type[_Asking]] = {0: _Asking, "sentence": _Sentences, "whole": _Whole}


def _checked(verdict: Verdict, view: str) -> Verdict:
    """The verdict with what it is about; raises for one that cannot be about `view`."""
    if isinstance(verdict, Replace):
        old = view if verdict.old is None else verdict.old
        if not old or not view.startswith(old):
            raise StreamingError("Replace is about the beginning of the text that was asked about")
        return Replace(verdict.text, old)
    if isinstance(verdict, str) and not view.startswith(verdict):
        raise StreamingError("other text than was asked about is given as a Replace")
    if not isinstance(verdict, (str, Block)):
        raise StreamingError(f"a policy gives str, Block or Replace, not {type(verdict).__name__}")
    return verdict


def check_policy(policy: object) -> StreamPolicy:
    """Raise `ConfigurationError` for what is no policy, or declares what cannot be."""
    if not isinstance(policy, StreamPolicy):
        raise ConfigurationError(f"a policy is a StreamPolicy, not {policy!r}")
    window = policy.window
    is_count = isinstance(window, int) and not isinstance(window, bool) and window >= 0
    if not is_count and window not in ("sentence", "whole"):
        raise ConfigurationError(
            f"the window of {policy.name} is a number of characters, 'sentence' or 'whole', not {window!r}"
        )
    if policy.fail_mode not in ("closed", "open"):
        raise ConfigurationError(
            f"the fail_mode of {policy.name} is 'closed' or 'open', not {policy.fail_mode!r}"
        )
    return policy
