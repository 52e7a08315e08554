"""What providers say when they refuse, as our classes: by HTTP status, or by words inside a 200."""

from __future__ import annotations

import http
import re
from collections.abc import Iterable, Mapping
from typing import Any

import jiter

from ..exceptions import (
    AuthenticationError,
    ContextLengthError,
    InvalidRequestError,
    ProviderError,
    ProviderUnavailableError,
    RateLimitError,
)
from .limit_headers import lower_names, retry_after

_BY_STATUS: dict[int, type[ProviderError]] = {
    401: AuthenticationError,
    403: AuthenticationError,
    429: RateLimitError,
    **dict.fromkeys((400, 404, 413, 422), InvalidRequestError),
}

_BY_WORD: dict[str, type[ProviderError]] = {
    **dict.fromkeys(
        ("authentication_error", "permission_error", "invalid_api_key"),
        AuthenticationError,
    ),
    **dict.fromkeys(
        ("invalid_request_error", "not_found_error", "model_not_found", "request_too_large"),
        InvalidRequestError,
    ),
    "context_length_exceeded": ContextLengthError,
    **dict.fromkeys(("rate_limit_error", "rate_limit_exceeded", "insufficient_quota"), RateLimitError),
    **dict.fromkeys(
        ("overloaded_error", "api_error", "server_error", "timeout_error"), ProviderUnavailableError
    ),
}

_CONTEXT_SIGNS = r"(?i)context[ _](length|window|size)|prompt is too long"
_STATUS = r"[45]\d\d"
_SHORTEST_SECRET = 8
"""Anything shorter stands in ordinary text by chance."""


def error_from_status(status: int, headers: Mapping[str, str], body: bytes) -> ProviderError:
    """The error that an HTTP answer with an error status means."""
    said = _parse(body)
    inner = _error_mapping(said)
    known = lower_names(headers)
    message = _message(inner) or f"HTTP {status} from the provider: {_phrase(status)}"
    return _class_of_status(status, inner)(
        message,
        status_code=status,
        request_id=_request_id(known, said),
        error_type=_error_type(inner),
        retry_after=retry_after(known),
    )


def error_from_inband(error: Any) -> ProviderError:
    """The error that an error object inside a 200 means: the class of its HTTP twin."""
    inner = _error_mapping(error)
    message = _message(inner) or f"the provider reported an error: {error!r}"
    return _class_of_words(inner)(message, error_type=_error_type(inner))


def redact(text: str, secrets: Iterable[str]) -> str:
    """The text without the secrets."""
    for secret in sorted(secrets, key=len, reverse=True):  # one may be the beginning of another
        if len(secret) >= _SHORTEST_SECRET:
            text = text.replace(secret, "***")
    return text


def redact_error(error: BaseException, secrets: Iterable[str]) -> None:
    """Take the secrets out of what an error says: its message, and its facts that are text."""
    error.args = tuple(redact(said, secrets) if isinstance(said, str) else said for said in error.args)
    facts = vars(error)
    facts.update({name: redact(fact, secrets) for name, fact in facts.items() if isinstance(fact, str)})


def _parse(body: bytes) -> Any:
    try:
        return jiter.from_json(body)
    except ValueError:
        return None  # HTML of a gateway, or nothing: the status has to say it


def _error_mapping(said: Any) -> dict[str, Any]:
    """Where message, type and code stand: providers put them in five places."""
    if isinstance(said, str):
        return {"message": said}
    if not isinstance(said, dict):
        return {}
    inner = said.get("error")
    if isinstance(inner, dict):
        return inner
    if isinstance(inner, str):
        return {"message": inner, "code": said.get("code")}
    if isinstance(said.get("detail"), str):
        return {"message": said["detail"]}
    return said


def _message(inner: dict[str, Any]) -> str:
    message = inner.get("message")
    return message if isinstance(message, str) else ""


def _error_type(inner: dict[str, Any]) -> str | None:
    for name in ("type", "code"):
        if isinstance(inner.get(name), str):
            return str(inner[name])
    return None


def _class_of_status(status: int, inner: dict[str, Any]) -> type[ProviderError]:
    found = ProviderUnavailableError if status >= 500 else _BY_STATUS.get(status, ProviderError)
    if found is InvalidRequestError:
        signs = " ".join(str(inner.get(name) or "") for name in ("code", "type", "message"))
        return ContextLengthError if re.search(_CONTEXT_SIGNS, signs) else found
    return found


def _class_of_words(inner: dict[str, Any]) -> type[ProviderError]:
    for name in ("status_code", "code"):
        value = str(inner.get(name) or "")
        if re.fullmatch(_STATUS, value):
            return _class_of_status(int(value), inner)
    for name in ("code", "type"):
        word = inner.get(name)
        if isinstance(word, str) and word in _BY_WORD:
            return _BY_WORD[word]
    return ProviderError


def _phrase(status: int) -> str:
    try:
        return http.HTTPStatus(status).phrase
    except ValueError:
        return "an unusual status"


def _request_id(headers: Mapping[str, str], said: Any) -> str | None:
    for name in ("request-id", "x-request-id"):
        if headers.get(name):
            return headers[name]
    named = said.get("request_id") if isinstance(said, dict) else None
    return named if isinstance(named, str) else None
