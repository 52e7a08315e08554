"""`api-models stream` on a real terminal: what is seen, what the keys do, and what is left behind."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

pytest.importorskip("pty", reason="this system has no pseudo-terminals")
pytest.importorskip("pyte", reason="pyte is not installed: no screen to look at, terminal programs untested")
pytest.importorskip("rich", reason="rich is not installed: nothing is drawn")

from pseudo_terminal import TIMEOUT, PseudoTerminal, program

from api_models.testing import Provider, Reply, chat, error_reply

DONE, FAILED, INTERRUPTED = 0, 1, 130
STATUS = re.compile(
    r"^streaming · 6 tokens · [\d,]+/s · \d+\.\d s · p pause · q stop · mylab:m1$", re.MULTILINE
)
COLOUR = re.compile(rb"\x1b\[[0-9;]*m")

TEXTS = ["## Bees\n\n", "A **bee** ", "is an insect.\n\n", "- wings\n", "- legs\n\n", "It flies"]
WHOLE = Reply(chat(TEXTS))
STALLED = Reply(chat(TEXTS), stall_after=7)  # after the role and all texts, before the end
SHOWN = ["Bees", "A bee is an insect.", " • wings", " • legs", "It flies"]


@pytest.fixture
def ask(monkeypatch, tmp_path):
    """A function that runs the command on a terminal, against a provider that gives this reply."""
    opened = []

    def run(reply, *arguments, environment=None, **pipes):
        provider = Provider(reply)
        opened.append(provider)
        path = tmp_path / "api_models.toml"
        path.write_text(
            'default_provider = "mylab"\n[providers.mylab]\nkind = "openai_compatible"\n'
            f'base_url = "{provider.url}/v1"\nmodel = "m1"\napi_key = "k"\n'
        )
        monkeypatch.setenv("API_MODELS_CONFIG", str(path))
        terminal = PseudoTerminal(program("stream", "hi", *arguments), environment=environment, **pipes)
        opened.append(terminal)
        terminal.provider = provider
        return terminal

    yield run
    for each in reversed(opened):
        each.__exit__()


def contents(terminal):
    """The lines that are not blank, without what fills them up."""
    return [line.strip() if "Bees" in line else line for line in terminal.lines if line.strip()]


def test_an_answer_is_shown_as_markdown_and_what_became_of_it(ask):
    """Nothing of the status line or the tail is left but the last line; the cursor is back."""
    terminal = ask(WHOLE)
    assert terminal.wait() == DONE
    *shown, status = contents(terminal)
    assert shown == SHOWN
    assert re.fullmatch(r"complete · 6 tokens · [\d,]+/s · \d+\.\d s · mylab:m1", status)
    assert not terminal.screen.cursor.hidden
    assert terminal.modes == terminal.modes_before


def test_the_text_is_seen_while_it_arrives_with_the_state_and_the_keys_below(ask):
    terminal = ask(STALLED)
    terminal.wait_for(lambda text: "It flies" in text and STATUS.search(text))


def test_p_pauses_and_resumes_and_meanwhile_the_text_stands_still(ask):
    """Tokens that arrive during the pause are not shown; afterwards all are."""
    count = 200
    words = [f"w{number} " for number in range(count)]
    terminal = ask(Reply(chat(words), pace=0.005, stall_after=1 + count, stall_for=0.1))
    terminal.wait_for(lambda text: "w9 " in text and "p pause" in text)
    terminal.type("p")
    paused = terminal.wait_for(lambda text: "p resume" in text)
    assert f"w{count - 1} " not in paused
    assert terminal.provider.connections[0].stalled.wait(TIMEOUT)  # all of it has arrived meanwhile
    assert terminal.text == paused
    terminal.type(" ")
    assert terminal.wait() == DONE
    assert re.findall(r"w\d+", terminal.text) == [f"w{number}" for number in range(count)]


@pytest.mark.parametrize("key", ["q", "\x1b"], ids=["q", "Esc"])
def test_q_and_escape_stop_a_silent_wire(ask, key):
    """The partial text stays, the provider sees the connection closed, and the exit code says it."""
    terminal = ask(STALLED)
    terminal.wait_for(lambda text: "It flies" in text and "q stop" in text)
    terminal.type(key)
    assert terminal.wait() == INTERRUPTED
    assert terminal.provider.wait_for_close()
    assert contents(terminal)[:-1] == SHOWN
    assert contents(terminal)[-1].startswith("stopped · 6 tokens · ")
    assert terminal.modes == terminal.modes_before


def test_q_stops_before_the_first_token_too(ask):
    terminal = ask(Reply(chat(TEXTS), delay=float("inf")))
    terminal.wait_for(lambda text: "waiting" in text and "q stop" in text)
    terminal.type("q")
    assert terminal.wait() == INTERRUPTED
    assert terminal.text.startswith("stopped")


def test_an_arrow_key_stops_nothing(ask):
    """It begins with the same byte as Esc; the key behind it is heard."""
    terminal = ask(STALLED)
    terminal.wait_for(lambda text: "q stop" in text)
    terminal.type("\x1b[A")
    terminal.type("p")
    assert "paused" in terminal.wait_for(lambda text: "p resume" in text)


@pytest.mark.parametrize("paused", [False, True])
def test_control_c_stops_and_leaves_the_terminal_as_it_was(ask, paused):
    terminal = ask(STALLED)
    terminal.wait_for(lambda text: "It flies" in text and "q stop" in text)
    assert terminal.modes != terminal.modes_before
    if paused:
        terminal.type("p")
        terminal.wait_for(lambda text: "p resume" in text)
    terminal.type("\x03")
    assert terminal.wait() == INTERRUPTED
    assert contents(terminal)[:-1] == SHOWN
    assert contents(terminal)[-1].startswith("stopped")
    assert terminal.modes == terminal.modes_before
    assert not terminal.screen.cursor.hidden


def test_what_went_wrong_is_told_with_what_to_do_and_the_text_is_kept(ask):
    wire = b"".join(event.wire for event in chat(TEXTS)[:7])
    terminal = ask(Reply(chat(TEXTS), cut_at=len(wire)))
    assert terminal.wait() == FAILED
    *shown, status, error, advice = contents(terminal)
    assert shown == SHOWN
    assert status.startswith("failed · ")
    assert error.startswith("error: ")
    assert advice == "next: ask again; the text so far is kept"


def test_a_refused_key_is_told_with_what_to_do(ask):
    terminal = ask(error_reply(401))
    assert terminal.wait() == FAILED
    assert "next: check the key; `api-models doctor` says" in terminal.text


def test_colours_are_left_out_where_nobody_wants_them(ask):
    """NO_COLOR: no colour of the foreground or the background; the text is the same."""
    terminal = ask(
        Reply(chat(["`code` [a](http://b.c)\n\n```python\nprint('x')\n```\n"])), environment={"NO_COLOR": "1"}
    )
    assert terminal.wait() == DONE
    assert "print('x')" in terminal.text
    numbers = {int(n) for code in COLOUR.findall(terminal.raw) for n in re.findall(rb"\d+", code)}
    assert not {n for n in numbers if 30 <= n <= 49 or 90 <= n <= 107}


def test_colours_are_there_otherwise(ask):
    terminal = ask(Reply(chat(["```python\nprint('x')\n```\n"])), environment={"NO_COLOR": ""})
    assert terminal.wait() == DONE
    numbers = {int(n) for code in COLOUR.findall(terminal.raw) for n in re.findall(rb"\d+", code)}
    assert {n for n in numbers if 30 <= n <= 49 or 90 <= n <= 107}


@pytest.mark.parametrize("how", [["--plain"], []], ids=["plain", "dumb"])
def test_a_terminal_that_cannot_draw_or_should_not_gets_the_text_alone(ask, how):
    terminal = ask(WHOLE, *how, environment={} if how else {"TERM": "dumb"})
    assert terminal.wait() == DONE
    assert terminal.raw.decode() == "".join(TEXTS).replace("\n", "\r\n") + "\r\n"


def test_a_pipe_gets_the_text_byte_for_byte(ask):
    """Although the keyboard and standard error are a terminal, which stays as it is."""
    terminal = ask(WHOLE, stdout=subprocess.PIPE)
    output = terminal.process.stdout.read()
    assert terminal.wait() == DONE
    assert output.decode() == "".join(TEXTS) + "\n"
    assert terminal.raw == b""


def test_a_forced_colour_draws_nothing_into_a_pipe(ask):
    """FORCE_COLOR makes rich think that it has a terminal; ours looks at the file."""
    terminal = ask(WHOLE, environment={"FORCE_COLOR": "1"}, stdout=subprocess.PIPE)
    assert terminal.process.stdout.read().decode() == "".join(TEXTS) + "\n"


def test_thinking_is_shown_dimmed_if_wanted(ask):
    for wanted in (True, False):
        terminal = ask(Reply(chat(["yes"], reasoning=["let me", " see\nwell"])), *(["--thinking"] * wanted))
        assert terminal.wait() == DONE
        lines = contents(terminal)
        assert lines[:-1] == (["let me see", "well", "yes"] if wanted else ["yes"])
        assert (b"\x1b[2;3mlet me see" in terminal.raw) == wanted


def test_the_bar_fills_as_the_tokens_come(ask):
    """Where `--max-tokens` says how many are expected at most."""
    terminal = ask(STALLED, "--max-tokens", "12")
    text = terminal.wait_for(lambda text: " of 12 tokens" in text)
    assert "━" in text
    assert "6 of 12 tokens" in text


def test_only_a_bounded_part_of_a_long_answer_is_drawn_anew(ask):
    """What has scrolled away was written once: no token is on the wire to the terminal ever again."""
    words = [f"word{number}{' ' if number % 50 else chr(10) * 2}" for number in range(3000)]
    terminal = ask(Reply(chat(words), pace=0.0005))
    assert terminal.wait() == DONE
    assert re.findall(r"word\d+", terminal.text) == [word.strip() for word in words]
    written = re.findall(rb"word\d+", terminal.raw)
    assert len(written) < 4 * len(words)


def test_a_block_higher_than_the_window_shows_its_end(ask):
    lines = [f"line{number}\n" for number in range(100)]
    terminal = ask(Reply(chat(["```\n", *lines]), stall_after=102))
    terminal.wait_for(lambda text: "line99" in text and "q stop" in text)
    assert "line10\n" not in "\n".join(terminal.screen.display)


def test_without_rich_the_text_comes_as_it_is(ask, tmp_path, monkeypatch):
    """The extra is optional, and nothing is said about it."""
    (tmp_path / "rich.py").write_text("raise ImportError('not installed')")
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}:{':'.join(path for path in sys.path if path)}")
    terminal = ask(WHOLE)
    assert terminal.wait() == DONE
    assert terminal.raw.decode() == "".join(TEXTS).replace("\n", "\r\n") + "\r\n"


def test_a_background_program_leaves_the_keyboard_alone(ask):
    """It would be stopped by the attempt to read from it; it answers all the same."""
    code = (
        "import os, signal, sys\n"
        "if os.fork(): os.wait(); sys.exit()\n"
        "os.setpgid(0, 0)\n"
        "signal.alarm(20)\n"
        "from api_models.handlers.keys import StreamKeys\n"
        "with StreamKeys(None) as keys: print('listening', keys.is_listening)\n"
    )
    with PseudoTerminal([sys.executable, "-c", code]) as terminal:
        terminal.wait_for(lambda text: "listening False" in text)
        assert terminal.process.wait(TIMEOUT) == 0


def test_the_local_model_is_stopped_by_a_key_too():
    """Real tokens, at the speed of the machine."""
    arguments = ["--model", "local", "--max-tokens", "400", "Tell me a long story."]
    with PseudoTerminal(program("stream", *arguments)) as terminal:
        text = terminal.wait_for(lambda text: re.search(r" \d+ of 400 tokens", text) or "error: " in text)
        if "pip install" in text:
            pytest.skip("the local model is not installed: " + text)
        terminal.type("q")
        assert terminal.wait() == INTERRUPTED
        assert re.search(r"\nstopped · \d+ of 400 tokens", terminal.text)
