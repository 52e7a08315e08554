"""Recordings are served as they were, distortions change bytes and not what they say, the fixture starts."""

from __future__ import annotations

import ast
import http.client
import itertools
import subprocess
import sys
from pathlib import Path

import pytest

from api_models import APIModelManager, testing
from api_models.testing import (
    Provider,
    Reply,
    anthropic,
    chat,
    comment,
    recorded_events,
    replay,
    responses,
    split_letters,
    with_byte_order_mark,
    with_line_ends,
)

WORDS = ["Grüße ", "🌍", "!\n"]
TEXT = "".join(WORDS)
EVENTS = [comment(), *chat(WORDS)]
BODY = b"".join(event.wire for event in EVENTS)
NDJSON = b'{"message":{"content":"a"}}\n{"done":true}\n'


def served(reply):
    """The body as it comes over the wire, its content type, and the server's account of it."""
    with Provider(reply) as server:
        client = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
        try:
            client.request("POST", "/", b"{}")
            answer = client.getresponse()
            return answer.read(), answer.headers["Content-Type"], server.connections[0]
        finally:
            client.close()


def wires(events):
    return [event.wire for event in events]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_a_recorded_body_is_cut_where_its_events_end(end):
    """Whatever ends its lines; comments are events of their own, and no byte is lost."""
    body = BODY.replace(b"\n", end.encode())
    found = wires(recorded_events(body))
    assert found == [event.wire.replace(b"\n", end.encode()) for event in EVENTS]
    assert b"".join(found) == body


def test_a_recorded_body_may_end_in_half_an_event():
    found = wires(recorded_events(BODY + b"data: {"))
    assert (found[-1], b"".join(found)) == (b"data: {", BODY + b"data: {")
    assert recorded_events(b"") == []


def test_lines_of_json_are_events_of_their_own():
    assert wires(recorded_events(NDJSON, is_ndjson=True)) == NDJSON.splitlines(keepends=True)


def test_a_recording_is_replayed_byte_for_byte(tmp_path):
    """From its bytes, its file or the name of that; an event is an HTTP chunk."""
    path = tmp_path / "answer.sse"
    path.write_bytes(BODY)
    for recording in (BODY, path, str(path)):
        body, kind, connection = served(replay(recording))
        assert body == BODY and kind.startswith("text/event-stream")
        assert len(connection.sent_at) == len(EVENTS)


def test_a_recording_of_lines_is_replayed_as_such(tmp_path):
    path = tmp_path / "answer.ndjson"
    path.write_bytes(NDJSON)
    body, kind, connection = served(replay(path))
    assert (body, kind, len(connection.sent_at)) == (NDJSON, "application/x-ndjson", 2)


@pytest.mark.parametrize(("speed", "nap"), [(1.0, 0.2), (4.0, 0.05)])
def test_the_times_of_a_recording_are_kept(speed, nap):
    """On any clock, and faster if asked to."""
    times = [1000.0, 1000.0, *(1000.2 for _ in EVENTS[2:])]
    _, _, connection = served(replay(BODY, times=times, speed=speed))
    waits = [after - before for before, after in itertools.pairwise(connection.sent_at)]
    assert waits[1] >= nap * 0.99 and sum(waits) < nap + 0.15
    assert max(waits) == waits[1]


def test_a_pace_is_the_same_between_all_events():
    reply = replay(BODY, pace=0.04, speed=2.0)
    assert reply.pace == 0.02
    _, _, connection = served(reply)
    assert min(after - before for before, after in itertools.pairwise(connection.sent_at)) >= 0.0199


def test_what_was_served_can_be_recorded_with_its_times():
    """The server's own account of an answer is one of the clocks that will do."""
    body, _, connection = served(Reply(EVENTS, naps={2: 0.1}))
    _, _, again = served(replay(body, times=connection.sent_at))
    waits = [after - before for before, after in itertools.pairwise(again.sent_at)]
    assert 0.099 <= waits[1] == max(waits)


def test_there_is_one_time_for_each_event():
    with pytest.raises(ValueError, match=f"{len(EVENTS)} events were recorded, but 2 times"):
        replay(BODY, times=[0.0, 1.0])


def test_a_replay_takes_the_faults_of_a_reply():
    assert replay(BODY, cut_at=7, cut_how="clean").cut_at == 7
    body, _, _ = served(replay(BODY, cut_at=7, cut_how="clean"))
    assert body == BODY[:7]


DISTORTIONS = {
    "letters": split_letters,
    "bom": with_byte_order_mark,
    "crlf": lambda events: with_line_ends(events, ["\r\n"]),
    "cr": lambda events: with_line_ends(events, ["\r"]),
    "mixed": with_line_ends,
    "mixed otherwise": lambda events: with_line_ends(events, ["\n", "\r", "\r\n"]),
    "all": lambda events: split_letters(with_line_ends(with_byte_order_mark(events))),
}
WIRES = {
    "messages": ("anthropic", {}, anthropic),
    "chat": ("lab", {"kind": "openai_compatible"}, chat),
    "responses": ("openai", {"api": "responses"}, responses),
}


@pytest.mark.parametrize("distortion", DISTORTIONS)
@pytest.mark.parametrize("wire", WIRES)
def test_a_distorted_answer_says_the_same(wire, distortion):
    """To whoever reads it as the standard says, which our clients do."""
    name, more, render = WIRES[wire]
    with Provider(Reply(DISTORTIONS[distortion](render(WORDS)))) as server:
        url = server.url + ("" if name == "anthropic" else "/v1")
        entry = {"api_key": "sk-replay-key", "base_url": url, "model": "m", **more}
        with APIModelManager({"providers": {name: entry}, "stream": {"max_retries": 0}}) as manager:
            assert manager.generate("hi", name).text == TEXT


def test_a_byte_order_mark_stands_before_the_first_event_alone():
    marked = with_byte_order_mark(EVENTS)
    assert b"".join(wires(marked)) == b"\xef\xbb\xbf" + BODY
    assert [event.text for event in marked] == [event.text for event in EVENTS]


def test_letters_are_cut_inside_and_nothing_is_lost():
    """Every letter of several bytes, each time between two of them."""
    pieces = split_letters(chat(["aé🌍"]))
    assert b"".join(pieces) == b"".join(wires(chat(["aé🌍"])))
    assert sum(piece[0] & 0xC0 == 0x80 for piece in pieces) == 1 + 3


def test_line_ends_come_in_turn_and_none_is_lost():
    """LF behind CR would be one line end with it, so that it is not put there."""
    mixed = b"".join(wires(with_line_ends(EVENTS)))
    ends = {end: mixed.count(end) for end in (b"\r\n", b"\r", b"\n")}
    assert ends[b"\r\n"] and ends[b"\r"] > ends[b"\r\n"] and ends[b"\n"] > ends[b"\r\n"]
    assert len(mixed.splitlines()) == len(BODY.splitlines())
    assert b"".join(wires(with_line_ends(EVENTS, ["\r"]))) == BODY.replace(b"\n", b"\r")


def test_the_fixture_starts_as_many_as_are_asked_for(provider):
    """Each with its own script; all the options of `Provider` may be given."""
    first, second = provider(Reply(EVENTS)), provider(plan=[Reply([b"x"])])
    assert isinstance(first, Provider) and first.port != second.port
    assert (first.reply.events, len(second.plan)) == (EVENTS, 1)


PROGRAM = """
import threading
from api_models.testing import Reply, Provider

started = []

def test_one(provider):
    started.append(provider(Reply([b"hi"])))
    assert any(thread.name.startswith("api-models-testing") for thread in threading.enumerate())

def test_two():
    assert len(started) == 1 and not started[0]._acceptor.is_alive()
    assert not any(thread.name.startswith("api-models-testing") for thread in threading.enumerate())
"""


def test_the_fixture_is_there_for_whoever_installs_the_package(tmp_path):
    """Without any configuration; what it started has ended with the test."""
    (tmp_path / "test_mine.py").write_text(PROGRAM, encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:randomly", "-p", "no:cacheprovider"]
    ended = subprocess.run(
        [*command, str(tmp_path)], capture_output=True, text=True, timeout=60, check=False, cwd=tmp_path
    )
    assert "2 passed" in ended.stdout, ended.stdout + ended.stderr


@pytest.mark.parametrize(
    "path", sorted(Path(testing.__file__).parent.glob("*.py")), ids=lambda path: path.stem
)
def test_the_standard_library_is_enough(path):
    """And pytest, for the plugin alone: it is loaded in every run of every suite."""
    allowed = {*sys.stdlib_module_names, *(["pytest"] if path.stem == "pytest_plugin" else [])}
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom) and not node.level:
            names = [node.module]
        assert {name.partition(".")[0] for name in names} <= allowed, path.name


def test_the_plugin_loads_nothing_heavy():
    """Neither an SDK nor an HTTP library, whatever the suite it is loaded into."""
    program = "import sys, api_models.testing.pytest_plugin; print(*sys.modules)"
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    heavy = {
        "anthropic",
        "openai",
        "requests",
        "urllib3",
        "httpx2",
        "tenacity",
        "jiter",
        "pydantic",
        "sseclient",
    }
    assert not heavy & set(ended.stdout.split())
