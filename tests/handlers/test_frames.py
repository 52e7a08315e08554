"""Drawing on a thread of its own: seldom, to the end, and never in the way of the stream."""

from __future__ import annotations

import subprocess
import sys
import threading
import time

import pytest
from fakes import TIMEOUT, ScriptedSource, outcome, run, start

from api_models.handlers.frames import FRAME_SECONDS, FramedHandler
from api_models.streaming.exceptions import HandlerError
from api_models.streaming.stream_events import StreamCompleted, StreamPaused, StreamStarted


class Sketch(FramedHandler):
    """Draws into a list; `fault` is raised by the next frame, `gate` holds a frame up."""

    def __init__(self):
        super().__init__()
        self.frames, self.times, self.shown = [], [], threading.Condition()
        self.holds, self.gate, self.fault, self.goes_on = 0, threading.Event(), None, True
        self.gate.set()
        self.is_drawing = threading.Event()

    def _take_hold(self):
        self.holds += 1

    def _let_go(self):
        self.holds -= 1

    def _draw(self):
        self.is_drawing.set()
        self.gate.wait(TIMEOUT)
        if self.fault is not None:
            raise self.fault
        with self.shown:
            self.frames.append(list(self._news()))
            self.times.append(time.monotonic())
            self.shown.notify_all()
        return self.goes_on

    def _draw_last(self):
        self.frames.append(list(self._news()))

    def wait_for(self, condition):
        with self.shown:
            assert self.shown.wait_for(condition, TIMEOUT)

    @property
    def text(self):
        return "".join(news for frame in self.frames for news in frame if isinstance(news, str))


def threads():
    return [thread for thread in threading.enumerate() if "frames" in thread.name]


def test_all_that_came_is_drawn_in_order_before_the_stream_has_ended():
    """`wait()` returns behind the last frame, and nothing is left behind."""
    sketch = Sketch()
    run(ScriptedSource(*"abc").end(), sketch)
    events = [news for frame in sketch.frames for news in frame if not isinstance(news, str)]
    assert sketch.text == "abc"
    assert isinstance(events[0], StreamStarted)
    assert isinstance(events[-1], StreamCompleted)
    assert (sketch.holds, threads()) == (0, [])


def test_adjacent_texts_are_drawn_as_one():
    sketch, source = Sketch(), ScriptedSource()
    sketch.gate.clear()
    stream = start(source, sketch)
    source.push(*"abc").end()
    source.wait_until_closed()
    sketch.gate.set()
    stream.result(TIMEOUT)
    assert [news for frame in sketch.frames for news in frame if isinstance(news, str)] == ["abc"]


def test_frames_keep_their_distance():
    """However fast the tokens come."""
    sketch, source = Sketch(), ScriptedSource()
    stream = start(source, sketch)
    for count in range(5):
        source.push(*["x"] * 100)
        sketch.wait_for(lambda count=count: len(sketch.frames) > count)
    source.end()
    stream.result(TIMEOUT)
    gaps = [after - before for before, after in zip(sketch.times, sketch.times[1:], strict=False)]
    assert gaps
    assert min(gaps) > 0.9 * FRAME_SECONDS


def test_a_slow_frame_does_not_hold_up_the_stream():
    """Tokens are taken although the screen is stuck; the end waits until it has taken them."""
    sketch, source = Sketch(), ScriptedSource()
    sketch.gate.clear()
    stream = start(source, sketch)
    assert sketch.is_drawing.wait(TIMEOUT)
    source.push(*["x"] * 1000).end()
    source.wait_until_closed()
    assert not stream.wait(0)
    sketch.gate.set()
    assert stream.result(TIMEOUT).text == sketch.text == "x" * 1000


def test_a_paused_stream_is_not_drawn_again_and_again():
    """Until something happens, the thread rests."""
    sketch, source = Sketch(), ScriptedSource("a")
    stream = start(source, sketch)
    sketch.wait_for(lambda: sketch.text == "a")
    sketch.goes_on = False
    stream.pause_stream()
    sketch.wait_for(lambda: any(isinstance(news, StreamPaused) for frame in sketch.frames for news in frame))
    count = len(sketch.frames)
    threading.Event().wait(3 * FRAME_SECONDS)
    assert len(sketch.frames) <= count + 1
    sketch.goes_on = True
    stream.resume_stream()
    sketch.wait_for(lambda: len(sketch.frames) > count + 2)
    source.end()
    stream.result(TIMEOUT)


@pytest.mark.parametrize("policy", ["stop", "isolate"])
def test_what_went_wrong_with_the_drawing_is_the_handlers_failure(policy):
    """It ends the stream where the policy says so, and is counted in any case; the screen is let go of."""
    sketch, source = Sketch(), ScriptedSource("a")
    stream = start(source, sketch, handler_errors=policy, progress_interval=0.001)
    sketch.wait_for(lambda: sketch.frames)
    sketch.fault = OSError("the screen is gone")
    for thread in threads():
        thread.join(TIMEOUT)
    source.push("b", "c").end()
    ended = outcome(stream)
    if policy == "stop":
        assert isinstance(ended, HandlerError)
        assert ended.__cause__ is sketch.fault
    else:
        assert ended.text == "abc"
        assert ended.stats["handler_errors"] >= 1
    assert sketch.holds == 0


def test_one_handler_shows_one_stream_after_another():
    sketch = Sketch()
    for text in ("one", "two"):
        run(ScriptedSource(text).end(), sketch)
    assert sketch.text == "onetwo"
    assert sketch.holds == 0


def test_what_was_let_go_of_is_not_shown_again():
    """Although its stream goes on, and although another one is shown by then."""
    sketch, first, second = Sketch(), ScriptedSource("a", deaf=True), ScriptedSource("b")
    old = start(first, sketch)
    sketch.wait_for(lambda: sketch.text == "a")
    old.cancel_stream()
    sketch.close()
    sketch.close()
    assert (sketch.holds, threads()) == (0, [])
    new = start(second, sketch)
    sketch.wait_for(lambda: sketch.text == "ab")
    first.end()
    assert old.wait(TIMEOUT)
    assert sketch.holds == 1
    second.push("c").end()
    new.result(TIMEOUT)
    assert (sketch.text, sketch.holds) == ("abc", 0)


def test_the_end_of_the_program_lets_go_of_the_screen():
    """A stream that still runs then, which nobody waited for, keeps nothing back."""
    code = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "from test_frames import Sketch, ScriptedSource, start\n"
        "sketch = Sketch()\n"
        "sketch._let_go = lambda: print('let go', sketch.text)\n"
        "source = ScriptedSource('some text')\n"
        "stream = start(source, sketch)\n"
        "source.wait_until_blocked()\n"
    )
    folder = str(__file__).rpartition("/")[0]
    ended = subprocess.run(
        [sys.executable, "-c", "import sys; sys.path.insert(0, sys.argv[2])\n" + code, folder, f"{folder}/.."],
        capture_output=True, text=True, timeout=TIMEOUT, check=False,
    )  # fmt: skip
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "let go some text\n", "")
