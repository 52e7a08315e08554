"""Every recording over a real connection, through each client that speaks its wire."""

from __future__ import annotations

import json

import pytest
from corpus import WIRE, body_of, cut, entries, is_ndjson, rulings
from fakes import RecordingHandler

from api_models import APIModelError, APIModelManager
from api_models.testing import Provider, Reply

CHUNKINGS = ("whole", "bytes", "random", "events")


def clients_for(entry):
    """Name and configuration of each client that speaks the wire of a recording."""
    if entry["api"] == "messages":
        return [("anthropic", {"api_key": "sk-corpus-key"})]
    if entry["api"] == "ollama_native":
        return [("ollama", {})]
    if entry["api"] == "responses":
        return [("openai", {"api_key": "sk-corpus-key", "api": "responses"})]
    http = {"kind": "openai_compatible", "api_key": "sk-corpus-key"}
    return [
        ("lab", {**http, "transport": "http"}),
        ("lab", {**http, "transport": "sdk"}),
        ("openai", {"api_key": "sk-corpus-key", "api": "chat_completions"}),
    ]


ENTRIES = entries()
ASKED = [
    (entry, number, chunking)
    for position, entry in enumerate(ENTRIES)
    for number in range(len(clients_for(entry)))
    # all chunkings of the first client, one each of the others: the decoder is the same
    for chunking in (CHUNKINGS if number == 0 else CHUNKINGS[position % 4 :][:1])
]


def url_for(name, provider):
    return provider.url if name in ("anthropic", "ollama") else provider.url + "/v1"


@pytest.fixture(scope="module")
def lab():
    """One server and one manager a client, for all recordings."""
    managers = {}
    with Provider() as provider:

        def manager(name, entry):
            key = name, json.dumps(entry, sort_keys=True)
            if key not in managers:
                settings = {**entry, "base_url": url_for(name, provider)}
                managers[key] = APIModelManager({"providers": {name: settings}, "stream": {"max_retries": 0}})
            return managers[key]

        yield provider, manager
        for each in managers.values():
            each.close()


@pytest.mark.parametrize(
    ("entry", "number", "chunking"), ASKED, ids=[f"{e['file']}-{n}-{c}" for e, n, c in ASKED]
)
def test_a_recording_over_the_wire(lab, entry, number, chunking):
    provider, manager = lab
    name, settings = clients_for(entry)[number]
    want = rulings.expect_stream(entry, body_of(entry), settings.get("transport"))
    kind = "application/x-ndjson" if is_ndjson(entry) else "text/event-stream"
    provider.reply = Reply(cut(entry, chunking), content_type=kind)
    handler = RecordingHandler()
    stream = manager(name, settings).generate_stream_with_handlers("hi", f"{name}:m", handlers=[handler])
    try:
        result = stream.result(60)
    except APIModelError as error:
        assert "error" in want.outcomes
        assert any(each.__name__ in want.errors for each in type(error).__mro__)
        assert handler.check("error").text == error.partial_text == want.text
        assert (error.provider, error.model) == (name, "m") and want.message in str(error)
        return
    assert "complete" in want.outcomes
    assert handler.check("complete").text == result.text == want.text
    assert result.thinking in want.thinking and result.refusal == want.refusal
    assert result.stop_reason in want.stop and result.raw_stop_reason == want.raw_stop
    assert result.usage.source == ("reported" if want.usage else "estimated")
    if want.usage:
        assert (result.usage.input_tokens, result.usage.output_tokens) == want.usage
    if not want.calls_open:
        assert [(c.name, c.arguments) for c in result.tool_calls] == [
            (c.name, c.arguments) for c in want.calls
        ]
        assert list(result.tool_calls) == [call for (call,) in handler.arguments("tool")]


ERRORS = entries(errors=True)


@pytest.mark.parametrize("entry", ERRORS, ids=[entry["file"] for entry in ERRORS])
def test_a_recorded_refusal_over_the_wire(lab, entry):
    """Class, status, ids and message of the HTTP errors that providers really send."""
    provider, manager = lab
    recording = json.loads((WIRE / entry["file"]).read_text(encoding="utf-8"))
    want = rulings.expect_http_error(entry, recording)
    name, settings = clients_for(entry)[0]
    provider.reply = Reply(
        [recording["body"].encode()],
        status=recording["status"],
        headers={
            k: v for k, v in recording["headers"].items() if k.lower() not in ("content-length", "connection")
        },
        content_type="application/json",
        framing="length",
    )
    with pytest.raises(APIModelError) as caught:
        manager(name, settings).generate("hi", f"{name}:m")
    error = caught.value
    assert any(each.__name__ in want.errors for each in type(error).__mro__)
    assert error.status_code == want.status and want.message in str(error)
    assert error.retryable is not want.one_request
    assert error.request_id in want.request_ids
    if want.error_type:
        assert error.error_type == want.error_type
    if want.retry_after:
        assert error.retry_after in want.retry_after
