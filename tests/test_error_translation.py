"""Every exception of the libraries underneath becomes one of ours, its cause kept, the key in none of it."""

from __future__ import annotations

import dataclasses
import inspect
import io
import logging
import traceback
from contextlib import closing
from importlib import import_module

import anthropic as anthropic_sdk
import httpx2
import openai
import pytest
import urllib3
from fakes import TIMEOUT

from api_models import (
    APIModelError,
    APIModelManager,
    AuthenticationError,
    ConfigurationError,
    InvalidRequestError,
    ProviderConnectionError,
    ProviderError,
    ProviderUnavailableError,
    RateLimitError,
    StreamInterruptedError,
    StreamTimeoutError,
)
from api_models.clients.anthropic_client import AnthropicClient
from api_models.clients.http_client import HTTPClient
from api_models.clients.openai_client import OpenAIClient
from api_models.handlers.json_lines import JSONLinesHandler
from api_models.streaming.stream_config import StreamConfig
from api_models.testing import Provider, Reply, anthropic, chat, error_reply, responses
from api_models.testing.rendering import event

KEY = "sk-translation-0123456789abcdef"
LIBRARIES = ("anthropic", "openai", "requests.exceptions", "urllib3.exceptions")

NO_EXCEPTIONS_OF_A_REQUEST = {
    "openai.LengthFinishReasonError": "made from a whole parsed completion, by a helper that we never call",
}
"""What is not raised here, each with its reason."""

POOL = urllib3.HTTPConnectionPool("127.0.0.1", 9)
ASKED = httpx2.Request("POST", "http://127.0.0.1:9/v1/x")
ARGUMENTS = {
    "message": f"it said {KEY}",
    "msg": f"it said {KEY}",
    "doc": KEY,
    "pos": 0,
    "request": ASKED,
    "body": {"error": {"message": f"it said {KEY}"}},
    "pool": POOL,
    "url": f"/v1?key={KEY}",
    "reason": OSError(f"it said {KEY}"),
    "error": OSError(f"it said {KEY}"),
    "conn": POOL.ConnectionCls("127.0.0.1", 9),
    "host": "127.0.0.1",
    "location": f"http://{KEY}",
    "scheme": KEY,
    "defects": [KEY],
    "unparsed_data": KEY,
    "partial": 3,
    "expected": 5,
    "length": b"zz",
    "unsent_messages": [],
    "line": KEY,
}
"""A value for each parameter of their constructors, by its name; the key wherever there is room for it."""

OTHERWISE = {
    "http.client": {"partial": b"abc"},
    "urllib3.exceptions": {"response": urllib3.HTTPResponse(io.BytesIO())},
}
"""Values of another type under the same name."""


def status_of(kind):
    """The status that an exception is for, where its class says so."""
    said = inspect.get_annotations(kind, eval_str=False).get("status_code", "")
    digits = "".join(filter(str.isdigit, str(getattr(kind, "status_code", "")) or str(said)))
    return int(digits) if len(digits) == 3 else 418


def instance(kind):
    """An exception as its library might raise it."""
    try:
        parameters = inspect.signature(kind).parameters.values()
    except ValueError:  # a plain exception
        return kind(ARGUMENTS["message"])
    if any(each.kind is each.VAR_POSITIONAL for each in parameters):
        return (
            kind(*(ARGUMENTS[name] for name in ("msg", "doc", "pos")))
            if "JSONDecode" in kind.__name__
            else kind(ARGUMENTS["message"])
        )
    body = f'{{"error": {{"message": "it said {KEY}"}}}}'.encode()
    answer = httpx2.Response(status_of(kind), content=body, request=ASKED)
    known = {**ARGUMENTS, "response": answer, **OTHERWISE.get(kind.__module__, {})}
    given = {each.name: known[each.name] for each in parameters if each.default is each.empty}
    positional = [
        given.pop(each.name) for each in parameters if each.name in given and each.kind < each.KEYWORD_ONLY
    ]
    return kind(*positional, **given)


def exceptions_of(library):
    module = import_module(library)
    found = {
        value
        for value in [*vars(module).values()]
        if isinstance(value, type)
        and issubclass(value, Exception)
        and f"{library}.{value.__name__}" not in NO_EXCEPTIONS_OF_A_REQUEST
    }
    return sorted(found, key=lambda kind: kind.__name__)


KINDS = [(library, kind) for library in LIBRARIES for kind in exceptions_of(library)]
each_kind = pytest.mark.parametrize(
    ("library", "kind"), KINDS, ids=[f"{library}.{kind.__name__}" for library, kind in KINDS]
)


class FailingSDK:
    """An SDK's client that raises whichever way it is asked."""

    def __init__(self, error):
        self._error = error
        self.messages = self.responses = self.completions = self.chat = self

    def create(self, *_, **__):
        raise self._error

    post = create

    def close(self):
        pass


def client_that_meets(library, error):
    """A client in whose library the error is raised while the request is sent."""
    if library in ("anthropic", "openai"):
        make = AnthropicClient if library == "anthropic" else OpenAIClient
        client = make("lab", base_url="http://127.0.0.1:9", api_key=KEY, model="m")
        client._loaded = import_module(library), FailingSDK(error)
        return client
    client = HTTPClient("lab", base_url="http://127.0.0.1:9", api_key=KEY, model="m")

    def fail(*_, **__):
        raise error

    client._adapter.send = fail
    return client


class BrokenAnswer:
    """An answer whose body raises when it is read."""

    def __init__(self, error):
        self.headers = {}
        self._error = error

    def read1(self, *_, **__):
        raise self._error

    def close(self):
        pass


def failure_of(source):
    source.open(StreamConfig())
    with closing(source), pytest.raises(Exception) as caught:
        source.read()
    return caught.value


def causes_of(error):
    while error is not None:
        yield error
        error = error.__cause__


def assert_is_one_of_ours(error, raised):
    """With a class of the tree, the library's exception as its cause, and without the key."""
    assert isinstance(error, APIModelError), f"{raised!r} went through"
    assert raised in list(causes_of(error))[1:], "the cause was lost"
    assert KEY not in f"{error} {error!r} {error.args} {vars(error)}"
    assert KEY not in "".join(map(str, causes_of(error)))


@each_kind
def test_what_is_raised_while_sending_is_one_of_ours(library, kind):
    raised = instance(kind)
    client = client_that_meets(library, raised)
    with closing(client):
        error = failure_of(client.generate_stream("hi"))
    assert_is_one_of_ours(error, raised)
    response = getattr(raised, "response", None)
    if library in ("anthropic", "openai") and isinstance(raised, import_module(library).APIStatusError):
        assert isinstance(error, ProviderError) and error.status_code == response.status_code


@each_kind
def test_what_is_raised_while_reading_is_an_interruption(library, kind):
    """Whatever the library calls it: an answer had begun, and it broke off."""
    raised = instance(kind)
    with closing(HTTPClient("lab", base_url="http://127.0.0.1:9", api_key=KEY, model="m")) as client:
        answer = {"status_code": 200, "raw": BrokenAnswer(raised), "is_redirect": False}
        client._adapter.send = lambda *_, **__: type("Answer", (), answer)
        error = failure_of(client.generate_stream("hi"))
    assert type(error) is StreamInterruptedError and error.retryable
    assert_is_one_of_ours(error, raised)


def test_the_exceptions_of_all_libraries_were_found():
    """The search above finds what everybody knows is there, and skips what it says and nothing else."""
    names = {f"{library}.{kind.__name__}" for library, kind in KINDS}
    assert {"anthropic.RateLimitError", "openai.APITimeoutError", "requests.exceptions.SSLError"} <= names
    assert "urllib3.exceptions.ReadTimeoutError" in names and len(names) > 100
    for name, reason in NO_EXCEPTIONS_OF_A_REQUEST.items():
        library, _, kind = name.rpartition(".")
        assert hasattr(import_module(library), kind) and reason


@pytest.mark.parametrize(
    ("library", "name", "want", "retryable"),
    [
        ("anthropic", "AuthenticationError", AuthenticationError, False),
        ("anthropic", "BadRequestError", InvalidRequestError, False),
        ("anthropic", "OverloadedError", ProviderUnavailableError, True),
        ("openai", "RateLimitError", RateLimitError, True),
        ("openai", "PermissionDeniedError", AuthenticationError, False),
        ("openai", "NotFoundError", InvalidRequestError, False),
        ("openai", "UnprocessableEntityError", InvalidRequestError, False),
        ("openai", "ConflictError", ProviderError, False),
        ("requests.exceptions", "ConnectionError", ProviderConnectionError, True),
        ("requests.exceptions", "SSLError", ProviderConnectionError, True),
        ("requests.exceptions", "InvalidURL", ConfigurationError, False),
        ("requests.exceptions", "InvalidHeader", ConfigurationError, False),
        ("urllib3.exceptions", "ProtocolError", ProviderConnectionError, True),
        ("urllib3.exceptions", "NameResolutionError", ProviderConnectionError, True),
        ("urllib3.exceptions", "NewConnectionError", ProviderConnectionError, True),
        ("urllib3.exceptions", "ConnectTimeoutError", StreamTimeoutError, True),
        ("urllib3.exceptions", "LocationParseError", ConfigurationError, False),
    ],
)
def test_the_best_known_have_the_class_that_the_tree_gives_them(library, name, want, retryable):
    raised = instance(getattr(import_module(library), name))
    with closing(client_that_meets(library, raised)) as client:
        error = failure_of(client.generate_stream("hi"))
    assert type(error) is want and error.retryable is retryable


@pytest.mark.parametrize(
    ("library", "raised"),
    [("openai", openai.OpenAIError("x")), ("anthropic", anthropic_sdk.AnthropicError("x"))],
)
def test_a_request_that_an_sdk_makes_is_the_seam_that_was_tested(library, raised):
    """Anthropic's is asked by `create` of a resource, OpenAI's by `post`: what the failing SDK above stands for."""
    with closing(client_that_meets(library, raised)) as client:
        assert failure_of(client.generate_stream("hi")).__cause__ is raised


WIRES = {
    "messages": ("anthropic", {}, anthropic),
    "chat": ("lab", {"kind": "openai_compatible", "transport": "http"}, chat),
    "chat, sdk": ("lab", {"kind": "openai_compatible", "transport": "sdk"}, chat),
    "responses": ("openai", {"api": "responses"}, responses),
}
SAID = {"message": f"Incorrect API key provided: {KEY}", "type": "invalid_request_error", "param": KEY}
ECHOES = {
    "401": error_reply(401, {"error": SAID}),
    "401 as text": error_reply(401, f"bad key {KEY}".encode()),
    "401 as a str": error_reply(401, {"error": f"bad key {KEY}", "code": "no"}),
    "401 in detail": error_reply(401, {"detail": f"bad key {KEY}"}),
    "400": error_reply(400, {"type": "error", "error": SAID}),
    "in-band": Reply([event({"type": "error", "error": SAID}, "error")]),
    "in-band without a message": Reply([event({"type": "error", "error": {"who": KEY}}, "error")]),
    "in-band malformed": Reply([event(f"no json, but {KEY}")]),
    "HTML": Reply([f"<html>who is {KEY}?</html>".encode()], content_type="text/html"),
    "JSON": Reply([f'{{"error": {{"message": "who is {KEY}?"}}}}'.encode()], content_type="application/json"),
    "type": error_reply(403, {"error": {"message": "no", "type": f"bad_{KEY}", "code": KEY}}),
    "request id": error_reply(403, {"error": {"message": "no"}}, x_request_id=f"for-{KEY}"),
    "503, then silence": error_reply(503, {"error": {"message": f"not now, {KEY}"}}),
}


@pytest.mark.parametrize("echo", ECHOES)
@pytest.mark.parametrize("wire", WIRES)
def test_a_key_that_the_server_repeats_shows_nowhere(wire, echo, caplog):
    """Neither in an error, nor a repr, an event, a line of JSON or a line of any library's log."""
    name, more, _ = WIRES[wire]
    lines = io.StringIO()
    with caplog.at_level(logging.DEBUG), Provider(ECHOES[echo]) as server:
        url = server.url + ("" if name == "anthropic" else "/v1")
        entry = {"base_url": url, "api_key": KEY, "model": "m", **more}
        with APIModelManager({"providers": {name: entry}}) as manager:
            stream = manager.generate_stream_with_handlers(
                "hi", name, handlers=[JSONLinesHandler(lines)], config={"retry_delay": 0.0, "max_retries": 1}
            )
            assert stream.wait(TIMEOUT)
            with pytest.raises(APIModelError) as caught:
                stream.result()
            shown = [
                repr(manager),
                repr(stream),
                str(stream.get_stream_status()),
                *map(repr, stream.events()),
            ]
        sent = server.requests[0].headers
    assert KEY in sent.get("authorization", "") + sent.get("x-api-key", ""), "the key was used"
    error = caught.value
    shown += [str(error), repr(error), str(error.args), str(vars(error)), lines.getvalue()]
    quoted = echo == "request id"  # the SDKs log the headers of an answer, at DEBUG, as they came
    shown += [
        line.getMessage() for line in caplog.records if not quoted or line.name.startswith("api_models")
    ]
    assert lines.getvalue().count("\n") >= 2
    assert not [text for text in shown if KEY in text]
    assert KEY not in "".join(traceback.format_exception(error)), "not even a library's own words"


def test_events_show_errors_without_the_key():
    """The lines above hold the error in full, or there would be nothing to hide."""
    lines = io.StringIO()
    with Provider(ECHOES["401"]) as server:
        entry = {"kind": "openai_compatible", "base_url": server.url + "/v1", "api_key": KEY, "model": "m"}
        with APIModelManager({"providers": {"lab": entry}}) as manager:
            stream = manager.generate_stream_with_handlers("hi", "lab", handlers=[JSONLinesHandler(lines)])
            assert stream.wait(TIMEOUT)
    assert "Incorrect API key provided: ***" in lines.getvalue()
    assert all(dataclasses.is_dataclass(each) for each in stream.events())
