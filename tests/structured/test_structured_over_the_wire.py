"""From the manager to the wire and back: the local model, repairs, breakers, the end of a connection."""

from __future__ import annotations

import os

import pytest
from answers import ObjectHandler
from fakes import TIMEOUT
from pydantic import BaseModel

from api_models import (
    APIModelManager,
    CircuitOpenError,
    ConfigurationError,
    StreamInterruptedError,
    StructuredOutputError,
)
from api_models.clients.local_model import is_engine_installed
from api_models.testing import Provider, Reply, chat, error_reply

GOOD, WRONG = ['{"name": "Ann",', ' "age": 30}'], ['{"name": "Ann",', ' "age": "?"}']


class Person(BaseModel):
    name: str
    age: int


class Traveller(BaseModel):
    name: str
    age: int
    city: str


def manager_for(provider, **entry):
    lab = {"kind": "openai_compatible", "base_url": provider.url + "/v1", "model": "m", **entry}
    return APIModelManager({"providers": {"lab": lab}, "stream": {"max_retries": 0}})


def test_the_local_model_fills_a_schema_through_its_grammar():
    """For real, with no key and no network, and one can watch."""
    if not is_engine_installed():
        reason = "xllamacpp is not installed: pip install 'api-models[local]', if this platform has a wheel"
        pytest.fail(reason) if os.environ.get("CI") else pytest.skip(reason)
    handler = ObjectHandler()
    with APIModelManager() as manager:
        stream = manager.generate_structured(
            "Tom is 25 years old and lives in Paris.", Traveller, "local", handlers=[handler]
        )
        partials = list(stream)
        found = stream.result(TIMEOUT)
    assert stream.mode == "native" and not stream.degraded
    assert type(found) is Traveller and found.name and found.city
    assert [path for path, _ in handler.arguments("field")] == [("name",), ("age",), ("city",)]
    assert len(partials) >= 3 and not partials[0].is_complete() and partials[-1].value == found.model_dump()
    assert len(handler.tokens) > 5


def test_a_repair_is_a_second_request():
    with Provider(plan=[Reply(chat(WRONG)), Reply(chat(GOOD))]) as provider, manager_for(provider) as manager:
        stream = manager.generate_structured("Who?", Person, "lab")
        assert stream.result(TIMEOUT) == Person(name="Ann", age=30)
        first, second = (request.json["messages"] for request in provider.requests)
    assert len(first) == 1 and [each["role"] for each in second] == ["user", "assistant", "user"]
    assert second[1]["content"] == "".join(WRONG) and "age: Input should be" in second[2]["content"]


def test_b4_12_the_breaker_counts_what_the_provider_did_and_nothing_else():
    """Neither an answer that is not valid, which is the model's, nor a cancel; but a cut in the middle."""
    answers = (
        [Reply(chat(WRONG))] * 3 + [Reply(chat(GOOD), stall_after=2)] + [Reply(chat(GOOD), cut_at=150)] * 2
    )
    with Provider(plan=answers) as provider, manager_for(provider, breaker={"failures": 2}) as manager:
        for _ in range(3):
            with pytest.raises(StructuredOutputError):
                manager.generate_structured("Who?", Person, "lab", max_repairs=0).result(TIMEOUT)
        stream = manager.generate_structured("Who?", Person, "lab")
        next(iter(stream))
        assert stream.cancel_stream() and stream.wait(TIMEOUT)
        for _ in range(2):
            with pytest.raises(StreamInterruptedError):
                manager.generate_structured("Who?", Person, "lab").result(TIMEOUT)
        with pytest.raises(CircuitOpenError):
            manager.generate_structured("Who?", Person, "lab").result(TIMEOUT)
        assert len(provider.requests) == 6


def test_a_cut_connection_is_no_answer():
    """Not even where the JSON could be closed by guessing."""
    with Provider(Reply(chat(GOOD), cut_at=200)) as provider, manager_for(provider) as manager:
        stream = manager.generate_structured("Who?", Person, "lab")
        with pytest.raises(StreamInterruptedError):
            stream.result(TIMEOUT)
        assert len(provider.requests) == 1


def test_a_list_of_models_falls_back_and_the_mode_is_of_who_answered():
    with Provider(error_reply(503)) as broken, Provider(Reply(chat(GOOD))) as provider:
        entry = {"kind": "openai_compatible", "model": "m"}
        vllm, lab = ({**entry, "base_url": server.url + "/v1"} for server in (broken, provider))
        config = {"providers": {"vllm": vllm, "lab": lab}, "stream": {"max_retries": 0}}
        with APIModelManager(config) as manager:
            stream = manager.generate_structured("Who?", Person, ["vllm", "lab"])
            assert stream.result(TIMEOUT).name == "Ann"
        assert "response_format" in broken.requests[0].json
        assert "response_format" not in provider.requests[0].json
    assert stream.mode == "prompt" and stream.answer().provider == "lab"


def test_cancel_closes_the_wire():
    with Provider(Reply(chat(GOOD), stall_after=2)) as provider, manager_for(provider) as manager:
        stream = manager.generate_structured("Who?", Person, "lab")
        next(iter(stream))
        assert stream.cancel_stream()
        provider.wait_for_close()
        assert stream.wait(TIMEOUT) and len(provider.requests) == 1


def test_closing_the_manager_ends_it():
    with Provider(Reply(chat(GOOD), stall_after=2)) as provider, manager_for(provider) as manager:
        stream = manager.generate_structured("Who?", Person, "lab")
        next(iter(stream))
        manager.close()
        assert stream.state == "cancelled"


@pytest.mark.parametrize(
    "wrong", [{"mode": "strict"}, {"max_repairs": -1}, {"prompt": ""}, {"response_model": 3}, {"handlers": 3}]
)
def test_what_is_wrong_with_the_question_is_said_at_once(wrong):
    with Provider() as provider, manager_for(provider) as manager:
        question = {"prompt": "Who?", "response_model": Person, "model_id": "lab", **wrong}
        with pytest.raises(ConfigurationError):
            manager.generate_structured(**question)
        assert not provider.requests


def test_the_prompt_is_told_if_it_is_asked_for():
    handler = ObjectHandler()
    with Provider(Reply(chat(GOOD))) as provider, manager_for(provider) as manager:
        stream = manager.generate_structured(
            "Who?", Person, "lab", handlers=[handler], config={"include_prompt": True}
        )
        stream.wait(TIMEOUT)
    ((metadata,),) = handler.arguments("start")
    assert (metadata["prompt"], metadata["provider"], metadata["model"]) == ("Who?", "lab", "m")
