"""Policies between a source and its stream, in a given order."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Iterator

from ..exceptions import PolicyViolationError
from ..streaming.parts.frozen import replace
from ..streaming.parts.log import Log
from ..streaming.stream_events import ResetNotice, StreamChunk
from ..streaming.stream_source import Chunk
from .flow import FLUSH, TICK, Line, let_go
from .policy import Judge, Replace, StreamPolicy, Verdict, check_policy, judge_of
from .stage import Stage

_logger = logging.getLogger("api_models")

_EMPTY = StreamChunk()


class ReplacedText(str):
    """Text that a policy put in the place of the model's; `policy` is its name."""

    __slots__ = ("policy",)
    policy: str

    def __new__(cls, text: str, policy: str) -> ReplacedText:
        made = super().__new__(cls, text)
        made.policy = policy
        return made


class PolicyChain(Stage):
    """A stage of policies: each judges what the one before it let through, of visible text alone.

    Tool calls, usage, stop reasons, thinking and the text of refusals pass unread, behind the text that came
    before them. A policy that blocks ends the stream: the source is closed, and what is raised is a
    `PolicyViolationError` whose `partial_text` was let through.
    """

    def __init__(self, *policies: StreamPolicy) -> None:
        self.policies = tuple(map(check_policy, policies))

    def run(self, chunks: Iterator[Chunk], line: Line) -> Iterator[Chunk]:
        for policy in self.policies:
            chunks = _Guard(policy).run(chunks, line)
        return _noted(chunks, line)


def _noted(chunks: Iterator[Chunk], line: Line) -> Iterator[Chunk]:
    """The chunks, and in the error of a policy what was let through."""
    through = Log(keep_cuts=False)
    try:
        for chunk in chunks:
            if isinstance(chunk, str):
                through.add((chunk, 0, 0.0))
            elif isinstance(chunk, ResetNotice):
                through.reset()
            yield chunk
    except PolicyViolationError as error:
        if error is not line.error:
            error.partial_text = through.text()
        raise
    finally:
        let_go(chunks)


class _Guard:
    """One policy in one stream: holds back what is not decided, and what came behind it."""

    def __init__(self, policy: StreamPolicy) -> None:
        self._policy = policy
        self._begin()

    def run(self, chunks: Iterator[Chunk], line: Line) -> Iterator[Chunk]:
        try:
            for chunk in chunks:
                if isinstance(chunk, str):
                    if chunk:
                        yield from self._judged(chunk)
                elif chunk is TICK or chunk is FLUSH:
                    yield chunk
                elif isinstance(chunk, StreamChunk):
                    yield from self._take(chunk)
                else:
                    if isinstance(chunk, ResetNotice):
                        self._begin()
                    yield chunk
            yield from self._end()
        except Exception as error:
            # Ours, or of a policy before us, is the end of the text; any other is an end behind it.
            if error is line.error or not isinstance(error, PolicyViolationError):
                yield from self._end_after(error)
            raise
        finally:
            let_go(chunks)

    def _begin(self) -> None:
        self._judge = judge_of(self._policy)
        self._taken = self._given = 0  # characters that came, and those that are decided
        self._waiting: deque[tuple[int, Chunk]] = deque()  # what came behind so many characters

    def _take(self, chunk: StreamChunk) -> Iterator[Chunk]:
        """Judge the text of a chunk; all else of it keeps its place behind the text that came before."""
        if chunk.text:
            if chunk.thinking:  # is told before the text
                yield from self._behind(StreamChunk(thinking=chunk.thinking))
            yield from self._judged(chunk.text)
            chunk = replace(chunk, text="", thinking="")
            if chunk == _EMPTY:
                return
        yield from self._behind(chunk)

    def _behind(self, chunk: Chunk) -> Iterator[Chunk]:
        if self._given == self._taken:
            yield chunk
        else:
            self._waiting.append((self._taken, chunk))

    def _judged(self, text: str) -> Iterator[Chunk]:
        self._taken += len(text)
        return self._obey(self._judge.push(text))

    def _end(self) -> Iterator[Chunk]:
        if self._taken > self._given:
            yield from self._obey(self._judge.end())

    def _end_after(self, error: Exception) -> Iterator[Chunk]:
        """Let go what passes of what is held, before an error that is what the user is to see."""
        try:
            yield from self._end()
        except PolicyViolationError as violation:
            _logger.info("%s; the stream failed before: %r", violation, error)

    def _obey(self, verdicts: Iterator[Verdict]) -> Iterator[Chunk]:
        reason = None
        try:
            for verdict in verdicts:
                if isinstance(verdict, str):
                    yield from self._through(verdict) if self._waiting else self._at_once(verdict)
                elif isinstance(verdict, Replace):
                    yield from self._replaced(verdict)
                else:
                    reason = verdict.reason
                    break
        except Exception as error:  # noqa: BLE001  # of the policy, which is the users' code
            yield from self._failed(error)
        if reason is not None:
            raise self._violation(reason)

    def _at_once(self, text: str) -> tuple[str]:
        self._given += len(text)
        return (text,)

    def _through(self, text: str) -> Iterator[Chunk]:
        """Text, and in between what came in between."""
        while self._waiting and self._waiting[0][0] <= self._given + len(text):
            at, chunk = self._waiting.popleft()
            if before := text[: at - self._given]:
                yield before
            text, self._given = text[at - self._given :], at
            yield chunk
        if text:
            yield from self._at_once(text)

    def _replaced(self, verdict: Replace) -> Iterator[Chunk]:
        if verdict.text:
            yield ReplacedText(verdict.text, self._policy.name)
        self._given += len(verdict.old or "")
        while self._waiting and self._waiting[0][0] <= self._given:
            yield self._waiting.popleft()[1]

    def _failed(self, error: Exception) -> Iterator[Chunk]:
        if self._policy.fail_mode == "closed":
            raise self._violation(f"it failed: {error!r}") from error
        _logger.warning("policy %s failed; the text passes from now on", self._policy.name, exc_info=error)
        held, self._judge = self._judge.held, _Pass()
        yield from self._through(held)

    def _violation(self, reason: str) -> PolicyViolationError:
        name = self._policy.name
        return PolicyViolationError(f"policy {name} blocked the stream: {reason}", policy=name, reason=reason)


class _Pass(Judge):
    """In the place of a policy that failed and is open."""

    held = ""

    def push(self, text: str) -> Iterator[Verdict]:
        yield text

    def end(self) -> Iterator[Verdict]:
        yield from ()
