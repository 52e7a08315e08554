"""What to do about an error, for the person who reads it."""

from __future__ import annotations

from ..exceptions import (
    APIModelError,
    AuthenticationError,
    CircuitOpenError,
    ConfigurationError,
    ContextLengthError,
    InvalidRequestError,
    PolicyViolationError,
    ProviderConnectionError,
    ProviderUnavailableError,
    RateLimitError,
)
from ..streaming.exceptions import HandlerError, StreamInterruptedError, StreamTimeoutError

# The first class that fits counts, so the narrower ones come first.
_NEXT: tuple[tuple[type[APIModelError], str], ...] = (
    (AuthenticationError, "check the key; `api-models doctor` says which ones are set, and from where"),
    (ContextLengthError, "shorten the prompt or the conversation, or ask a model that takes more"),
    (InvalidRequestError, "check the model's name and the parameters; `api-models models` lists providers"),
    (CircuitOpenError, "wait, or ask another model"),
    (RateLimitError, "wait, then ask again; or ask another model"),
    (ProviderUnavailableError, "ask again in a while, or ask another model"),
    (ProviderConnectionError, "check the network and the provider's base_url, then ask again"),
    (StreamInterruptedError, "ask again; the text so far is kept"),
    (StreamTimeoutError, "ask again, or allow more time; the text so far is kept"),
    (ConfigurationError, "`api-models doctor` shows what is configured"),
    (PolicyViolationError, "the text so far is kept; a policy of this program does not let the rest pass"),
    (HandlerError, "a part of this program failed; its log says where"),
)


def advice(error: APIModelError) -> str:
    """One line on what to do next; names the seconds to wait where the provider did."""
    wait = getattr(error, "retry_after", None)
    if wait:
        return f"ask again in {wait:.0f} s, or ask another model"
    for kind, words in _NEXT:
        if isinstance(error, kind):
            return words
    return "ask again" if error.retryable else "`--debug` shows where it comes from"
