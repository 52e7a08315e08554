"""An answer that OpenAI makes in the background is not asked for again, but listened to again."""

from __future__ import annotations

from contextlib import contextmanager
from urllib.parse import parse_qs, urlsplit

import pytest
from fakes import TIMEOUT

from api_models import APIModelError, APIModelManager, InvalidRequestError, StreamInterruptedError
from api_models.streaming.stream_events import StreamReset
from api_models.testing import Provider, Reply, error_reply, responses, responses_error

TOKENS = ["Grüße, ", "ferne", " Welt", " 🌍"]
TEXT = "".join(TOKENS)
EVENTS = responses(TOKENS, background=True)
BODY = b"".join(event.wire for event in EVENTS)
FIRST_CONTENT = sum(len(event.wire) for event in EVENTS[:3])


def the_rest(request):
    """What the provider has kept behind the event whose number is asked for."""
    parts = urlsplit(request.path)
    assert (request.method, parts.path) == ("GET", "/v1/responses/resp_test")
    asked = parse_qs(parts.query)
    assert asked["stream"] == ["true"]
    return Reply(EVENTS[int(asked["starting_after"][0]) + 1 :])


@contextmanager
def answered(*plan, guarded=False, **stream):
    """What came of a question to a provider that answers so; and the provider."""
    with Provider(plan=list(plan)) as provider:
        entry = {"api_key": "sk-background", "base_url": provider.url + "/v1", "api": "responses"}
        entry |= {"breaker": True, "budget": {"requests_per_minute": 100}} if guarded else {}
        with APIModelManager({"providers": {"openai": entry}}) as manager:
            config = {"retry_delay": 0.0, "recovery": "continue", **stream}
            run = manager.generate_stream_with_handlers(
                "hi", "openai:m", {"background": True, "store": True}, config=config
            )
            assert run.wait(TIMEOUT)
            yield run, provider


def outcome_of(stream):
    try:
        return stream.result()
    except APIModelError as error:
        return error


@pytest.mark.parametrize("how", ["fin", "rst"])
def test_wherever_it_is_cut_the_rest_is_listened_to(how):
    """The text is whole, once, and nothing but numbers is sent in the second request."""
    resumed = 0
    for cut_at in range(0, len(BODY), 41):
        second = the_rest if cut_at > len(EVENTS[0].wire) else Reply(EVENTS)
        with answered(Reply(EVENTS, cut_at=cut_at, cut_how=how), second) as (stream, provider):
            assert "".join(stream) == stream.result().text == TEXT, f"cut at byte {cut_at}"
            assert len(provider.requests) == stream.result().stats["attempts"] == 2
            assert stream.result().continued is (cut_at >= FIRST_CONTENT)
            assert not any(isinstance(event, StreamReset) for event in stream.events())
            resumed += provider.requests[1].method == "GET"
    assert resumed > 20


def test_it_may_break_off_again_and_again():
    def a_little(request):
        return Reply(the_rest(request).events, cut_at=len(EVENTS[3].wire) + 9)

    with answered(Reply(EVENTS, cut_at=FIRST_CONTENT), a_little, the_rest) as (stream, provider):
        assert stream.result().text == TEXT and len(provider.requests) == 3


def test_a_breaker_and_a_budget_do_not_stand_in_the_way():
    with answered(Reply(EVENTS, cut_at=FIRST_CONTENT), the_rest, guarded=True) as (stream, provider):
        assert stream.result().text == TEXT and provider.requests[1].method == "GET"


@pytest.mark.parametrize("policy", ["fail", "restart", "continue"])
def test_the_policy_decides_once_there_is_content(policy):
    second = Reply(EVENTS) if policy == "restart" else the_rest
    with answered(Reply(EVENTS, cut_at=FIRST_CONTENT + 9), second, recovery=policy) as (stream, provider):
        outcome = outcome_of(stream)
        methods = [request.method for request in provider.requests]
    if policy == "fail":
        assert type(outcome) is StreamInterruptedError and methods == ["POST"]
    else:
        assert outcome.text == TEXT and methods == ["POST", "POST" if policy == "restart" else "GET"]


def test_what_the_provider_reported_as_failed_is_asked_anew():
    """There is no rest of it."""
    failed = Reply([*EVENTS[:2], responses_error()])
    with answered(failed, Reply(EVENTS)) as (stream, provider):
        assert stream.result().text == TEXT
        assert [request.method for request in provider.requests] == ["POST", "POST"]


def test_what_was_not_made_in_the_background_is_asked_anew():
    events = responses(TOKENS)
    cut = Reply(events, cut_at=len(b"".join(event.wire for event in events[:2])))
    with answered(cut, Reply(events)) as (stream, provider):
        assert stream.result().text == TEXT
        assert [request.method for request in provider.requests] == ["POST", "POST"]


def test_a_provider_that_kept_nothing_after_all_is_the_error():
    with answered(Reply(EVENTS, cut_at=FIRST_CONTENT), error_reply(404)) as (stream, _):
        error = outcome_of(stream)
    assert type(error) is InvalidRequestError and error.partial_text == TOKENS[0]
