"""Events that differ in their text alone are known without being parsed, and mean the same."""

from __future__ import annotations

import itertools
import json

from hypothesis import given
from hypothesis import strategies as st

from api_models.clients.template import Template
from api_models.clients.wire_chat import ChatDecoder
from api_models.clients.wire_messages import MessagesDecoder
from api_models.clients.wire_responses import ResponsesDecoder


def read(frame):
    return json.loads(frame)["text"]


def taught(*events):
    template = Template()
    for event in events:
        template.learn(event, json.loads(event)["text"], read)
    return template


def known(template, event):
    """The text of the event if it needs not be parsed."""
    found = template.match(event)
    return None if found is None else found[1]


def test_a_pattern_is_learnt_from_one_event():
    template = taught(b'{"a": 1, "text": "x", "b": 2}')
    assert known(template, b'{"a": 1, "text": "more words", "b": 2}') == b"more words"
    for other in (b'{"a": 2, "text": "y", "b": 2}', b'{"a": 1, "text": "y", "b": 2, "c": 3}', b"{}"):
        assert known(template, other) is None


def test_what_ends_or_escapes_a_string_is_parsed():
    template = taught(b'{"text": "x"}')
    for text in (b"\\n", b'", "error": "', b"\n", b"\x00", b"\\u0041"):
        assert known(template, b'{"text": "' + text + b'"}') is None


def test_serial_numbers_and_padding_are_learnt_from_two():
    template = taught(b'{"n": 1, "text": "x", "pad": "abc"}', b'{"n": 2, "text": "y", "pad": "de"}')
    assert known(template, b'{"n": -30, "text": "z", "pad": ""}') == b"z"
    for other in (
        b'{"n": "3", "text": "z", "pad": ""}',
        b'{"n": 3.5, "text": "z", "pad": ""}',
        b'{"n": 03, "text": "z", "pad": ""}',
        b'{"n": 3, "text": "z", "pad": null}',
        b'{"n": 3, "text": "z", "pad": "\\u0041"}',
        b'{"n": 3, "text": "z", "pad": "", "stop": "now"}',
    ):
        assert known(template, other) is None


def test_a_name_is_never_a_hole():
    template = taught(b'{"text": "x", "a": 1}', b'{"text": "x", "b": 1}')
    assert known(template, b'{"text": "y", "b": 1}') == b"y"
    assert known(template, b'{"text": "y", "c": 1}') is None


def test_what_else_the_reader_looks_at_is_no_hole():
    """An event in which something changes that changes its meaning teaches nothing."""

    def read_of_kind(frame):
        event = json.loads(frame)
        return event["text"] if event["kind"] in ("a", "b") else None

    template = Template()
    for kind in (b"a", b"b"):
        template.learn(b'{"kind": "%s", "text": "x"}' % kind, "x", read_of_kind)
    assert known(template, b'{"kind": "c", "text": "y"}') is None


def test_an_event_in_which_the_text_stands_twice_teaches_nothing():
    assert known(taught(b'{"text": "x", "copy": "x"}'), b'{"text": "x", "copy": "x"}') is None


def test_a_text_that_stands_elsewhere_teaches_nothing():
    """The one place where the text stands as it is may be the wrong one."""
    template = taught(b'{"text": "\\u0078", "other": "x"}')
    assert known(template, b'{"text": "\\u0078", "other": "x"}') is None


def test_quotes_are_paired_from_the_left():
    """What stands between two strings looks like one where it is a separator in quotes."""
    template = taught(b'{"a": ", ", "text": "x"}', b'{"a": ":", "text": "y"}')
    assert known(template, b'{"a": "}", "text": "z"}') == b"z"
    assert known(template, b'{"a": "b", "c": "d", "text": "z"}') is None


def test_a_stream_that_never_repeats_itself_is_given_up():
    events = [b'{"n%d": 1, "text": "x"}' % number for number in range(100)]
    template = taught(*events)
    assert known(template, events[31]) == b"x" and known(template, events[99]) is None


def chat_event(text, **more):
    return {"id": "c", "model": "m", "choices": [{"index": 0, "delta": {"content": text, **more}}]}


def messages_event(text):
    return {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": text}}


def responses_event(text):
    number, padding = next(NUMBERS), "Obfuscation0123"[: next(NUMBERS) % 16]
    event = {"type": "response.output_text.delta", "sequence_number": number, "delta": text}
    return {**event, "logprobs": [], "obfuscation": padding}


NUMBERS = itertools.count()
WIRES = [
    (lambda: ChatDecoder(True), chat_event),
    (MessagesDecoder, messages_event),
    (ResponsesDecoder, responses_event),
]


@given(
    st.sampled_from(WIRES),
    st.lists(st.text(max_size=8), min_size=1, max_size=12),
    st.booleans(),
    st.integers(1, 50),
)
def test_known_events_mean_what_parsed_ones_mean(wire, texts, ascii_only, size):
    """Any texts, escaped or not, in any pieces of the body: their concatenation, byte for byte."""
    make, event = wire
    texts = [text.encode("utf-8", "ignore").decode() for text in texts]
    body = "".join(f"data: {json.dumps(event(text), ensure_ascii=ascii_only)}\n\n" for text in texts).encode()
    decoder = make()
    chunks = [chunk for at in range(0, len(body), size) for chunk in decoder.feed(body[at : at + size])]
    assert chunks == [text for text in texts if text]
    assert decoder.failure is None


def test_a_known_event_with_something_new_in_it_is_parsed():
    """A call, a stop reason or an error behind the text is not overlooked."""
    decoder = ChatDecoder(False)

    def feed(event):
        return decoder.feed(f"data: {json.dumps(event)}\n\n".encode())

    assert feed(chat_event("a")) == ["a"] and feed(chat_event("b")) == ["b"]
    call = {"index": 0, "id": "t", "function": {"name": "f", "arguments": "{}"}}
    assert feed(chat_event("c", tool_calls=[call]))[0] == "c"
    event = chat_event("d")
    event["choices"][0]["finish_reason"] = "tool_calls"
    assert feed(event) == ["d"]
    last = decoder.feed(b"data: [DONE]\n\n")
    assert [chunk.tool_call.name for chunk in last if chunk.tool_call] == ["f"]
    assert last[-1].stop_reason == "tool_calls"
