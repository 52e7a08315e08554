"""How soon cancel and pause are seen while 100,000 tokens a second flow.

    python -m benchmarks.control [--rate 100000] [--times 15] [--rounds 7]

The tokens come from plain Python and go to one handler, in the same process, so that the caller and
the stream share one interpreter lock: from a generator that sleeps between bursts of a millisecond,
and from one that never sleeps and gives as many as are taken. From the moment just before the call:
until the last token was handed out, and until the handler heard of it. The worst of a round counts.
"""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import NamedTuple

from api_models import StreamHandler, StreamManager

from .measure import Bar, Chart, Findings, Goal, interleaved, parser
from .sources import flow

_LONGEST = 10.0  # seconds: no try takes so long
_FLOWS_FOR = 0.02  # seconds before the call: the stream is under way
_FLOOD = partial(itertools.repeat, "word ")


class Watch(StreamHandler):
    """Notes when what happened last."""

    def __init__(self) -> None:
        self.tokens = 0
        self.first_token = self.last_token = self.told = 0.0
        self.heard = threading.Event()

    def on_stream_start(self, metadata: object) -> None:
        self.first_token = time.perf_counter()

    def on_token_received(self, token: str, index: int) -> None:
        self.tokens += 1
        self.last_token = time.perf_counter()

    def on_stream_paused(self) -> None:
        self.told = time.perf_counter()
        self.heard.set()

    def on_stream_cancelled(self, partial_response: str) -> None:
        self.on_stream_paused()


class Seen(NamedTuple):
    """After the call; milliseconds."""

    last_token: float
    told: float
    rate: float


def once(call: Callable[[StreamManager], bool], source: Iterable[str]) -> Seen:
    watch = Watch()
    manager = StreamManager({"keep_history": False})
    manager.register_handler(watch)
    manager.start_stream(source)
    time.sleep(_FLOWS_FOR)
    tokens, asked = watch.tokens, time.perf_counter()
    call(manager)
    watch.heard.wait(_LONGEST)
    last_token, told = watch.last_token, watch.told
    manager.cancel_stream()
    manager.wait()
    rate = tokens / (asked - watch.first_token)
    return Seen(max(0.0, last_token - asked) * 1e3, (told - asked) * 1e3, rate)


def worst(call: Callable[[StreamManager], bool], make: Callable[[], Iterable[str]], times: int) -> Seen:
    found = [once(call, make()) for _ in range(times)]
    return Seen(
        max(each.last_token for each in found),
        max(each.told for each in found),
        min(each.rate for each in found),
    )


def main(arguments: Sequence[str] | None = None) -> None:
    options = parser(__doc__)
    options.add_argument("--rate", type=int, default=100_000, help="tokens a second")
    options.add_argument("--times", type=int, default=15, help="calls a round")
    given = options.parse_args(arguments)
    calls = {"cancel": StreamManager.cancel_stream, "pause": StreamManager.pause_stream}
    flows = {f"{given.rate:,} tokens/s": partial(flow, given.rate, _LONGEST), "a flood": _FLOOD}
    works = {
        (name, speed): partial(worst, call, make, given.times)
        for name, call in calls.items()
        for speed, make in flows.items()
    }
    found = interleaved(given.rounds, works)
    findings = Findings("control", "How soon control calls are seen")
    bars = []
    for (name, speed), seen in found.items():
        for what in ("last_token", "told"):
            title = f"{name} in {speed}: {what.replace('_', ' ')}"
            bars.append(Bar.of(title, "ours", [getattr(each, what) for each in seen]))
            shown = f"{bars[-1].median:.2f} ms"
            findings.goals.append(
                Goal(f"{title}, worst of {given.times}", bars[-1].median, "ms", 5, 1, shown)
            )
        slowest = min(each.rate for each in seen)
        findings.notes.append(f"{name} in {speed}: at least {slowest:,.0f} tokens/s flowed before the call.")
    findings.charts.append(Chart(f"After the call, worst of {given.times}", "ms", bars))
    findings.write(given.json, vars(given))


if __name__ == "__main__":
    main()
