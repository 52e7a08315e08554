"""What it costs to show an answer on a terminal as Markdown.

    python -m benchmarks.terminal [--seconds 4] [--rate 100] [--rounds 5]

On a pseudo-terminal that another process reads. "whole" is what `rich` suggests: all of the text is
rendered again ten times a second, by its own `Live`. A frame is measured where the answer is short,
and where it is long; a token, on the thread of the stream; CPU, of the process, at a steady rate.
"""

from __future__ import annotations

import contextlib
import os
import pty
import statistics
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import TextIO

from api_models import ConsoleHandler, RichHandler, StreamHandler, StreamManager
from api_models.handlers.rich_screen import Screen

from .measure import Bar, Chart, Findings, Goal, interleaved, parser, ratio
from .sources import Counting

PARAGRAPH = (
    "## A heading\n\nSome **words** about `code` and other things, in a sentence of usual length. "
    "Another one follows it.\n\n- one item\n- another item\n\n```python\ndef f(x):\n    return x + 1\n```\n\n"
)
SHORT, LONG = 2, 100  # paragraphs


@contextlib.contextmanager
def terminal() -> Iterator[TextIO]:
    """A terminal of 100 columns whose reader is another process, as terminals are."""
    ours, theirs = pty.openpty()
    os.environ.update(COLUMNS="100", LINES="40", TERM="xterm-256color")
    reader = subprocess.Popen(["cat"], stdin=ours, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        with os.fdopen(theirs, "w", encoding="utf-8") as output:
            yield output
    finally:
        os.close(ours)
        reader.kill()
        reader.wait()


class Whole(StreamHandler):
    """Renders all of the text again and again."""

    def __init__(self, output: TextIO) -> None:
        from rich.console import Console
        from rich.live import Live

        self._text = ""
        self._live = Live(console=Console(file=output), refresh_per_second=10, get_renderable=self._render)

    def _render(self) -> object:
        from rich.markdown import Markdown

        return Markdown(self._text)

    def on_stream_start(self, metadata: object) -> None:
        self._live.start()

    def on_token_received(self, token: str, index: int) -> None:
        self._text += token

    def on_stream_complete(self, full_response: str) -> None:
        self._live.stop()

    on_stream_cancelled = on_stream_complete


def cut(text: str) -> list[str]:
    """Pieces as long as tokens are."""
    return [text[at : at + 4] for at in range(0, len(text), 4)]


def share(make: Callable[[TextIO], StreamHandler], rate: float, seconds: float) -> float:
    """Percent of one core while tokens come at this rate; the last rendering is not in it."""
    tokens = cut(PARAGRAPH * (1 + int(rate * seconds * 4 / len(PARAGRAPH))))
    with terminal() as output:
        manager = StreamManager({"tokens_per_second": rate})
        manager.register_handler(make(output))
        begun = time.process_time()
        manager.start_stream(tokens)
        manager.wait(seconds)
        spent = time.process_time() - begun
        manager.cancel_stream()
        manager.wait()
    return spent / seconds * 100


def frame(paragraphs: int) -> float:
    """Milliseconds to draw what is new and the tail, behind so many paragraphs."""
    with terminal() as output:
        live = RichHandler(output)._live
        assert live is not None
        live._take_hold()
        for number in range(paragraphs):
            live.on_token_received(PARAGRAPH, number)
        live._draw()
        pieces = cut(PARAGRAPH)
        begun = time.perf_counter()
        for piece in pieces:
            live.on_token_received(piece, 0)
            live._draw()
        spent = time.perf_counter() - begun
        live._draw_last()
        live._let_go()
    return spent / len(pieces) * 1e3


def whole_frame(paragraphs: int) -> float:
    """The same for all of the text."""
    from rich.markdown import Markdown

    with terminal() as output:
        screen = Screen(output, output)
        begun = time.perf_counter()
        screen._console.render_lines(Markdown(PARAGRAPH * paragraphs))
        return (time.perf_counter() - begun) * 1e3


def token(make: Callable[[TextIO], StreamHandler], count: int) -> float:
    """Nanoseconds that handing it a token takes the stream's thread."""
    with terminal() as output:
        take = make(output).on_token_received
        begun = time.perf_counter()
        for number in range(count):
            take("word ", number)
        return (time.perf_counter() - begun) / count * 1e9


def nothing(output: TextIO) -> StreamHandler:
    return Counting()


def main(arguments: Sequence[str] | None = None) -> None:
    options = parser(__doc__, rounds=5)
    options.add_argument("--seconds", type=float, default=4.0)
    options.add_argument("--rate", type=float, default=100.0)
    options.add_argument("--tokens", type=int, default=20_000)
    given = options.parse_args(arguments)
    findings = Findings("terminal", "What a terminal costs")
    frames = interleaved(
        given.rounds,
        {
            "ours, short": partial(frame, SHORT),
            "ours, long": partial(frame, LONG),
            "whole, short": partial(whole_frame, SHORT),
            "whole, long": partial(whole_frame, LONG),
        },
    )
    ways = {"no handler": nothing, "ConsoleHandler": ConsoleHandler, "RichHandler": RichHandler}
    tokens = interleaved(
        given.rounds, {name: partial(token, make, given.tokens) for name, make in ways.items()}
    )
    shares = interleaved(
        min(given.rounds, 3),
        {
            name: partial(share, make, given.rate, given.seconds)
            for name, make in {**ways, "whole": Whole}.items()
        },
    )
    title = f"CPU at {given.rate:g} tokens/s"
    for name, unit, found in (("A frame", "ms", frames), ("A token", "ns", tokens), (title, "%", shares)):
        bars = [Bar.of(each, "peer" if "whole" in each else "ours", values) for each, values in found.items()]
        findings.charts.append(Chart(name, unit, bars, logarithmic=True))
    long, short = frames["ours, long"], frames["ours, short"]
    taken, spent = statistics.median(tokens["RichHandler"]), statistics.median(shares["RichHandler"])
    findings.goals += [
        Goal(f"a frame behind {LONG} paragraphs x behind {SHORT}", ratio(long, short), "x", 2.0, 1.2),
        Goal("a frame, ours x whole, long", ratio(long, frames["whole, long"]), "x", 0.5, 0.1),
        Goal("a token taken by RichHandler", taken, "ns", 1000, 300),
        Goal(f"CPU of RichHandler at {given.rate:g} tokens/s", spent, "%", 20, 10),
    ]
    findings.write(given.json, vars(given))


if __name__ == "__main__":
    main()
