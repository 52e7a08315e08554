"""Recorded answers with tool calls, over a real connection: rebuilt as objects that grow."""

from __future__ import annotations

import pytest
from corpus import body_of, cut, entries
from fakes import TIMEOUT
from test_clients_corpus import clients_for, url_for

from api_models import APIModelManager, StructuredOutputError
from api_models.clients.wire_chat import ChatDecoder
from api_models.clients.wire_messages import MessagesDecoder
from api_models.clients.wire_responses import ResponsesDecoder
from api_models.structured import StructuredHandler
from api_models.testing import Provider, Reply

ANY_OBJECT = {"type": "object"}
DECODERS = {
    "messages": MessagesDecoder,
    "chat_completions": lambda: ChatDecoder(finish_reason_ends=True),
    "responses": ResponsesDecoder,
}


def decoded(entry):
    """The pieces of arguments as they came, and the whole calls."""
    decoder = DECODERS[entry["api"]]()
    chunks = [*decoder.feed(body_of(entry)), *(() if decoder.ended or decoder.failure else decoder.finish())]
    said = [chunk for chunk in chunks if not isinstance(chunk, str)]
    pieces = [chunk.tool_arguments for chunk in said if chunk.tool_arguments]
    return pieces, [chunk.tool_call for chunk in said if chunk.tool_call], decoder.failure


FOUND = [(entry, *decoded(entry)) for entry in entries() if entry["api"] in DECODERS]
WITH_CALLS = [(entry, pieces, calls) for entry, pieces, calls, failure in FOUND if calls and not failure]
CUT = [(entry, pieces) for entry, pieces, calls, _ in FOUND if pieces and not calls]


class Watcher(StructuredHandler):
    def __init__(self):
        self.partials, self.fields = [], {}

    def on_partial(self, partial):
        self.partials.append(partial)

    def on_field_complete(self, path, value):
        self.fields[path] = value


def asked(entry, watcher, **options):
    """The stream of an answer to whose question a call was recorded; it has ended."""
    name, settings = clients_for(entry)[0]
    with Provider(Reply(cut(entry, "events"), **options)) as server:
        config = {"providers": {name: {**settings, "base_url": url_for(name, server)}}}
        with APIModelManager({**config, "stream": {"max_retries": 0}}) as manager:
            stream = manager.generate_structured(
                "?", ANY_OBJECT, f"{name}:m", handlers=[watcher], mode="tool", max_repairs=0
            )
            assert stream.wait(TIMEOUT)
            return stream


def test_there_are_recordings_of_every_wire():
    assert {entry["api"] for entry, _, _ in WITH_CALLS} == set(DECODERS) and len(WITH_CALLS) > 30
    assert len(CUT) == 3


@pytest.mark.parametrize(
    ("entry", "pieces", "calls"), WITH_CALLS, ids=[each[0]["file"] for each in WITH_CALLS]
)
def test_the_first_call_grows_into_the_answer(entry, pieces, calls):
    watcher = Watcher()
    stream = asked(entry, watcher)
    if not calls[0].arguments_json:  # a tool without parameters: nothing was said
        with pytest.raises(StructuredOutputError):
            stream.result()
        return
    value = calls[0].arguments
    assert stream.result() == value == watcher.partials[-1].value
    assert stream.answer().text == calls[0].arguments_json
    assert watcher.partials[-1].is_final and watcher.partials[-1].is_complete()
    for partial in watcher.partials:
        for path in partial.complete:
            assert look_up(partial.value, path) == look_up(value, path)
    for path, found in watcher.fields.items():
        assert found == look_up(value, path)
    if len(calls[0].arguments_json) > 200 and len(pieces) > 20:
        assert len(watcher.partials) > 5


@pytest.mark.parametrize(("entry", "pieces"), CUT, ids=[each[0]["file"] for each in CUT])
def test_a_call_that_was_cut_by_its_length_is_an_error_with_all_that_came(entry, pieces):
    watcher = Watcher()
    stream = asked(entry, watcher)
    with pytest.raises(StructuredOutputError, match="max_tokens") as caught:
        stream.result()
    assert caught.value.raw_text == "".join(pieces)
    assert not watcher.partials or not watcher.partials[-1].is_complete()


def look_up(value, path):
    for step in path:
        value = value[step]
    return value
