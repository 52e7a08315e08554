"""What providers write of their limits, in all the ways in which they write it."""

from __future__ import annotations

import pytest

from api_models.clients.limit_headers import ToldLimit, retry_after, told_limit

SENT = "Mon, 01 Jun 2026 12:00:00 GMT"


@pytest.mark.parametrize(
    ("reset", "seconds"),
    [
        ("1s", 1), ("2ms", 0.002), ("6m0s", 360), ("1h2m3.5s", 3723.5), ("0s", 0), ("7.5", 7.5),
        ("2026-06-01T12:00:30Z", 30), ("2026-06-01T14:01:00+02:00", 60), ("2026-06-01T11:00:00Z", 0),
        ("soon", None), ("", None), ("5 parsecs", None), ("9999999-99-99T00:00:00Z", None),
    ],
)  # fmt: skip
def test_when_a_limit_is_whole_again(reset, seconds):
    headers = {"X-RateLimit-Remaining-Requests": "3", "X-RateLimit-Reset-Requests": reset, "Date": SENT}
    told = told_limit(headers, "requests")
    assert told == ToldLimit(3, None, pytest.approx(seconds) if seconds is not None else None)


def test_the_headers_of_anthropic():
    headers = {
        "anthropic-ratelimit-tokens-limit": "40000",
        "anthropic-ratelimit-tokens-remaining": "39000",
        "anthropic-ratelimit-tokens-reset": "2026-06-01T12:00:02Z",
        "date": SENT,
    }
    assert told_limit(headers, "tokens") == ToldLimit(39000, 40000, 2)
    assert told_limit(headers, "requests") is None


@pytest.mark.parametrize("remaining", ["", "many", "-1", "inf", "nan"])
def test_nonsense_is_no_limit(remaining):
    assert told_limit({"x-ratelimit-remaining-tokens": remaining}, "tokens") is None


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry-After": "2"}, 2),
        ({"retry-after-ms": "1500", "retry-after": "2"}, 1.5),
        ({"retry-after-ms": "0", "retry-after": "1"}, 1),
        ({"retry-after": "Thu, 01 Jan 1970 00:00:00 GMT"}, 0),
        ({"retry-after": "later"}, None),
        ({}, None),
    ],
)
def test_when_to_come_back(headers, seconds):
    assert retry_after(headers) == seconds
