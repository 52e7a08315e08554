"""Every error that can be raised tells its reader what to do."""

from __future__ import annotations

import pytest

import api_models
from api_models import APIModelError, RateLimitError
from api_models.handlers.advice import advice

KINDS = [
    kind
    for name in api_models.__all__
    if isinstance(kind := getattr(api_models, name), type) and issubclass(kind, APIModelError)
]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_there_is_something_to_do_about_every_error(kind):
    """Nothing of it is as general as that of the root, but for those that nobody expects."""
    error = kind.__new__(kind)
    error.retryable = False
    general = advice(APIModelError("?"))
    assert advice(error)
    assert (advice(error) == general) == (
        kind.__name__
        in ("APIModelError", "ProviderError", "MalformedResponseError", "StreamingError", "StreamStateError",
            "StreamCancelledError", "StructuredOutputError")
    )  # fmt: skip


def test_the_seconds_to_wait_are_named_where_they_are_known():
    assert advice(RateLimitError("slow down", retry_after=20.0)) == "ask again in 20 s, or ask another model"
    assert advice(RateLimitError("slow down")).startswith("wait")


def test_what_may_be_tried_again_says_so():
    assert advice(APIModelError("odd", retryable=True)) == "ask again"
