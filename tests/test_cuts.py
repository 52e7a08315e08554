"""A recorded answer that is cut is never whole, and one that is whole is never cut: at every byte."""

from __future__ import annotations

import json
import os
import re
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest

from api_models import APIModelError, StreamInterruptedError
from api_models.clients.anthropic_client import AnthropicClient
from api_models.clients.http_client import HTTPClient
from api_models.clients.openai_client import OpenAIClient
from api_models.clients.wire_chat import ChatDecoder
from api_models.clients.wire_messages import MessagesDecoder
from api_models.clients.wire_responses import ResponsesDecoder
from api_models.testing import Provider, Reply

WIRE = Path(__file__).parents[1].parent / "shared" / "wire"
if not WIRE.is_dir():
    if os.environ.get("CI"):
        raise FileNotFoundError(f"the recordings are not beside this checkout: no {WIRE}")
    pytest.skip(
        f"NOT TESTED: the recordings are not beside this checkout: no {WIRE}", allow_module_level=True
    )

RECORDINGS = {
    "anthropic/messages/text-01.sse": "messages",
    "anthropic/messages/text-04-emoji.sse": "messages",
    "openai/chat/text-02-usage-chunk.sse": "chat",
    "llamacpp/chat/text-01-unicode.sse": "chat",
    "openai/responses/text-01.sse": "responses",
    "openai/responses/text-03-non-ascii.sse": "responses",
}
DECODERS = {
    "messages": {"": MessagesDecoder},
    "chat": {"strict": partial(ChatDecoder, False), "finish_reason_ends": partial(ChatDecoder, True)},
    "responses": {"": ResponsesDecoder},
}
CLIENTS = {
    "messages": {"anthropic": AnthropicClient},
    "chat": {"http": partial(HTTPClient, finish_reason_ends=False), "openai": OpenAIClient},
    "responses": {"openai": partial(OpenAIClient, api="responses")},
}
LENIENT = {"finish_reason_ends", "openai"}
KINDS_OF_END = ("fin", "rst", "clean")
STEP, LAST = 29, 60
"""Over the wire a body is cut at each 29th byte, and at each of its last 60."""


def body_of(recording):
    return (WIRE / recording).read_bytes()


def data_of(event):
    """The data of one event, by the letter of the standard, None if it has none."""
    lines = re.split(rb"\r\n|\n|\r", event)
    data = [line[5:].removeprefix(b" ") for line in lines if line.startswith(b"data:")]
    return b"\n".join(data) if data else None


def is_json(data):
    try:
        json.loads(data)
    except ValueError:
        return False
    return True


def complete_data(body, is_clean):
    """The data of the complete events; behind a clean end the last one may lack its blank line."""
    *events, rest = re.split(rb"\r\n\r\n|\n\n", body)
    found = [data for data in map(data_of, events) if data is not None]
    last = data_of(rest)
    if is_clean and last is not None and (last == b"[DONE]" or is_json(last)):
        found.append(last)
    return found


def text_in(wire, event):
    if wire == "messages":
        return event["delta"].get("text", "") if event["type"] == "content_block_delta" else ""
    if wire == "responses":
        return event["delta"] if event["type"] == "response.output_text.delta" else ""
    return "".join(choice["delta"].get("content") or "" for choice in event["choices"])


def expected(wire, body, is_lenient, is_clean):
    """The text of the complete events, and whether the end marker is among them."""
    text, has_ended, has_reason = "", False, False
    for data in complete_data(body, is_clean):
        if data == b"[DONE]":
            has_ended = True
            break
        event = json.loads(data)
        text += text_in(wire, event)
        if wire == "chat":
            has_reason = has_reason or any(choice.get("finish_reason") for choice in event["choices"])
        elif event["type"] in ("message_stop", "response.completed"):
            has_ended = True
            break
    return text, has_ended or (is_lenient and is_clean and has_reason)


def decoded(decoder, body):
    """What came of a body that ended cleanly: the text, and whether it is said to be whole."""
    chunks = decoder.feed(body) + decoder.finish()
    assert decoder.ended != isinstance(decoder.failure, StreamInterruptedError)
    return "".join(chunk for chunk in chunks if isinstance(chunk, str)), decoder.ended


def asked(client):
    """What comes of an answer over the wire, in the same words."""
    text, said = "", None
    with closing(client.generate_stream("hi")) as source:
        try:
            for chunk in source:
                text += chunk if isinstance(chunk, str) else ""
        except APIModelError as error:
            said = error
    assert said is None or isinstance(said, StreamInterruptedError), said
    return text, said is None


def pairs(table):
    return [(recording, name) for recording, wire in RECORDINGS.items() for name in table[wire]]


@pytest.mark.parametrize("recording", RECORDINGS)
def test_a_recording_is_whole_only_with_its_end(recording):
    """The measure of the tests below is right where the answer is known."""
    wire, body = RECORDINGS[recording], body_of(recording)
    manifest = json.loads((WIRE / "manifest.json").read_text(encoding="utf-8"))
    entry = next(each for each in manifest["recordings"] if each["file"] == recording)
    assert expected(wire, body, False, False) == (entry["expected"]["text"], True)
    assert expected(wire, body[:200], False, True)[1] is False


@pytest.mark.parametrize(("recording", "name"), pairs(DECODERS))
def test_a_cut_at_every_byte_is_seen_by_the_decoder(recording, name):
    """Before the end marker all of them are failures, behind it none; the text is that of whole events."""
    wire, body = RECORDINGS[recording], body_of(recording)
    whole = []
    for cut_at in range(len(body) + 1):
        want = expected(wire, body[:cut_at], name in LENIENT, is_clean=True)
        assert decoded(DECODERS[wire][name](), body[:cut_at]) == want, f"cut at byte {cut_at}"
        whole.append(want[1])
    assert not whole[0] and whole[-1], "there were cuts on both sides of the end marker"
    assert whole == sorted(whole), "once whole, an answer stays whole"


@pytest.mark.parametrize("how", KINDS_OF_END)
@pytest.mark.parametrize(("recording", "name"), pairs(CLIENTS))
def test_a_cut_over_the_wire_is_seen_by_the_client(recording, name, how):
    """However the connection ends: by closing, by a reset, or as if the body were whole."""
    wire, body = RECORDINGS[recording], body_of(recording)
    cuts = sorted({*range(0, len(body), STEP), *range(len(body) - LAST, len(body) + 1)})
    replies = [Reply([body], cut_at=cut_at, cut_how=how) for cut_at in cuts]
    with Provider(plan=replies) as provider:
        url = provider.url + ("" if wire == "messages" else "/v1")
        with closing(CLIENTS[wire][name]("lab", base_url=url, api_key="sk-cut-key", model="m")) as client:
            for cut_at in cuts:
                want = expected(wire, body[:cut_at], name in LENIENT, how == "clean")
                assert asked(client) == want, f"cut at byte {cut_at}"
        assert len(provider.requests) == len(cuts), "one request an answer: nothing is asked again here"
