"""`api-models extract`: an object that grows on a terminal, and lines of JSON for a program."""

from __future__ import annotations

import itertools
import json
import re
import signal
import subprocess
import sys

import pytest

pytest.importorskip("pty", reason="this system has no pseudo-terminals")
pytest.importorskip("pyte", reason="pyte is not installed: no screen to look at, terminal programs untested")
pytest.importorskip("rich", reason="rich is not installed: nothing is drawn")
pytest.importorskip("jsonschema", reason="jsonschema is not installed: schemas in files untested")

from pseudo_terminal import TIMEOUT, PseudoTerminal, program

from api_models.testing import Provider, Reply, chat, error_reply

DONE, FAILED, MISUSED, INTERRUPTED = 0, 1, 2, 130
SCHEMA = {
    "title": "City",
    "type": "object",
    "properties": {"name": {"type": "string"}, "people": {"type": "integer"}},
    "required": ["name", "people"],
    "additionalProperties": False,
}
PIECES = ['{"name": ', '"Bern"', ', "people": ', "134", "000}"]
WHOLE = Reply(chat(PIECES))
STALLED = Reply(chat(PIECES), stall_after=4)  # after the role and three texts
VALUE = {"name": "Bern", "people": 134000}


@pytest.fixture
def lab(monkeypatch, tmp_path):
    """A function that makes the command ask a loopback provider that gives this reply."""
    opened = []

    def ask(reply, *before):
        provider = Provider(reply, plan=before)
        opened.append(provider)
        path = tmp_path / "api_models.toml"
        path.write_text(
            'default_provider = "mylab"\n[providers.mylab]\nkind = "openai_compatible"\n'
            f'base_url = "{provider.url}/v1"\nmodel = "m1"\napi_key = "k"\n'
        )
        monkeypatch.setenv("API_MODELS_CONFIG", str(path))
        (tmp_path / "city.json").write_text(json.dumps(SCHEMA))
        return provider

    yield ask
    for each in reversed(opened):
        each.close()


@pytest.fixture
def seen(lab):
    """A function that runs the command on a terminal."""
    opened = []

    def run(reply, *arguments, schema="city.json"):
        lab(reply)
        opened.append(PseudoTerminal(program("extract", "--schema", schema, "Bern has ...", *arguments)))
        return opened[-1]

    yield run
    for each in opened:
        each.__exit__()


def read(*arguments, **options):
    """Run the command without a terminal: its exit code, its lines, and what it complained of."""
    ended = subprocess.run(
        program("extract", *arguments),
        capture_output=True,
        text=True,
        timeout=TIMEOUT,
        check=False,
        **options,
    )
    return ended.returncode, [json.loads(line) for line in ended.stdout.splitlines()], ended.stderr


def test_lines_of_json_tell_how_it_grows_and_what_it_is(lab):
    provider = lab(WHOLE)
    code, lines, complaints = read("--schema", "city.json", "Bern", "has ...")
    assert (code, complaints) == (DONE, "")
    assert [line["event"] for line in lines[:-1]] == ["partial"] * (len(lines) - 1)
    assert lines[-1]["event"] == "result"
    assert lines[-1]["value"] == VALUE
    assert lines[-1]["mode"]
    counts = [line["fields_done"] for line in lines[:-1]]
    assert counts == sorted(counts)
    assert all(first != second for first, second in itertools.pairwise(lines))
    asked = provider.requests[0].json
    assert asked["messages"][-1]["content"].startswith("Bern has ...")
    assert "invent nothing" in json.dumps(asked)


def test_a_type_of_a_module_here_is_as_good_as_a_file(lab, tmp_path):
    lab(WHOLE)
    (tmp_path / "cities.py").write_text(
        "from dataclasses import dataclass\n@dataclass\nclass City:\n    name: str\n    people: int\n"
    )
    code, lines, _ = read("--schema", "cities:City", "-", input="Bern has ...")
    assert code == DONE
    assert lines[-1]["value"] == VALUE


def test_what_is_not_valid_is_an_event_and_exits_with_1(lab):
    lab(Reply(chat(['{"name": "Bern"}'])))
    code, lines, complaints = read("--schema", "city.json", "--max-repairs", "0", "Bern")
    assert (code, complaints) == (FAILED, "")
    assert lines[-1]["event"] == "error"
    assert lines[-1]["error"] == "StructuredOutputError"
    assert "people" in lines[-1]["problems"][0]
    assert lines[-1]["raw_text"] == '{"name": "Bern"}'


def test_another_attempt_is_told_by_its_number(lab):
    lab(WHOLE, Reply(chat(['{"name": "Bern"}'])))
    code, lines, _ = read("--schema", "city.json", "Bern")
    assert code == DONE
    assert {line["attempt"] for line in lines[:-1]} == {1, 2}
    assert lines[-1]["value"] == VALUE


@pytest.mark.parametrize(
    ("schema", "named"),
    [
        ("nowhere.json", "No such file"),
        ("broken.json", "Expecting"),
        ("no_such_module:City", "no_such_module"),
        ("json:City", "City"),
        ("json:dumps.dumps", "dumps"),
        ("number.json", "response_model"),
        ("wrong.json", "not a JSON schema"),
    ],
)
def test_a_schema_that_is_none_is_said_in_one_line_and_exits_with_2(lab, tmp_path, schema, named):
    lab(WHOLE)
    (tmp_path / "broken.json").write_text("{")
    (tmp_path / "number.json").write_text("3")
    (tmp_path / "wrong.json").write_text('{"type": "objekt"}')
    code, lines, complaints = read("--schema", schema, "Bern")
    assert (code, lines) == (MISUSED, [])
    assert complaints.count("\n") == 1
    assert named in complaints


def test_control_c_exits_with_130_and_stops_the_wire(lab):
    provider = lab(STALLED)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        process = subprocess.Popen(
            program("extract", "--schema", "city.json", "Bern"), stdout=subprocess.PIPE, text=True
        )
    finally:
        signal.signal(signal.SIGINT, before)
    with process:
        lines = iter(process.stdout.readline, "")
        assert any('"Bern"' in line for line in lines)
        process.send_signal(signal.SIGINT)
        assert process.wait(TIMEOUT) == INTERRUPTED
        assert provider.wait_for_close(timeout=TIMEOUT) is not None


def test_a_reader_that_leaves_ends_the_command_quietly(lab):
    lab(WHOLE)
    command = " ".join(program("extract", "--schema", "city.json", "Bern")) + " | true"
    ended = subprocess.run(command, shell=True, capture_output=True, text=True, timeout=TIMEOUT, check=False)
    assert ended.stderr == ""


def test_on_a_terminal_the_object_is_drawn_and_what_became_of_it(seen):
    terminal = seen(WHOLE)
    assert terminal.wait() == DONE
    shown = [line.strip() for line in terminal.lines if line.strip()]
    assert shown[:-1] == ["{", '"name": "Bern",', '"people": 134000', "}"]
    assert re.fullmatch(r"complete · 2 of 2 fields · \d+ tokens · [\d,]+/s · \d+\.\d s · mylab:m1", shown[-1])
    assert not terminal.screen.cursor.hidden
    assert terminal.modes == terminal.modes_before


def test_it_is_seen_while_it_grows_with_how_far_it_is(seen):
    terminal = seen(STALLED)
    terminal.wait_for(lambda text: '"name": "Bern"' in text and "1 of 2 fields" in text)
    terminal.type("\x03")
    assert terminal.wait() == INTERRUPTED
    assert "stopped" in terminal.text
    assert '"name": "Bern"' in terminal.text
    assert not terminal.screen.cursor.hidden
    assert terminal.modes == terminal.modes_before


def test_a_failure_is_told_below_what_came(seen):
    terminal = seen(Reply(chat(['{"name": "Bern"}'])), "--max-repairs", "0")
    assert terminal.wait() == FAILED
    assert '"name": "Bern"' in terminal.text
    assert "error: " in terminal.text
    assert "people" in terminal.text
    terminal = seen(error_reply(401))
    assert terminal.wait() == FAILED
    assert "next: check the key" in terminal.text


def test_an_answer_cannot_move_the_cursor(seen):
    bad = json.dumps({"name": "\x1b[2J\x9b2J~~~~\n~~~~", "people": 1}, ensure_ascii=False)
    terminal = seen(Reply(chat([bad])))
    assert terminal.wait() == DONE
    assert r'"name": "\u001b[2J\u009b2J~~~~\n~~~~",' in terminal.text


def test_plain_is_the_text_as_it_comes_and_json_lines_are_lines_there_too(seen):
    terminal = seen(WHOLE, "--plain")
    assert terminal.wait() == DONE
    assert terminal.text == "".join(PIECES)
    terminal = seen(WHOLE, "--json-lines")
    assert terminal.wait() == DONE
    assert '"event": "result"' in terminal.text


def test_without_rich_it_is_the_text_as_it_comes(lab):
    lab(WHOLE)
    code = (
        "import sys; sys.modules['rich'] = sys.modules['rich.console'] = None\n"
        "from api_models.cli import main\n"
        "sys.exit(main(['extract', '--schema', 'city.json', 'Bern']))"
    )
    with PseudoTerminal([sys.executable, "-c", code]) as terminal:
        assert terminal.wait() == DONE
        assert terminal.text == "".join(PIECES)
