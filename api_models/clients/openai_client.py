"""OpenAI's models, and any compatible server, asked through OpenAI's SDK."""

from __future__ import annotations

from functools import partial
from types import ModuleType
from typing import Any, Literal

from .base import Send
from .bodies import Body, chat_body, responses_body
from .sdk_client import SDKClient, sdk_transport
from .wire import Decoder
from .wire_chat import ChatDecoder
from .wire_responses import ResponsesDecoder

API = Literal["responses", "chat_completions"]

OPENAI_URL = "https://api.openai.com/v1"


class OpenAIClient(SDKClient):
    """`base_url` includes the version; `api` is `responses` by default on OpenAI's own host alone."""

    def __init__(self, provider: str, *, api: API | None = None, **settings: Any) -> None:
        super().__init__(provider, **settings)
        self._own_host = self._base_url.rstrip("/") == OPENAI_URL
        self._api = api or ("responses" if self._own_host else "chat_completions")
        self.schema_wire = "responses" if self._api == "responses" else "chat"

    def _load(self) -> tuple[ModuleType, Any]:
        import openai  # noqa: PLC0415  # takes half a second, and only who asks through it needs it

        sdk = openai.OpenAI(
            api_key=self._api_key or "none",  # the SDK wants one; servers without keys ignore it
            base_url=self._base_url,
            max_retries=0,
            default_headers=self._headers,
            http_client=sdk_transport().make_http_client(self._base_url),
        )
        if not self._own_host:
            sdk.organization = sdk.project = None  # read from the environment, and OpenAI's business alone
        return openai, sdk

    def _prepare(
        self, model: str, messages: list[dict[str, Any]], params: dict[str, Any]
    ) -> tuple[Send, Decoder]:
        if self._api == "responses":
            body = responses_body(model, messages, params)
            return partial(self._ask, partial(_post, "/responses", body)), ResponsesDecoder()
        limit = "max_completion_tokens" if self._own_host else "max_tokens"
        body = chat_body(model, messages, params, limit)
        return partial(self._ask, partial(_post, "/chat/completions", body)), ChatDecoder(True)

    def _resumption(self, decoder: Decoder) -> Send | None:
        """A response made in the background is kept by the provider, and can be listened to again."""
        kept = decoder.resumption if isinstance(decoder, ResponsesDecoder) else None
        if kept is None:
            return None
        return partial(self._ask, partial(_listen_again, *kept))


_EXTRAS = {"extra_headers": "headers", "extra_query": "params", "extra_body": "extra_json"}


def _post(path: str, body: Body, library: ModuleType, sdk: Any, limits: Any) -> None:
    """Have the body sent as it is.

    The SDK's `create` methods look through a conversation for what to rename and find nothing, which
    takes 0.14 ms and more for each of its messages.
    """
    said = {name: value for name, value in body.items() if name not in _EXTRAS}
    options = {theirs: body[ours] for ours, theirs in _EXTRAS.items() if ours in body}
    sdk.post(
        path,
        body={**said, "stream": True},
        options={**options, "timeout": limits},
        cast_to=object,
        stream=True,
        stream_cls=library.Stream[object],
    )


def _listen_again(response_id: str, after: int, _: ModuleType, sdk: Any, limits: Any) -> None:
    sdk.responses.retrieve(response_id, starting_after=after, stream=True, timeout=limits)
