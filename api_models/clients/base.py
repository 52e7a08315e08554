"""What every client is: it builds a request, and its answer is a source that opens on first read."""

from __future__ import annotations

import re
import ssl
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from http.client import HTTPException, IncompleteRead
from typing import Any

import urllib3
from urllib3.exceptions import (
    ConnectTimeoutError,
    HTTPError,
    NewConnectionError,
)

from ..exceptions import APIModelError, ConfigurationError, ProviderConnectionError
from ..streaming.exceptions import StreamInterruptedError, StreamTimeoutError
from ..streaming.stream_config import StreamConfig
from ..streaming.stream_events import TokenUsage, estimated_usage
from ..streaming.stream_source import Chunk, StreamSource
from .bodies import Prompt, characters_in, check_params, check_prompt
from .body import READ_SIZE
from .errors import redact_error
from .transport import Call, causes
from .wire import Decoder

_SECRET_HEADER = r"(?i)key|token|auth|secret"
_LINGER = 0.01  # seconds the rest of a body may take after its end marker to keep the connection

Send = Callable[[Call, urllib3.Timeout], urllib3.BaseHTTPResponse]


class ModelClient(ABC):
    """Speaks to one provider; may be used by several threads at once.

    `model` is asked for where the parameters name none.
    """

    schema_wire: str | None = None
    """How this wire takes the schema of an answer, a word of `answer_schema`; None for not at all."""

    def __init__(
        self,
        provider: str,
        *,
        base_url: str = "",
        api_key: str | None = None,
        model: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        if api_key and not (api_key.isascii() and api_key.isprintable()):
            # Sent, it would be refused by a library that quotes it.
            raise ConfigurationError(
                f"the key of {provider} has a character that no header can carry: look for a line break"
            )
        self.provider = provider
        self.model = model
        self._base_url = base_url.rstrip("/")
        self._api_key = api_key
        # Without the first, gateways compress, and hold text back until a block is full.
        self._headers: dict[str, Any] = {"Accept-Encoding": "identity", **(headers or {})}
        self._secrets = [api_key] if api_key else []
        self._secrets += [value for name, value in (headers or {}).items() if re.search(_SECRET_HEADER, name)]

    def generate_stream(self, prompt: Prompt, params: Mapping[str, Any] | None = None) -> StreamSource:
        """The answer to a prompt, as a source; nothing is sent before it is read.

        `params["model"]` names the model. Raises `ConfigurationError` for a prompt or parameters
        that cannot work.
        """
        messages, given = check_prompt(prompt), check_params(params)
        model = given.pop("model", None) or self.model
        if not model:
            raise ConfigurationError(
                f"no model named: give model_id='{self.provider}:MODEL', or 'model' in the "
                f"configuration of {self.provider}"
            )
        system = given.get("system")
        send, decoder = self._prepare(model, messages, given)
        decoder.estimate = partial(_estimated, messages, system)
        return AnswerSource(partial(self._get_ready, model), send, decoder, self._secrets, self._resumption)

    def close(self) -> None:
        """Close the connections kept open; twice is harmless."""

    def _get_ready(self, model: str) -> None:
        """Load what the first request needs; on the stream's own thread, before its clocks run."""

    def _resumption(self, decoder: Decoder) -> Send | None:
        """What asks for the rest of the answer that `decoder` has read so far, None if nothing can."""
        return None

    @abstractmethod
    def _prepare(
        self, model: str, messages: list[dict[str, Any]], params: dict[str, Any]
    ) -> tuple[Send, Decoder]:
        """What sends the request, and what reads the answer."""


class AnswerSource(StreamSource):
    """One request and its answer: sends on the first read, decodes whatever each read brings."""

    def __init__(
        self,
        get_ready: Callable[[], None],
        send: Send,
        decoder: Decoder,
        secrets: Sequence[str],
        resumption: Callable[[Decoder], Send | None],
    ) -> None:
        self._get_ready = get_ready
        self._send = send
        self._decoder = decoder
        self._secrets = secrets
        self._resumption = resumption
        self._call = Call()
        self._response: urllib3.BaseHTTPResponse | None = None
        self._receive: Callable[[], bytes] | None = None
        self._config = StreamConfig.of(None)
        self._all_read = False

    def open(self, config: StreamConfig) -> None:
        self._config = config
        self._get_ready()

    def read(self) -> Sequence[Chunk] | None:
        if self._all_read:
            if self._decoder.failure is not None:
                raise self._redacted(self._decoder.failure)
            return None
        try:
            if self._receive is None:
                self._receive = self._ask()
            received = self._receive()
        except APIModelError as error:
            raise self._redacted(error)  # noqa: B904  # its cause was set where it was translated
        except Exception as error:  # noqa: BLE001  # whatever a library raises is translated
            translated = self._translated(error)
            translated.__cause__ = error
            raise self._redacted(translated)  # noqa: B904  # as above
        self.bytes_received += len(received)
        decoder = self._decoder
        chunks = decoder.feed(received) if received else decoder.finish()
        self._all_read = not received or decoder.ended or decoder.failure is not None
        return chunks

    def abort(self) -> None:
        self._call.abort()

    def close(self) -> None:
        if self._response is not None and self._decoder.ended and not self._call.aborted:
            self._read_out()
        self._call.release()
        if self._response is None:
            return
        if self._call.body is not None and self._call.body.isclosed():
            self._response.release_conn()
        else:
            self._response.close()

    def rest(self) -> AnswerSource | None:
        """The rest of this very answer, broken off here; None where it has to be asked for anew."""
        send = self._resumption(self._decoder)
        if send is None:
            return None
        self._decoder.begin_body()
        return AnswerSource(self._get_ready, send, self._decoder, self._secrets, self._resumption)

    def _ask(self) -> Callable[[], bytes]:
        """Send the request; what receives the body of its answer."""
        # No limit on reads: the stream's own clocks see what the socket's cannot, a pause for example.
        timeout = urllib3.Timeout(connect=self._config.connect_timeout, read=None)
        self._response = response = self._call.send(lambda: self._send(self._call, timeout))
        self.headers = response.headers
        if self._call.body is not None and not response.headers.get("content-encoding"):
            return self._call.body.receive
        return partial(response.read1, READ_SIZE, decode_content=True)

    def _translated(self, error: Exception) -> APIModelError:
        if self._response is None:
            return _unanswered(error)
        message = "the connection broke off before the answer ended"
        if not isinstance(error, IncompleteRead):  # which says how many bytes it read
            message += f": {error}"
        return StreamInterruptedError(message, retryable=True)

    def _read_out(self) -> None:
        """Take the last HTTP chunk off the wire, so that the connection can serve another request."""
        self._call.hurry(_LINGER)
        try:
            if self._receive is not None:
                self._receive()
        except (HTTPError, HTTPException, OSError, ValueError):
            pass  # the server keeps the body open, or broke off: the connection is closed instead

    def _redacted(self, error: APIModelError) -> APIModelError:
        for each in causes(error):  # a traceback shows them all
            redact_error(each, self._secrets)
        return error


def _estimated(*said: Any) -> TokenUsage:
    return estimated_usage(sum(map(characters_in, said)), None)


def _unanswered(error: Exception) -> APIModelError:
    """Why no answer came, by what urllib3 raised under whatever library sent the request."""
    found = list(causes(error))  # requests' own exceptions are OSErrors all: look underneath first
    if any(
        isinstance(each, ConnectTimeoutError) and not isinstance(each, NewConnectionError) for each in found
    ):
        return StreamTimeoutError("no connection in time", clock="connect", retryable=True)
    if wrong := next((each for each in found if _is_bad_value(each)), None):
        return ConfigurationError(f"the address of the provider, or a header, is wrong: {wrong}")
    if lost := next((each for each in found if isinstance(each, (HTTPError, OSError))), None):
        return ProviderConnectionError(f"no answer from the provider: {lost}")
    return ConfigurationError(f"the request could not be made: {error}")


def _is_bad_value(error: BaseException) -> bool:
    """All libraries raise a ValueError for an address or header that cannot be, ssl for a certificate."""
    return isinstance(error, ValueError) and not isinstance(error, ssl.SSLError)
