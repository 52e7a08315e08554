"""What can go wrong, and what each error carries.

    APIModelError                      provider, model, retryable, partial_text
    ├── ConfigurationError             unknown provider, missing key, bad value (also a ValueError)
    ├── ProviderError                  status_code, request_id, error_type, retry_after
    │   ├── AuthenticationError        401, 403
    │   ├── InvalidRequestError        400, 404, 413, 422
    │   │   └── ContextLengthError     the prompt does not fit the model's window
    │   ├── RateLimitError             429                                     retryable
    │   ├── ProviderUnavailableError   5xx, 529, overloaded inside a stream    retryable
    │   ├── ProviderConnectionError    refused, reset, DNS, TLS                retryable
    │   └── MalformedResponseError     not the promised format
    ├── CircuitOpenError               retry_after
    ├── StreamingError                 see `api_models.streaming.exceptions`
    ├── PolicyViolationError           policy, reason
    └── StructuredOutputError          raw_text, problems

The message is one sentence for people; the facts are attributes. The exception of the library
underneath is always `__cause__`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


class APIModelError(Exception):
    """Root of every error this package raises.

    `partial_text` is the visible text that had arrived before the error; `retryable` says
    whether the same request may succeed when it is sent again.
    """

    retryable: bool = False

    def __init__(
        self,
        message: str = "",
        *,
        provider: str | None = None,
        model: str | None = None,
        retryable: bool | None = None,
        partial_text: str = "",
    ) -> None:
        super().__init__(message)
        self.provider = provider
        self.model = model
        self.partial_text = partial_text
        if retryable is not None:
            self.retryable = retryable

    def __reduce__(self) -> tuple[Any, ...]:
        # The default calls the class with `args` alone, which lacks the required keywords.
        return _revive, (type(self), self.args, self.__dict__.copy())


def _revive(kind: type[APIModelError], args: tuple[Any, ...], state: dict[str, Any]) -> APIModelError:
    error = kind.__new__(kind, *args)
    error.__dict__.update(state)
    return error


class ConfigurationError(APIModelError, ValueError):
    """A value that cannot work was given; the message names it and what to do."""


class ProviderError(APIModelError):
    """The provider, or the way to it, failed; used itself for the 4xx that have no class below.

    `retry_after` is how many seconds the provider asked to wait, None if it did not say.
    """

    def __init__(
        self,
        message: str = "",
        *,
        status_code: int | None = None,
        request_id: str | None = None,
        error_type: str | None = None,
        retry_after: float | None = None,
        provider: str | None = None,
        model: str | None = None,
        retryable: bool | None = None,
        partial_text: str = "",
    ) -> None:
        super().__init__(
            message, provider=provider, model=model, retryable=retryable, partial_text=partial_text
        )
        self.status_code = status_code
        self.request_id = request_id
        self.error_type = error_type
        self.retry_after = retry_after


class AuthenticationError(ProviderError):
    """The key is wrong, or may not do this."""


class InvalidRequestError(ProviderError):
    """The provider refuses this request as it stands."""


class ContextLengthError(InvalidRequestError):
    """The prompt and the answer asked for do not fit the model's window."""


class RateLimitError(ProviderError):
    """Too many requests or tokens; `retry_after` says when to come back, if the provider did."""

    retryable = True


class ProviderUnavailableError(ProviderError):
    """The provider is overloaded or broken for the moment."""

    retryable = True


class ProviderConnectionError(ProviderError):
    """No answer came: the connection was refused, reset, not found or not trusted."""

    retryable = True


class MalformedResponseError(ProviderError):
    """What came is not in the format that was promised."""


class CircuitOpenError(APIModelError):
    """Not asked: this model failed too often of late; ask again in `retry_after` seconds."""

    def __init__(self, message: str = "", *, retry_after: float, provider: str | None = None) -> None:
        super().__init__(message, provider=provider)
        self.retry_after = retry_after


class PolicyViolationError(APIModelError):
    """A policy blocked the stream; `partial_text` is what it had let through."""

    def __init__(self, message: str = "", *, policy: str, reason: str, partial_text: str = "") -> None:
        super().__init__(message, partial_text=partial_text)
        self.policy = policy
        self.reason = reason


class StructuredOutputError(APIModelError):
    """The answer does not validate; `raw_text` is all of it, `problems` say why."""

    def __init__(self, message: str = "", *, raw_text: str, problems: Sequence[str]) -> None:
        super().__init__(message, partial_text=raw_text)
        self.raw_text = raw_text
        self.problems = tuple(problems)
