"""Tracks over a real wire on the loopback, as a manager starts them."""

from __future__ import annotations

import contextlib
import time

import pytest
from fakes import RecordingHandler, ScriptedSource

from api_models import APIModelManager
from api_models.dual_track import consensus, merge, prefer, race
from api_models.exceptions import (
    CircuitOpenError,
    ConfigurationError,
    ProviderUnavailableError,
    RateLimitError,
)
from api_models.settings import MissingKeyError, Settings
from api_models.testing import Provider, Reply, chat, error_reply

TIMEOUT = 10
FAST = Reply(chat(["Fast. ", "Bye."]))
SLOW = Reply(chat(["Slow. ", "The end."]), pace=0.05)
STALLED = Reply(chat(["x ", "y"]), stall_after=2)  # behind the first text
SPEECHLESS = Reply(chat([" ", "y"]), stall_after=2)


@contextlib.contextmanager
def lab(*replies, **more):
    """A manager that knows providers `p0`, `p1`, ... with these replies."""
    with contextlib.ExitStack() as stack:
        providers = [stack.enter_context(Provider(reply)) for reply in replies]
        entries = {
            f"p{number}": {"kind": "openai_compatible", "base_url": provider.url + "/v1", "model": "m"}
            for number, provider in enumerate(providers)
        }
        yield stack.enter_context(APIModelManager({"providers": entries, **more})), providers


def test_the_losers_socket_is_closed_within_100_ms():
    with lab(SPEECHLESS, Reply(chat(["Hello"]), pace=0.01)) as (manager, (slow, _)):
        said = []

        class Watch:
            def on_token_received(self, token, index):
                said.append(time.monotonic())

        several = manager.generate_tracks("hi", ["p0", "p1"], handlers=[Watch()])
        assert several.result(TIMEOUT).text == "Hello"
        assert slow.wait_for_requests(1)
        closed_at = slow.wait_for_close()
        assert closed_at is not None
        assert closed_at - said[0] < 0.1
        assert (several.shown, several.result().provider) == ("p1", "p1")


def test_cancelling_the_whole_closes_all_sockets_within_100_ms():
    with lab(STALLED, STALLED, STALLED) as (manager, providers):
        handler = RecordingHandler()
        several = manager.generate_tracks("hi", ["p0", "p1", "p2"], "merge", handlers=[handler])
        assert all(provider.wait_for_requests(1) for provider in providers)
        handler.wait_for(lambda: len(handler.tokens) == 3)
        began = time.monotonic()
        assert several.cancel_stream()
        assert several.wait(TIMEOUT)
        assert all(provider.wait_for_close() - began < 0.1 for provider in providers)


@pytest.mark.parametrize(
    ("mode", "first", "text"),
    [
        ("race", SPEECHLESS, "Fast. Bye."),
        (race(until="sentence"), STALLED, "Fast. Bye."),
        ("prefer", SLOW, "Slow. The end."),
        (prefer(lambda shown, candidate: len(candidate) > len(shown)), SLOW, "Slow. The end."),
        (merge("sequence"), SLOW, "Slow. The end.Fast. Bye."),
        (
            consensus(lambda results: max(results.values(), key=lambda one: len(one.text))),
            SLOW,
            "Slow. The end.",
        ),
    ],
)
def test_each_mode_over_the_wire(mode, first, text):
    with lab(first, FAST) as (manager, _):
        handler = RecordingHandler()
        several = manager.generate_tracks("hi", ["p0", "p1"], mode, handlers=[handler])
        assert several.result(TIMEOUT).text == text
        assert handler.check("complete").ending == text


def test_each_track_has_its_own_retries_and_breaker():
    with lab(FAST, error_reply(429)) as (manager, (_, busy)):
        config = {"max_retries": 1, "retry_delay": 0.01}
        several = manager.generate_tracks("hi", ["p0", "p1"], "compare", config=config)
        assert several.result(TIMEOUT).text == "Fast. Bye."
        assert len(busy.requests) == 2
        with pytest.raises(RateLimitError):
            several.tracks["p1"].result()


def guarded(provider, **guards):
    return {"kind": "openai_compatible", "base_url": provider.url + "/v1", "model": "m", **guards}


def test_an_open_circuit_of_one_track_harms_no_other():
    """The second time nobody is asked there, and the other answers as before."""
    with Provider(FAST) as well, Provider(error_reply(500)) as ill:
        labs = {"well": guarded(well, breaker=True), "ill": guarded(ill, breaker={"failures": 1})}
        with APIModelManager({"providers": labs, "stream": {"max_retries": 0}}) as manager:
            for failure in (ProviderUnavailableError, CircuitOpenError):
                several = manager.generate_tracks("hi", ["ill", "well"], "compare")
                assert several.result(TIMEOUT).text == "Fast. Bye."
                with pytest.raises(failure):
                    several.tracks["ill"].result()
        assert (len(ill.requests), len(well.requests)) == (1, 2)


def test_who_waits_for_its_budget_keeps_no_other_waiting():
    """One request a minute: the second race is won by who may ask, and the other never does."""
    with Provider(FAST) as free, Provider(FAST) as spent:
        labs = {"free": guarded(free), "spent": guarded(spent, budget={"requests_per_minute": 1})}
        with APIModelManager({"providers": labs}) as manager:
            assert manager.generate("hi", "spent").text == "Fast. Bye."
            several = manager.generate_tracks("hi", ["spent", "free"])
            assert several.result(TIMEOUT).provider == "free"
            assert several.tracks["spent"].state == "cancelled"
        assert len(spent.requests) == 1


def test_each_track_may_be_asked_its_own_and_heard_by_itself():
    with lab(FAST, FAST) as (manager, providers):
        own = {name: RecordingHandler() for name in ("p0", "p1")}
        several = manager.generate_tracks(
            {"p0": "one", "p1": "two"},
            ["p0", "p1"],
            "compare",
            track_handlers={name: [handler] for name, handler in own.items()},
        )
        assert several.wait(TIMEOUT)
        asked = [provider.requests[0].json["messages"][-1]["content"] for provider in providers]
        assert asked == ["one", "two"]
        assert [handler.check("complete").text for handler in own.values()] == ["Fast. Bye."] * 2
        with pytest.raises(ConfigurationError, match="p1"):
            manager.generate_tracks({"p0": "one"}, ["p0", "p1"])
        with pytest.raises(ConfigurationError, match="track"):
            manager.generate_tracks("hi", ["p0", "p1"], track_handlers={"p2": []})


def test_a_fallback_list_may_be_a_track():
    with lab(error_reply(500), FAST, STALLED) as (manager, _):
        several = manager.generate_tracks(
            "hi", {"main": ["p0", "p1"], "other": "p2"}, race(until="sentence"), config={"max_retries": 0}
        )
        assert several.result(TIMEOUT).provider == "p1"
        assert several.shown == "main"


def test_closing_the_manager_ends_tracks_too():
    with lab(STALLED, STALLED) as (manager, providers):
        several = manager.generate_tracks("hi", ["p0", "p1"], "merge")
        assert all(provider.wait_for_requests(1) for provider in providers)
        manager.close()
        assert several.state == "cancelled"
        assert all(provider.wait_for_close() is not None for provider in providers)


class Client:
    def __init__(self, source):
        self._source = source

    def generate_stream(self, prompt, params):
        return self._source


def test_registered_providers_take_part():
    with APIModelManager() as manager:
        manager.register_provider("mine", lambda entry: Client(ScriptedSource("x").end()))
        manager.register_provider("yours", lambda entry: Client(ScriptedSource("y").end()))
        several = manager.generate_tracks("hi", ["mine", "yours"], merge("sequence"))
        assert several.result(TIMEOUT).text == "xy"


def test_what_is_wrong_is_said_at_once(monkeypatch):
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    with lab(FAST) as (manager, (provider,)):
        with pytest.raises(MissingKeyError):
            manager.generate_tracks("hi", ["p0", "openai"])
        with pytest.raises(ConfigurationError):
            manager.generate_tracks("hi", ["p0"])
        with pytest.raises(ConfigurationError, match="race"):
            manager.generate_tracks("hi", ["p0", "p0"], "rase")
        for wrong in ({"track_handlers": 5}, {"track_handlers": ["p0"]}, {"serialise": "no"}):
            with pytest.raises(ConfigurationError, match=next(iter(wrong))):
                manager.generate_tracks("hi", ["p0", "p0"], **wrong)
        assert provider.requests == []


@pytest.mark.parametrize(
    ("provider", "lane"),
    [
        ("local", "local"),
        ("ollama", "127.0.0.1:9999"),
        ("llamacpp", "localhost:8080"),
        ("vllm", None),
        ("openrouter", None),
        ("nobody", None),
    ],
)
def test_servers_that_answer_one_at_a_time_have_a_lane(provider, lane):
    assert Settings({}, {"OLLAMA_HOST": "127.0.0.1:9999"}).lane(provider) == lane


@pytest.mark.parametrize(("serialise", "at_once"), [(True, 1), (False, 2)])
def test_a_local_server_is_asked_one_by_one_unless_told_otherwise(serialise, at_once):
    with Provider(STALLED) as provider:
        config = {"providers": {"llamacpp": {"base_url": provider.url + "/v1"}}}
        with APIModelManager(config) as manager:
            handler = RecordingHandler()
            several = manager.generate_tracks(
                "hi", ["llamacpp:a", "llamacpp:b"], "merge", handlers=[handler], serialise=serialise
            )
            handler.wait_for(lambda: len(handler.tokens) == at_once)
            assert len(provider.requests) == at_once
            several.cancel_stream()
            assert several.wait(TIMEOUT)
            assert len(provider.requests) == at_once
