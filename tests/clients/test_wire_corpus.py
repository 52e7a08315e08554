"""Every recording through its decoder, in every chunking: what the rulings say must come of it."""

from __future__ import annotations

import pytest
from corpus import body_of, cut, cut_short, entries, rulings

from api_models import StreamChunk, StreamInterruptedError
from api_models.clients.wire_chat import ChatDecoder
from api_models.clients.wire_messages import MessagesDecoder
from api_models.clients.wire_ollama import OllamaDecoder
from api_models.clients.wire_responses import ResponsesDecoder

DECODERS = {
    "messages": MessagesDecoder,
    "chat_completions": lambda: ChatDecoder(finish_reason_ends=True),
    "responses": ResponsesDecoder,
    "ollama_native": OllamaDecoder,
}
ENTRIES = entries()
WHOLE = [
    entry for entry in ENTRIES if "complete" in rulings.expect_stream(entry, body_of(entry), None).outcomes
]
"""All but those that end in an error."""


def decoded(entry, pieces):
    """The decoder after the body, its texts, and its other chunks put together."""
    decoder = DECODERS[entry["api"]]()
    chunks = [chunk for piece in pieces for chunk in decoder.feed(piece)]
    if not decoder.ended and decoder.failure is None:
        chunks += decoder.finish()
    text = "".join(chunk for chunk in chunks if isinstance(chunk, str))
    return decoder, text, [chunk for chunk in chunks if isinstance(chunk, StreamChunk)]


@pytest.mark.parametrize("chunking", ["whole", "bytes", "random", "events"])
@pytest.mark.parametrize("entry", ENTRIES, ids=[entry["file"] for entry in ENTRIES])
def test_a_recording_comes_to_what_the_rulings_say(entry, chunking):
    want = rulings.expect_stream(entry, body_of(entry), None)
    decoder, text, others = decoded(entry, cut(entry, chunking))
    assert text == want.text
    assert "".join(chunk.thinking for chunk in others) in want.thinking
    if decoder.failure is not None:
        assert "error" in want.outcomes
        assert any(kind.__name__ in want.errors for kind in type(decoder.failure).__mro__)
        assert want.message in str(decoder.failure)
        return
    assert decoder.ended and "complete" in want.outcomes
    last = others[-1]
    assert last.stop_reason in want.stop and last.raw_stop_reason == want.raw_stop
    assert (last.model or want.model) == (want.model or last.model)
    if want.response_id:
        assert last.response_id == want.response_id
    usage = (last.usage.input_tokens, last.usage.output_tokens) if last.usage else None
    assert usage == want.usage
    assert "".join(chunk.refusal for chunk in others) == want.refusal
    calls = [chunk.tool_call for chunk in others if chunk.tool_call]
    if not want.calls_open:
        assert [(call.name, call.arguments) for call in calls] == [(c.name, c.arguments) for c in want.calls]
        for call, wanted in zip(calls, want.calls, strict=True):
            assert wanted.id is None or call.id == wanted.id
            assert wanted.raw is None or not wanted.raw or call.arguments_json == wanted.raw


@pytest.mark.parametrize("entry", WHOLE, ids=[entry["file"] for entry in WHOLE])
def test_a_recording_without_its_end_is_interrupted(entry):
    """Nothing but the end marker makes an answer whole."""
    short = cut_short(entry)
    assert short is not None
    decoder, text, _ = decoded(entry, [short])
    assert not decoder.ended and isinstance(decoder.failure, StreamInterruptedError)
    assert entry["expected"]["text"].startswith(text)


@pytest.mark.parametrize("entry", WHOLE[::7], ids=[entry["file"] for entry in WHOLE[::7]])
def test_behind_the_end_nothing_counts(entry):
    """Whatever follows the end marker is not even looked at."""
    decoder, _, _ = decoded(entry, [body_of(entry)])
    assert decoder.ended
    assert decoder.feed(b'data: {"error": {"message": "late"}}\n\ndata: garbage\n\n') == []
    assert decoder.finish() == [] and decoder.failure is None
