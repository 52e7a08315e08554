"""What providers say when they refuse, as our classes."""

from __future__ import annotations

import email.utils
import json
import time

import pytest

from api_models import (
    AuthenticationError,
    ContextLengthError,
    InvalidRequestError,
    ProviderError,
    ProviderUnavailableError,
    RateLimitError,
)
from api_models.clients.errors import error_from_inband, error_from_status, redact


def refusal(status, body=None, **headers):
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    wire = body if isinstance(body, bytes) else json.dumps(body).encode()
    return error_from_status(status, named, wire)


@pytest.mark.parametrize(
    ("status", "kind", "retryable"),
    [
        (400, InvalidRequestError, False), (401, AuthenticationError, False), (402, ProviderError, False),
        (403, AuthenticationError, False), (404, InvalidRequestError, False), (408, ProviderError, False),
        (409, ProviderError, False), (413, InvalidRequestError, False), (422, InvalidRequestError, False),
        (429, RateLimitError, True), (500, ProviderUnavailableError, True), (503, ProviderUnavailableError, True),
        (529, ProviderUnavailableError, True), (418, ProviderError, False),
    ],
)  # fmt: skip
def test_the_status_decides_the_class(status, kind, retryable):
    error = refusal(status, {"error": {"message": "no", "type": "t"}})
    assert type(error) is kind and error.status_code == status and error.retryable is retryable


@pytest.mark.parametrize(
    "body",
    [{"error": {"message": "why"}}, {"error": "why"}, {"detail": "why"}, {"message": "why"}, "why"],
    ids=repr,
)
def test_the_message_is_found_wherever_it_stands(body):
    assert str(refusal(400, body)) == "why"


@pytest.mark.parametrize("body", [b"", b"<html>bad gateway</html>", b"null", b"[1]", b"\xff\xfe"], ids=repr)
def test_a_body_that_says_nothing_gives_a_sentence_of_ours(body):
    assert str(refusal(502, body)) == "HTTP 502 from the provider: Bad Gateway"


@pytest.mark.parametrize(
    "error",
    [
        {"code": "context_length_exceeded"}, {"type": "exceed_context_size_error"},
        {"message": "Prompt is too long: 9 > 8"}, {"message": "the Context Window is full"},
    ],
    ids=repr,
)  # fmt: skip
def test_a_prompt_that_does_not_fit_is_told_apart(error):
    assert type(refusal(400, {"error": {"message": "x", **error}})) is ContextLengthError


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry_after": "7"}, 7.0), ({"Retry_After": "1.5"}, 1.5), ({"retry_after_ms": "250"}, 0.25),
        ({"retry_after_ms": "0", "retry_after": "1"}, 1.0), ({"retry_after": "soon"}, None),
        ({"retry_after": "nan"}, None), ({"retry_after": "-3"}, None), ({"retry_after": "inf"}, None), ({}, None),
    ],
    ids=repr,
)  # fmt: skip
def test_how_long_to_wait_is_read_from_all_forms(headers, seconds):
    assert refusal(429, {}, **headers).retry_after == seconds


def test_a_date_to_come_back_at_is_seconds_from_now():
    date = email.utils.formatdate(time.time() + 60, usegmt=True)
    assert 50 < refusal(429, {}, retry_after=date).retry_after <= 60
    assert refusal(429, {}, retry_after="Thu, 01 Jan 1970 00:00:00 GMT").retry_after == 0.0


def test_the_request_is_named_by_the_first_that_names_it():
    body = {"request_id": "in body", "error": {}}
    assert refusal(400, body, request_id="a", x_request_id="b").request_id == "a"
    assert refusal(400, body, X_Request_Id="b").request_id == "b"
    assert refusal(400, body).request_id == "in body"
    assert refusal(400, {}).request_id is None


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        ({"type": "overloaded_error"}, ProviderUnavailableError), ({"code": "rate_limit_exceeded"}, RateLimitError),
        ({"code": 503}, ProviderUnavailableError), ({"code": "400"}, InvalidRequestError),
        ({"status_code": 401}, AuthenticationError), ({"code": "odd", "type": "not_found_error"}, InvalidRequestError),
        ({"code": "context_length_exceeded"}, ContextLengthError), ({"type": "odd"}, ProviderError),
        ({"code": 200}, ProviderError), ("plain words", ProviderError), (None, ProviderError), ([], ProviderError),
    ],
    ids=repr,
)  # fmt: skip
def test_an_error_inside_an_answer_has_the_class_of_its_twin(error, kind):
    assert type(error_from_inband(error)) is kind


def test_secrets_are_taken_out_and_short_words_left():
    assert redact("key sk-12345678 is wrong", ["sk-12345678"]) == "key *** is wrong"
    assert redact("a key", ["key", ""]) == "a key"
