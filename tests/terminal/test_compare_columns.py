"""`api-models compare` on a real terminal: columns that grow, and what is left of them."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

pytest.importorskip("pty", reason="this system has no pseudo-terminals")
pytest.importorskip("pyte", reason="pyte is not installed: no screen to look at, terminal programs untested")
pytest.importorskip("rich", reason="rich is not installed: nothing is drawn")

from pseudo_terminal import PseudoTerminal, program

from api_models.dual_track import Comparison
from api_models.dual_track.comparison import TrackFigures
from api_models.streaming.stream_events import TokenUsage
from api_models.terminal.columns import page
from api_models.testing import Provider, Reply, chat

DONE, INTERRUPTED = 0, 130


@pytest.fixture
def compare(monkeypatch, tmp_path):
    """A function that compares two labs with these replies on a terminal."""
    opened = []

    def run(first, second, *arguments, size=(80, 24), environment=None):
        labs = {"first": Provider(first), "second": Provider(second)}
        opened.extend(labs.values())
        path = tmp_path / "api_models.toml"
        path.write_text(
            "".join(
                f'[providers.{name}]\nkind = "openai_compatible"\nbase_url = "{lab.url}/v1"\nmodel = "m"\n'
                for name, lab in labs.items()
            )
        )
        monkeypatch.setenv("API_MODELS_CONFIG", str(path))
        command = program("compare", "first", "second", "hi", *arguments)
        terminal = PseudoTerminal(command, environment=environment, size=size)
        opened.append(terminal)
        return terminal, list(labs.values())

    yield run
    for each in reversed(opened):
        each.__exit__()


STALLED = Reply(chat(["Red and ", "green."]), stall_after=3)


def test_columns_grow_while_both_are_on_their_way_and_the_comparison_stays(compare):
    terminal, (_, second) = compare(Reply(chat(["Red and ", "blue."])), STALLED)
    growing = terminal.wait_for(lambda text: "Red and green." in text and "completed" in text)
    names, states, figures, _, texts = [line for line in growing.splitlines() if "|" in line]
    assert [each.strip() for each in names.split("|")] == ["first", "second"]
    assert re.fullmatch(r"completed, first token \d+\.\d\d s, \d+/s +\| active, first .*", states)
    assert [each.strip() for each in figures.split("|")] == ["13 characters", "14 characters, parts at 8"]
    assert [each.strip() for each in texts.split("|")] == ["Red and blue.", "Red and green."]
    assert "agreement" not in growing
    terminal.type("\x03")
    assert terminal.wait() == INTERRUPTED
    assert second.wait_for_close() is not None
    assert b"\x1b[?25h" in terminal.raw  # the cursor is back


def test_the_final_comparison_stands_alone(compare):
    replies = [Reply(chat(texts), pace=0.05) for texts in (["Red and ", "blue."], ["Red."])]
    terminal, _ = compare(*replies, size=(140, 24))
    assert terminal.wait() == DONE
    told = terminal.text
    assert (told.count("Red and blue."), told.count("first token")) == (1, 1)
    assert re.search(r"agreement \((rapidfuzz|difflib)\)", told)


@pytest.mark.parametrize("arguments", [["--json"], ["--plain"]])
def test_who_wants_it_plain_gets_the_end_alone(compare, arguments):
    terminal, _ = compare(Reply(chat(["Hello"]), pace=0.05), Reply(chat(["Hello"])), *arguments)
    assert terminal.wait() == DONE
    assert b"\x1b[" not in terminal.raw


def test_a_dumb_terminal_gets_the_end_alone(compare):
    terminal, _ = compare(Reply(chat(["Hello"])), Reply(chat(["Hello"])), environment={"TERM": "dumb"})
    assert terminal.wait() == DONE
    assert b"\x1b[" not in terminal.raw
    assert terminal.text.count("Hello") == 2


def test_a_page_is_as_high_as_the_terminal_and_shows_the_end():
    text = "\n".join(map(str, range(100)))
    track = TrackFigures("a", None, "active", text, 0.5, 2.0, 4, 2.0, TokenUsage(), None, None)
    lines = page(Comparison((track, replace(track, name="b"))), 80, 12).splitlines()
    assert len(lines) < 12
    assert lines[-1].split() == ["99", "|", "99"]
