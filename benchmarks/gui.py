"""What streaming into a Tk window costs, and whether the window still answers.

    python -m benchmarks.gui [--rounds 3] [--seconds 3] [--rates 500,3000,50000]

A worker streams so many tokens a second into a text widget, by a `Pump`, by `event_generate` for each
token, and by `after` polling that takes a token a call; and into the window of `api-models gui`, which
shows state and figures besides. Each is a process of its own. Lag is how late
the main loop calls what is due every 10 ms; CPU is that of the whole process, as a share of a core;
late is how long after the last token was due all of them are shown. Where no display is set, Xvfb makes one.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import queue
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from api_models import APIModelManager, Pump, StreamHandler, StreamManager

from .measure import Bar, Chart, Findings, Goal, interleaved, parser, quantile, ratio
from .sources import flow

_BEAT = 10  # milliseconds
_PUMP, _WINDOW = "pump", "api-models gui"
_EVENTS, _POLLING = "event_generate a token", "after, a token a call"
_MOST = {_PUMP: 1_000_000, _WINDOW: 1_000_000, _EVENTS: 5_000, _POLLING: 1_000}
"""Tokens a second above which a way is not tried: it cannot follow."""
_LAG_LIMIT = 50.0
_OVERTIME = 20.0  # seconds after which what is not shown yet will not be waited for


class Screen(StreamHandler):
    """Inserts text, and counts what it inserted; on the thread of the window."""

    def __init__(self, text: Any) -> None:
        self.text = text
        self.shown = 0

    def on_token_received(self, token: str, index: int) -> None:
        self.text.insert("end", token)
        self.text.see("end")
        self.shown += len(token)


class Queued(StreamHandler):
    """Hands each token to the window's thread, and knocks if there is a knocker."""

    def __init__(self, knock: Callable[[], None] = lambda: None) -> None:
        self.tokens: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._knock = knock

    def on_token_received(self, token: str, index: int) -> None:
        self.tokens.put(token)
        self._knock()


def pumped(root: Any, screen: Screen) -> StreamHandler:
    pump = Pump(screen)
    pump.attach_tk(root)
    return pump


def knocked(root: Any, screen: Screen) -> StreamHandler:
    queued = Queued(lambda: root.event_generate("<<Token>>", when="tail"))
    root.bind("<<Token>>", lambda event: screen.on_token_received(queued.tokens.get(), 0))
    return queued


def polled(root: Any, screen: Screen) -> StreamHandler:
    queued = Queued()

    def poll() -> None:
        with contextlib.suppress(queue.Empty):
            screen.on_token_received(queued.tokens.get_nowait(), 0)
        root.after(1, poll)

    poll()
    return queued


_WAYS: dict[str, Callable[[Any, Screen], StreamHandler]] = {
    _PUMP: pumped,
    _EVENTS: knocked,
    _POLLING: polled,
}


def show(way: str, rate: int, seconds: float) -> dict[str, float]:
    """One process's work: stream into a window, and tell how that went."""
    import tkinter

    root = tkinter.Tk()
    shown, start = (into_the_program if way == _WINDOW else partial(into_a_text, way))(root, rate, seconds)
    root.update()
    lags, burst = Lags(root), max(1, rate // 1000)
    expected = len("word ") * burst * int(seconds * rate / burst)
    begun, cpu = time.perf_counter(), time.process_time()
    start()

    def look() -> None:
        if shown() >= expected or time.perf_counter() - begun > seconds + _OVERTIME:
            root.quit()
        root.after(20, look)

    look()
    root.mainloop()
    took = time.perf_counter() - begun
    figures = {"lag": quantile(lags.seen, 0.99) * 1000, "late": max(0.0, took - seconds) * 1000}
    return {**figures, "cpu": (time.process_time() - cpu) / took * 100, "shown": shown() / expected}


Shown = tuple[Callable[[], int], Callable[[], object]]
"""How many characters are shown, and what begins to stream them."""


def into_a_text(way: str, root: Any, rate: int, seconds: float) -> Shown:
    import tkinter

    text = tkinter.Text(root, wrap="word")
    text.pack()
    screen, stream = Screen(text), StreamManager()
    stream.register_handler(_WAYS[way](root, screen))
    return lambda: screen.shown, lambda: stream.start_stream(lines(rate, seconds))


def into_the_program(root: Any, rate: int, seconds: float) -> Shown:
    from api_models.desktop.conversation import Setup
    from api_models.desktop.palette import LIGHT
    from api_models.desktop.tk_window import Window

    manager = APIModelManager()
    manager.register_provider("flood", lambda entry: Flood(rate, seconds))
    window = Window(root, Setup(manager, ["flood"], {}), ["flood"], LIGHT)
    return lambda: len(window.panes[0].conversation.answer), lambda: window.ask("Go")


class Flood:
    """A client of a model that talks very fast."""

    def __init__(self, rate: int, seconds: float) -> None:
        self._rate, self._seconds = rate, seconds

    def generate_stream(self, prompt: object, params: object) -> Iterator[str]:
        return lines(self._rate, self._seconds)


def lines(rate: int, seconds: float) -> Iterator[str]:
    """So many tokens a second, sixty a line."""
    if rate >= 1000:
        tokens: Iterator[str] = flow(rate, seconds)
    else:
        tokens = slowly(rate, seconds)
    for number, token in enumerate(tokens, 1):
        yield token if number % 60 else token[:-1] + "\n"


def slowly(rate: int, seconds: float) -> Iterator[str]:
    begun = time.perf_counter()
    for number in range(int(rate * seconds)):
        yield "word "
        time.sleep(max(0.0, begun + (number + 1) / rate - time.perf_counter()))


class Lags:
    """How late the loop is with what is due every 10 ms."""

    def __init__(self, root: Any) -> None:
        self.seen: list[float] = []
        self._root = root
        self._due = time.perf_counter()
        self._beat()

    def _beat(self) -> None:
        now = time.perf_counter()
        self.seen.append(max(0.0, now - self._due))
        self._due = now + _BEAT / 1000
        self._root.after(_BEAT, self._beat)


def in_a_process(way: str, rate: int, seconds: float) -> dict[str, float]:
    command = [sys.executable, "-m", "benchmarks.gui", "--one", json.dumps([way, rate, seconds])]
    root = Path(__file__).parents[1]
    said = subprocess.run(command, stdout=subprocess.PIPE, encoding="utf-8", check=True, cwd=root).stdout
    figures: dict[str, float] = json.loads(said)
    if figures["shown"] < 1:
        print(f"  {way} at {rate}/s showed {figures['shown']:.0%} in {seconds + _OVERTIME:.0f} s")
    return figures


@contextlib.contextmanager
def display() -> Iterator[bool]:
    """Whether there is a display; one of Xvfb's, if there was none."""
    if os.environ.get("DISPLAY") or sys.platform in ("darwin", "win32"):
        yield True
    elif shutil.which("Xvfb") is None:
        yield False
    else:
        reader, writer = os.pipe()
        command = ["Xvfb", "-displayfd", str(writer), "-screen", "0", "1024x768x24", "-nolisten", "tcp"]
        with subprocess.Popen(command, pass_fds=[writer], stderr=subprocess.DEVNULL) as server:
            os.close(writer)
            with os.fdopen(reader) as pipe:
                os.environ["DISPLAY"] = f":{pipe.readline().strip()}"
            yield True
            del os.environ["DISPLAY"]
            server.terminate()


def main(arguments: Sequence[str] | None = None) -> None:
    options = parser(__doc__, rounds=3)
    options.add_argument("--seconds", type=float, default=3.0)
    options.add_argument("--rates", default="500,3000,50000")
    options.add_argument("--one", help=argparse.SUPPRESS)
    given = options.parse_args(arguments)
    if given.one:
        print(json.dumps(show(*json.loads(given.one))))
        return
    with display() as shown:
        if not shown:
            print("no display and no Xvfb: left out")
            return
        rates = [int(rate) for rate in given.rates.split(",")]
        measure(rates, given).write(given.json, vars(given))


def measure(rates: Sequence[int], given: Any) -> Findings:
    findings = Findings("gui", "What a window costs")
    for rate in rates:
        ways = {way: partial(in_a_process, way, rate, given.seconds) for way in _MOST if rate <= _MOST[way]}
        found = interleaved(given.rounds, ways, warm_up=False)
        for figure, unit in (("lag", "ms"), ("cpu", "% of a core"), ("late", "ms")):
            bars = [
                Bar.of(way, "ours" if way in (_PUMP, _WINDOW) else "peer", [each[figure] for each in rounds])
                for way, rounds in found.items()
            ]
            titles = {"lag": "lag of the main loop, p99", "cpu": "CPU", "late": "late"}
            findings.charts.append(Chart(f"{titles[figure]}, {rate:,} tokens/s", unit, bars))
        findings.goals += goals(rate, found)
    return findings


def goals(rate: int, found: dict[str, list[dict[str, float]]]) -> list[Goal]:
    told = []
    for way in (_PUMP, _WINDOW):
        lag = Bar.of(way, "ours", [each["lag"] for each in found[way]])
        told.append(
            Goal(f"lag of the main loop, p99, {rate:,} tokens/s, {way}", lag.median, "ms", _LAG_LIMIT)
        )
    cpu = {way: [each["cpu"] for each in rounds] for way, rounds in found.items()}
    told += [
        Goal(f"CPU at {rate:,} tokens/s, pump x {way}", ratio(cpu[_PUMP], cpu[way]), "x", 1.0)
        for way in (_EVENTS, _POLLING)
        if way in cpu
    ]
    return told


if __name__ == "__main__":
    main()
