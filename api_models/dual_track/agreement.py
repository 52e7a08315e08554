"""How much answers agree."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping, Sequence

from ..exceptions import ConfigurationError
from ..streaming.parts.checks import check_names
from ..streaming.stream_events import StreamResult

Measure = Callable[[Sequence[str], Sequence[str]], float]
"""How much of two sequences of words is common to both, in order: from 0 to 1."""


def measure_of(name: str | None = None) -> tuple[str, Measure]:
    """`"rapidfuzz"` or `"difflib"`, and how it measures; None takes rapidfuzz if it is installed.

    Both give twice the words in common by all words; rapidfuzz is many times as fast, and finds the
    most words in common, where difflib takes the longest stretches. Raises `ConfigurationError` for rapidfuzz
    where it is missing.
    """
    if name is not None:
        check_names([name], _MEASURES, "measure")
        return name, _MEASURES[name]()
    try:
        return "rapidfuzz", _rapidfuzz()
    except ConfigurationError:
        return "difflib", _difflib()


def most_alike(results: Mapping[str, StreamResult]) -> StreamResult:
    """The answer that agrees most with the others, the first of several: a judge for `consensus`."""
    _, measure = measure_of()
    words = {name: result.text.split() for name, result in results.items()}

    def liked(name: str) -> float:
        return sum(measure(words[name], other) for each, other in words.items() if each != name)

    return results[max(results, key=liked)]


def _difflib() -> Measure:
    def measure(first: Sequence[str], other: Sequence[str]) -> float:
        return difflib.SequenceMatcher(None, first, other, autojunk=False).ratio()

    return measure


def _rapidfuzz() -> Measure:
    try:
        from rapidfuzz.distance import Indel  # noqa: PLC0415  # rapidfuzz is optional
    except ImportError as error:
        raise ConfigurationError(
            "measuring with rapidfuzz needs it: pip install 'api-models[fuzzy]'"
        ) from error
    return Indel.normalized_similarity


_MEASURES: dict[str, Callable[[], Measure]] = {"difflib": _difflib, "rapidfuzz": _rapidfuzz}
