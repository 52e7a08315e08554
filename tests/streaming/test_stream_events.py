"""Events, chunks, results and errors as values."""

from __future__ import annotations

import copy
import dataclasses
import pickle

import pytest

from api_models import exceptions as roots
from api_models.exceptions import APIModelError, CircuitOpenError, PolicyViolationError, RateLimitError
from api_models.streaming import exceptions as streaming_errors
from api_models.streaming import stream_events as events
from api_models.streaming.exceptions import StreamTimeoutError
from api_models.streaming.stream_events import StreamChunk, StreamEvent, StreamResult, TokenUsage, ToolCall

# Events and their own fields, as the contract lists them.
FIELDS = {
    "StreamStarted": ["metadata"],
    "TokenReceived": ["text", "index"],
    "ThinkingReceived": ["text", "index"],
    "ToolCallReceived": ["tool_call"],
    "StreamPaused": [],
    "StreamResumed": [],
    "StreamQuiet": ["seconds"],
    "StreamRetrying": ["attempt", "delay", "error"],
    "StreamReset": ["reason"],
    "StreamProgress": ["tokens", "characters", "rate"],
    "StreamCompleted": ["result"],
    "StreamFailed": ["error"],
    "StreamCancelled": ["partial_text"],
}
ERRORS = [
    value
    for module in (roots, streaming_errors)
    for value in vars(module).values()
    if isinstance(value, type) and issubclass(value, APIModelError) and value.__module__ == module.__name__
]
# What some errors require besides a message.
REQUIRED = {
    "CircuitOpenError": {"retry_after": 3.5},
    "PolicyViolationError": {"policy": "p", "reason": "r"},
    "StructuredOutputError": {"raw_text": "{", "problems": ["not closed"]},
    "StreamTimeoutError": {"clock": "idle"},
}


def test_the_events_are_the_contracts():
    """Each event of the contract is there, with its fields after `stream_id` and `elapsed`."""
    own = {kind.__name__: kind for kind in StreamEvent.__subclasses__()}
    assert set(own) == set(FIELDS)
    for name, fields in FIELDS.items():
        assert [field.name for field in dataclasses.fields(own[name])] == ["stream_id", "elapsed", *fields]


@pytest.mark.parametrize("name", FIELDS)
def test_events_are_frozen_values(name):
    """An event can be compared and cannot be changed or grown."""
    kind = getattr(events, name)
    made = [kind("s", 1.0, *range(len(FIELDS[name]))) for _ in range(2)]
    assert made[0] == made[1]
    with pytest.raises(dataclasses.FrozenInstanceError):
        made[0].elapsed = 2.0
    assert not hasattr(made[0], "__dict__")


def test_a_result_reads_as_its_text():
    """`str(result)` is the text, and usage nobody reported is unknown rather than zero."""
    result = StreamResult("hello")
    assert (str(result), result.tool_calls, result.stop_reason) == ("hello", (), None)
    assert (result.usage.source, result.usage.output_tokens) == ("unknown", None)


def test_an_empty_chunk_says_nothing():
    """Everything in a chunk is optional."""
    chunk = StreamChunk()
    assert not any(getattr(chunk, field.name) for field in dataclasses.fields(chunk))


@pytest.mark.parametrize(
    "value",
    [
        StreamChunk(text="a", usage=TokenUsage(input_tokens=3, source="reported"), stop_reason="length"),
        StreamChunk(tool_call=ToolCall("1", "f", {"x": 1}, '{"x":1}')),
        events.RetryNotice(1, 0.5, RateLimitError("slow down", retry_after=2.0)),
        events.ResetNotice("again"),
        StreamResult("text", stats={"tokens_received": 1}),
        events.TokenReceived("s", 0.5, "a", 3),
    ],
    ids=lambda value: type(value).__name__,
)
def test_values_can_be_pickled(value):
    """What goes through a stream can go to a file or another process."""
    again = pickle.loads(pickle.dumps(value))
    assert type(again) is type(value)
    assert repr(again) == repr(value)


@pytest.mark.parametrize("kind", ERRORS, ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("through", [lambda e: pickle.loads(pickle.dumps(e)), copy.copy, copy.deepcopy])
def test_errors_survive_pickling_and_copying(kind, through):
    """Each error comes back as what it was: class, message and every fact it carries."""
    error = kind("went wrong", **REQUIRED.get(kind.__name__, {}))
    error.partial_text = "half a tho"
    again = through(error)
    assert type(again) is kind
    assert str(again) == "went wrong"
    assert vars(again) == vars(error)
    assert again.partial_text == "half a tho"


def test_errors_carry_their_facts():
    """What a program needs to know of an error is an attribute, not a text to parse."""
    error = RateLimitError("slow", status_code=429, retry_after=2.0, provider="p", model="m", request_id="r")
    assert (error.status_code, error.retry_after, error.provider, error.model) == (429, 2.0, "p", "m")
    assert (error.retryable, error.partial_text) == (True, "")
    assert RateLimitError("slow", retryable=False).retryable is False
    assert StreamTimeoutError("late", clock="total").clock == "total"
    assert CircuitOpenError("open", retry_after=9.0).retry_after == 9.0
    assert PolicyViolationError("no", policy="p", reason="r", partial_text="so far").partial_text == "so far"


# Parent of each error, by the contract's tree.
PARENTS = {
    "APIModelError": "Exception",
    "ConfigurationError": "APIModelError",
    "ProviderError": "APIModelError",
    "AuthenticationError": "ProviderError",
    "InvalidRequestError": "ProviderError",
    "ContextLengthError": "InvalidRequestError",
    "RateLimitError": "ProviderError",
    "ProviderUnavailableError": "ProviderError",
    "ProviderConnectionError": "ProviderError",
    "MalformedResponseError": "ProviderError",
    "CircuitOpenError": "APIModelError",
    "StreamingError": "APIModelError",
    "StreamStateError": "StreamingError",
    "StreamInterruptedError": "StreamingError",
    "StreamTimeoutError": "StreamingError",
    "StreamCancelledError": "StreamingError",
    "HandlerError": "StreamingError",
    "PolicyViolationError": "APIModelError",
    "StructuredOutputError": "APIModelError",
}
RETRYABLE = {"RateLimitError", "ProviderUnavailableError", "ProviderConnectionError"}


def test_the_tree_of_errors_is_the_contracts():
    """Each error stands where the contract draws it, none is missing, and the right ones are retryable."""
    assert {kind.__name__: kind.__bases__[0].__name__ for kind in ERRORS} == PARENTS
    assert {kind.__name__ for kind in ERRORS if kind.retryable} == RETRYABLE
