"""Several answers side by side: figures, where they part, and how much they agree."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field

from ..exceptions import APIModelError
from ..streaming.exceptions import StreamStateError
from ..streaming.parts.checks import check_names
from ..streaming.stream_events import TokenUsage
from ..streaming.stream_state import StreamState
from .agreement import Measure, measure_of
from .track import Track

Prices = Mapping[str, tuple[float, float]]
"""By the name of a track: dollars for a million tokens of the prompt, and of the answer."""


@dataclass(frozen=True)
class TrackFigures:
    """One answer in numbers, seconds and counts; None for what is not known."""

    name: str
    model: str | None
    state: str
    text: str
    time_to_first_token: float | None
    elapsed_time: float
    tokens: int
    tokens_per_second: float
    usage: TokenUsage
    cost: float | None
    """Dollars."""
    error: str | None

    @property
    def is_running(self) -> bool:
        """Whether more may come."""
        return self.state in (StreamState.INACTIVE, StreamState.ACTIVE, StreamState.PAUSED)

    @classmethod
    def of(cls, track: Track, price: tuple[float, float] | None) -> TrackFigures:
        status = track.stream.get_stream_status()
        stats, state = status["stats"], status["state"]
        usage, model, error = TokenUsage(), None, None
        if state in (StreamState.COMPLETED, StreamState.ERROR):
            try:
                result = track.stream.result(0)
                usage, model = result.usage, result.model
            except (StreamStateError, TimeoutError):
                pass  # its last callback is still running
            except APIModelError as failure:
                error = f"{type(failure).__name__}: {failure}"
        return cls(
            name=track.name,
            model=model,
            state=str(state),
            text="".join(track.texts),
            time_to_first_token=stats["time_to_first_token"],
            elapsed_time=stats["elapsed_time"],
            tokens=stats["tokens_received"],
            tokens_per_second=stats["tokens_per_second"],
            usage=usage,
            cost=_cost(usage, price),
            error=error,
        )


@dataclass(frozen=True)
class Comparison:
    """The figures of all tracks, in their order; the first is what the others are compared with."""

    tracks: tuple[TrackFigures, ...]
    measured_with: str = "difflib"
    """What found the agreement: `difflib` or `rapidfuzz`."""
    _measure: Measure = field(default=measure_of("difflib")[1], repr=False, compare=False)

    @classmethod
    def of(cls, tracks: Sequence[Track], prices: Prices, measure: str | None = None) -> Comparison:
        figures = tuple(TrackFigures.of(track, prices.get(track.name)) for track in tracks)
        return cls(figures, *measure_of(measure))

    def first_divergence(self, name: str) -> int | None:
        """At which character the text of a track parts from the first one's; None if it does not.

        While one of the two is on its way, that it is shorter means nothing yet.
        """
        first, other = self.tracks[0], self._named(name)
        for at, (ours, theirs) in enumerate(zip(first.text, other.text, strict=False)):
            if ours != theirs:
                return at
        if first.is_running or other.is_running or first.text == other.text:
            return None
        return min(len(first.text), len(other.text))

    def agreement(self, name: str) -> float:
        """How much of the words a track has in common with the first one, in order: from 0 to 1."""
        first, other = self.tracks[0].text.split(), self._named(name).text.split()
        return self._measure(first, other)

    def to_json(self) -> str:
        tracks = [{**asdict(track), **self._likeness(track)} for track in self.tracks]
        return json.dumps({"tracks": tracks, "measured_with": self.measured_with}, indent=2)

    def __str__(self) -> str:
        headings = [f"{each} ({self.measured_with})" if each == "agreement" else each for each in _HEADINGS]
        rows = [headings, *(self._row(track) for track in self.tracks)]
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        return "\n".join("  ".join(map(str.ljust, row, widths)).rstrip() for row in rows)

    def _named(self, name: str) -> TrackFigures:
        found = {track.name: track for track in self.tracks}
        check_names([name], found, "track")
        return found[name]

    def _likeness(self, track: TrackFigures) -> dict[str, object]:
        is_first, name = track is self.tracks[0], track.name
        return {
            "first_divergence": None if is_first else self.first_divergence(name),
            "agreement": None if is_first else self.agreement(name),
        }

    def _row(self, track: TrackFigures) -> list[str]:
        parts, agrees = self._likeness(track).values()
        return [
            track.name,
            track.state,
            _said(track.time_to_first_token, "{:.3f} s"),
            f"{track.tokens_per_second:.1f}/s",
            str(track.tokens),
            str(len(track.text)),
            _said(track.usage.output_tokens, "{}"),
            _said(track.cost, "${:.6f}"),
            _said(agrees, "{:.2f}"),
            _said(parts, "at {}"),
            track.error or "",
        ]


_HEADINGS = [
    "track", "state", "first token", "rate", "tokens", "characters", "usage", "cost", "agreement", "parts",
    "error",
]  # fmt: skip


def _said(value: object, form: str) -> str:
    return "-" if value is None else form.format(value)


def _cost(usage: TokenUsage, price: tuple[float, float] | None) -> float | None:
    if price is None or usage.input_tokens is None or usage.output_tokens is None:
        return None
    return (usage.input_tokens * price[0] + usage.output_tokens * price[1]) / 1e6
