"""Several streams of several models as one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from ..exceptions import ConfigurationError
from ..handlers.notebook import ShownInNotebooks
from ..streaming.exceptions import StreamStateError
from ..streaming.parts.checks import DELAY, INTERVAL, Check, check_names, check_value
from ..streaming.parts.frozen import replace
from ..streaming.stream_config import StreamConfig
from ..streaming.stream_events import StreamResult
from ..streaming.stream_handler import StreamHandler
from ..streaming.stream_manager import StreamManager
from ..streaming.stream_state import StreamState
from ..wrapped_stream import WrappedStream
from .compare import compare
from .comparison import Comparison, Prices
from .director import Director
from .merge import merge
from .mode import Mode
from .prefer import prefer
from .race import race
from .switches import SwitchTeller, knows_switches
from .track import Track

_MODES: dict[str, Callable[[], Mode]] = {"race": race, "prefer": prefer, "merge": merge, "compare": compare}


def mode_of(mode: Mode | str) -> Mode:
    """A mode by its name, with its defaults, or as it is."""
    if isinstance(mode, Mode):
        return mode
    if mode == "consensus":
        raise ConfigurationError("consensus needs a function that picks the answer: mode=consensus(judge)")
    check_names([mode], _MODES, "mode")
    return _MODES[mode]()


def config_of_track(config: StreamConfig) -> StreamConfig:
    """How a track runs: handed out as it comes; the whole has the deadline, which stands still in a pause."""
    return replace(
        config,
        buffer_size=1,
        buffer_seconds=None,
        split="token",
        tokens_per_second=None,
        smooth=False,
        total_timeout=None,
        quiet_after=None,
        progress_interval=_NEVER,
    )


def config_of_whole(config: StreamConfig) -> StreamConfig:
    """How the whole runs: what a provider may take is a matter of the tracks."""
    return replace(config, first_token_timeout=None, idle_timeout=None, silence_timeout=None)


_NEVER = 1e9
_PRICE: Check = (
    lambda price: isinstance(price, Sequence) and len(price) == 2 and all(map(DELAY[0], price)),
    "two numbers of at least 0",
)


def named(model_ids: Any) -> dict[str, Any]:
    """The models of the tracks by their names, which a mapping gives; those asked twice get a number."""
    if isinstance(model_ids, Mapping):
        found = {str(name): model_id for name, model_id in model_ids.items()}
    elif isinstance(model_ids, Iterable) and not isinstance(model_ids, (str, bytes)):
        found = {}
        for model_id in model_ids:
            said = "default" if model_id is None else model_id
            if not isinstance(said, Sequence) or isinstance(said, bytes):
                raise ConfigurationError(f"in model_ids is a str or a list of them, not {model_id!r}")
            name = said if isinstance(said, str) else " or ".join(map(str, said))
            same = sum(known == name or known.startswith(f"{name}#") for known in found)
            found[f"{name}#{same + 1}" if same else name] = model_id
    else:
        raise ConfigurationError(
            f"model_ids is a list of models, or a mapping that names them, not {model_ids!r}"
        )
    if len(found) < 2:
        raise ConfigurationError("tracks are two at least: name two models")
    return found


def by_track(setting: str, given: Any, names: Iterable[str]) -> Mapping[str, Any]:
    """What a setting says by the names of tracks, if anything; other names are refused."""
    if not isinstance(given, (Mapping, type(None))):
        raise ConfigurationError(f"{setting} is a mapping by the names of tracks, not {given!r}")
    check_names(given or {}, names, f"track in {setting}")
    return given or {}


def prompts_of(prompt: Any, names: Iterable[str]) -> dict[str, Any]:
    """What each track is asked: all the same, or each what a mapping says."""
    if not isinstance(prompt, Mapping):
        return dict.fromkeys(names, prompt)
    check_names(prompt, names, "track")
    if missing := [name for name in names if name not in prompt]:
        raise ConfigurationError(f"no prompt is given for track {missing[0]!r}")
    return dict(prompt)


class DualTrack(ShownInNotebooks, WrappedStream):
    """Runs several tracks and is one stream of them, controlled and read like a `StreamManager`.

    `tracks` are the streams it is made of, by name: each may be paused, cancelled, iterated or asked for
    its result by itself, and hearing them is up to who registers handlers with them.
    """

    def __init__(
        self,
        tracks: Sequence[Track],
        mode: Mode | str = "race",
        config: StreamConfig | Mapping[str, Any] | str | None = None,
        handlers: Iterable[Any] = (),
        priority: Mapping[str, float] | None = None,
    ) -> None:
        names = [track.name for track in tracks]
        self.mode = mode_of(mode)
        self.tracks: Mapping[str, StreamManager] = MappingProxyType({t.name: t.stream for t in tracks})
        self._tracks = tracks
        self._director = Director(tracks, self.mode.start(names), _weights(names, priority))
        super().__init__(StreamManager(config_of_whole(StreamConfig.of(config))))
        for handler in handlers:
            self.register_handler(handler)

    def start(self, metadata: Mapping[str, Any] | None = None) -> str:
        """Begin, once, and return the id of the whole; raises `StreamStateError` the second time."""
        if self._stream.state != StreamState.INACTIVE:
            raise StreamStateError("these tracks were started: make others")
        told = {"provider": None, "model": None, "mode": self.mode.name, "tracks": tuple(self.tracks)}
        return self._stream.start_stream(self._director, {**told, **(metadata or {})})

    def _teller(self, handler: Any) -> StreamHandler | None:
        return SwitchTeller(handler) if knows_switches(handler) else None

    @property
    def shown(self) -> str | None:
        """Whose answer it is: the winner of a race, who is preferred; None while and where it is nobody's."""
        shown = self._director.play.shown
        return None if shown is None else self._tracks[shown].name

    def get_stream_status(self) -> dict[str, Any]:
        """As of a stream, and under `tracks` that of each."""
        tracks = {name: stream.get_stream_status() for name, stream in self.tracks.items()}
        return {
            **self._stream.get_stream_status(),
            "mode": self.mode.name,
            "shown": self.shown,
            "tracks": tracks,
        }

    def result(self, timeout: float | None = None) -> StreamResult:
        """What came of the whole, or what ended it; `provider` and `model` are of the track that answered."""
        self._refuse_callbacks()
        return self._stream.result(timeout)

    def compare(self, prices: Prices | None = None, measure: str | None = None) -> Comparison:
        """The tracks side by side, as far as they are; `prices` are dollars for a million tokens.

        `measure` says how agreement is found: with `"difflib"`, or `"rapidfuzz"`, which is taken by itself if
        it is installed.
        """
        known = by_track("prices", prices, self.tracks)
        for name, price in known.items():
            check_value(f"prices of {name}", price, _PRICE)
        return Comparison.of(self._tracks, known, measure)

    def wait(self, timeout: float | None = None) -> bool:
        """As with a `StreamManager`; inside a callback of a track, too, it raises `StreamStateError`."""
        self._refuse_callbacks()
        return super().wait(timeout)

    def __iter__(self) -> Iterator[str]:
        self._refuse_callbacks()
        return iter(self._stream)

    def _refuse_callbacks(self) -> None:
        """Raise `StreamStateError` on a thread of a track, for whose end the whole waits."""
        for stream in self.tracks.values():
            if stream.state != StreamState.INACTIVE:
                stream.wait(0)


def _weights(names: Sequence[str], priority: Mapping[str, float] | None) -> list[float]:
    weights = by_track("priority", priority, names)
    for name, weight in weights.items():
        check_value(f"priority of {name}", weight, INTERVAL)
    return [weights.get(name, 1.0) for name in names]
