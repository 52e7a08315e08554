"""Ready-made policies."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Sequence
from typing import Literal

from ..exceptions import ConfigurationError
from .matching import Decide, Searching, Stepping
from .policy import Block, Judge, Replace, StreamPolicy, Verdict, Window

_KEY_PREFIXES = (
    "AIza", "csk-", "fw_", "gsk_", "hf_", "nvapi-", "pplx-", "r8_", "sk-", "tgp_v1_", "xai-",
)  # fmt: skip
"""Of Google, Cerebras, Fireworks, Groq, Hugging Face, NVIDIA, Perplexity, Replicate, Together, xAI; `sk-` of
OpenAI, Anthropic, OpenRouter, DeepSeek and many more."""
_KEY_LETTERS = 16
"""A shorter word with such a beginning is no key."""


def redact_keys(replacement: str = "[key]") -> StreamPolicy:
    """Put `replacement` in the place of API keys of the known providers, however long they are."""
    apart, letter = r"(?<![A-Za-z0-9_-])", "[A-Za-z0-9_-]"
    prefixes = "|".join(map(re.escape, _KEY_PREFIXES))
    pattern = rf"{apart}(?:{prefixes}){letter}{{{_KEY_LETTERS}}}"
    begun = rf"{apart}(?:(?:{prefixes}){letter}{{0,{_KEY_LETTERS - 1}}}|{_beginnings(_KEY_PREFIXES)})"
    longest = max(map(len, _KEY_PREFIXES)) + _KEY_LETTERS
    compiled, decide = re.compile(pattern), _replaced_by(replacement)
    return _Ready("redact_keys", longest, lambda: Searching(compiled, begun, decide, letter))


def redact_emails(replacement: str = "[e-mail]") -> StreamPolicy:
    """Put `replacement` in the place of e-mail addresses."""
    local, label = r"(?<![\w.%+-])[\w.%+-]{1,64}", r"[^\W_](?:[\w-]{0,62})"
    pattern = rf"{local}@(?:{label}\.){{1,4}}[^\W\d_]{{2,24}}"
    begun = rf"{local}(?:@(?:{label}\.){{0,4}}(?:{label})?)?"
    longest = 64 + 1 + 5 * 64
    compiled, decide = re.compile(pattern), _replaced_by(replacement)
    return _Ready("redact_emails", longest, lambda: Searching(compiled, begun, decide))


def redact(pattern: str | re.Pattern[str], window: int, replacement: str = "[redacted]") -> StreamPolicy:
    """Put `replacement` in the place of what `pattern` matches; `window` is the length of the longest match.

    All text comes later by so many characters. A longer match is replaced up to there, and one more for each
    `window` characters of it that match by themselves.
    """
    _check_count("window", window)
    try:
        compiled = re.compile(pattern)
    except (re.error, TypeError) as error:
        raise ConfigurationError(f"redact takes a regex, not {pattern!r}: {error}") from error
    return _Ready("redact", window, lambda: Stepping(compiled, window, _replaced_by(replacement)))


def ban_phrases(*phrases: str, ignore_case: bool = True) -> StreamPolicy:
    """Block a stream that says one of these, as words of their own."""
    if not phrases or not all(isinstance(phrase, str) and phrase for phrase in phrases):
        raise ConfigurationError("ban_phrases takes phrases, each a str that is not empty")
    pattern = "|".join(
        (r"(?<!\w)" if re.match(r"\w", phrase) else "")
        + re.escape(phrase)
        + (r"(?!\w)" if re.search(r"\w\Z", phrase) else "")
        for phrase in sorted(phrases, key=len, reverse=True)
    )
    compiled, begun = re.compile(pattern, re.IGNORECASE if ignore_case else 0), _beginnings(phrases)
    return _Ready("ban_phrases", max(map(len, phrases)), lambda: Searching(compiled, begun, _banned))


def cap_length(characters: int) -> StreamPolicy:
    """Let so many characters through, and block a stream that goes on."""
    _check_count("characters", characters)
    return _LengthCap(characters)


def require_prefix(prefix: str) -> StreamPolicy:
    """Block a text that does not begin with `prefix`, before any of it leaves."""
    if not isinstance(prefix, str) or not prefix:
        raise ConfigurationError(f"prefix is a str that is not empty, not {prefix!r}")
    return _Ready("require_prefix", len(prefix), lambda: _PrefixJudge(prefix))


def json_only(limit: int = 1_000_000) -> StreamPolicy:
    """Block a text that is not JSON as a whole, before any of it leaves; `limit` in characters."""
    _check_count("limit", limit)
    return _JSONOnly(limit)


def judge_text(
    function: Callable[[str], Verdict],
    window: Window = "sentence",
    fail_mode: Literal["closed", "open"] = "closed",
    name: str | None = None,
) -> StreamPolicy:
    """Let a function of yours judge: see `StreamPolicy` for what `window` and `fail_mode` mean.

    Other text than it was given takes its place (with a number of characters as window: give a `Replace`).
    """
    if not callable(function):
        raise ConfigurationError(f"judge_text takes a function of a text, not {function!r}")
    return _Function(function, window, fail_mode, name or str(getattr(function, "__name__", function)))


class _Ready(StreamPolicy):
    """A policy whose judges are made elsewhere: they look at text faster than `on_text` is asked."""

    def __init__(self, name: str, window: Window, make: Callable[[], Judge]) -> None:
        self.window = window
        self._name = name
        self._make = make

    @property
    def name(self) -> str:
        return self._name

    def start(self) -> Judge:
        return self._make()

    def on_text(self, text: str) -> Verdict:
        """Decide about all of a text by itself, at once: what its judge would decide in several steps."""
        judge, passed = self._make(), []
        for verdict in [*judge.push(text), *(judge.end() if judge.held else ())]:
            if isinstance(verdict, Block):
                return verdict
            passed.append(verdict.text if isinstance(verdict, Replace) else verdict)
        outcome = "".join(passed)
        return text if outcome == text else Replace(outcome, text)


def _replaced_by(replacement: str) -> Decide:
    return lambda match: Replace(replacement, match)


def _banned(match: str) -> Block:
    return Block(f"it says {match!r}")


def _beginnings(literals: Sequence[str]) -> str:
    """A regex of what these begin with, none of them as a whole."""
    nested = []
    for literal in literals:
        begun = ""
        for char in reversed(literal[:-1]):
            begun = f"{re.escape(char)}(?:{begun})?" if begun else re.escape(char)
        nested.append(begun or "(?!)")
    return "|".join(nested)


class _PrefixJudge(Judge):
    held = ""

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix
        self._was_there = False

    def push(self, text: str) -> Iterator[Verdict]:
        if self._was_there:
            yield text
            return
        self.held += text
        if self.held.startswith(self._prefix):
            self._was_there = True
            held, self.held = self.held, ""
            yield held
        elif not self._prefix.startswith(self.held):
            yield self._block()

    def end(self) -> Iterator[Verdict]:
        yield self._block()

    def _block(self) -> Block:
        return Block(f"it does not begin with {self._prefix!r}")


class _LengthCap(StreamPolicy):
    name = "cap_length"

    def __init__(self, characters: int) -> None:
        self._characters = self._left = characters

    def on_text(self, text: str) -> Verdict:
        if not self._left:
            return Block(f"it is longer than {self._characters} characters")
        passes = text[: self._left]
        self._left -= len(passes)
        return passes


class _JSONOnly(StreamPolicy):
    name = "json_only"
    window = "whole"

    def __init__(self, limit: int) -> None:
        self.limit = limit

    def on_text(self, text: str) -> Verdict:
        try:
            json.loads(text, parse_constant=_refuse)
        except ValueError as error:
            return Block(f"it is not JSON: {error}")
        return text


class _Function(StreamPolicy):
    def __init__(
        self,
        function: Callable[[str], Verdict],
        window: Window,
        fail_mode: Literal["closed", "open"],
        name: str,
    ) -> None:
        self.window = window
        self.fail_mode = fail_mode
        self._function = function
        self._name = name

    @property
    def name(self) -> str:
        return self._name

    def start(self) -> StreamPolicy:
        return self  # the function's state, if it has any, is the caller's

    def on_text(self, text: str) -> Verdict:
        verdict = self._function(text)
        if isinstance(verdict, str) and verdict != text and self.window in _AT_ONCE:
            return Replace(verdict)
        return verdict


_AT_ONCE = (0, "sentence", "whole")
"""Windows with which all is decided that is asked about."""


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no JSON")


def _check_count(name: str, count: object) -> None:
    if not isinstance(count, int) or isinstance(count, bool) or count < 1:
        raise ConfigurationError(f"{name} is a number above 0, not {count!r}")
