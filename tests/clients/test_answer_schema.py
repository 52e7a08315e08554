"""A schema reaches each provider in its own words, over the wire, and the mode says how."""

from __future__ import annotations

import json

import pytest
from fakes import TIMEOUT, ScriptedSource

from api_models import APIModelManager, ConfigurationError
from api_models.clients.answer_schema import SchemaShape, merged
from api_models.testing import Provider, Reply, anthropic, chat, responses

SCHEMA = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
STRICT = {**SCHEMA, "additionalProperties": False}
OPEN = {"type": "object", "additionalProperties": {"type": "integer"}}
NAMED = {"name": "answer", "strict": True, "schema": STRICT}
TEXT = ['{"n"', ": 7}"]


def asked(provider, wire, schema=SCHEMA, mode=None, *, prompt="How many?", params=None):
    """The prompt, the parameters and the mode that come of it."""
    modes = []
    client = type("Client", (), {"schema_wire": wire})
    said, given = SchemaShape("answer", schema, mode, lambda mode, *_: modes.append(mode))(
        provider, client, prompt, params
    )
    return said, given, *modes


@pytest.mark.parametrize(
    ("provider", "wire", "params"),
    [
        ("openai", "chat", {"response_format": {"type": "json_schema", "json_schema": NAMED}}),
        ("vllm", "chat", {"response_format": {"type": "json_schema", "json_schema": NAMED}}),
        ("openai", "responses", {"text": {"format": {"type": "json_schema", **NAMED}}}),
        ("anthropic", "messages", {"output_config": {"format": {"type": "json_schema", "schema": STRICT}}}),
    ],
)
def test_a_provider_that_takes_schemas_is_given_it(provider, wire, params):
    assert asked(provider, wire) == ("How many?", params, "native")


@pytest.mark.parametrize(
    ("provider", "wire", "params"),
    [
        ("local", "grammar", {"response_format": {"type": "json_schema", "json_schema": NAMED}}),
        ("ollama", "ollama", {"format": SCHEMA}),
    ],
)
def test_a_small_model_is_told_besides(provider, wire, params):
    said, given, mode = asked(provider, wire)
    assert (given, mode) == (params, "native")
    assert said.startswith("How many?\n\nAnswer with one JSON value") and said.endswith(json.dumps(SCHEMA))


@pytest.mark.parametrize(
    ("provider", "wire", "schema", "params", "mode"),
    [
        ("deepseek", "chat", SCHEMA, {"response_format": {"type": "json_object"}}, "json"),
        ("openai", "chat", OPEN, {"response_format": {"type": "json_object"}}, "json"),
        ("openai", "responses", OPEN, {"text": {"format": {"type": "json_object"}}}, "json"),
        ("anthropic", "messages", OPEN, {}, "prompt"),
        ("mylab", "chat", SCHEMA, {}, "prompt"),
        ("registered", None, SCHEMA, {}, "prompt"),
    ],
)
def test_b4_13_who_cannot_is_told_in_the_prompt_and_the_mode_says_so(provider, wire, schema, params, mode):
    said, given, found = asked(provider, wire, schema)
    assert (given, found) == (params, mode)
    assert json.dumps(schema) in said


def test_a_grammar_takes_fields_of_any_name():
    _, given, mode = asked("local", "grammar", OPEN)
    assert given["response_format"]["json_schema"] == {"name": "answer", "schema": OPEN} and mode == "native"


@pytest.mark.parametrize(
    ("wire", "choice"),
    [
        ("chat", {"type": "function", "function": {"name": "answer"}}),
        ("responses", {"type": "function", "name": "answer"}),
        ("messages", {"type": "tool", "name": "answer", "disable_parallel_tool_use": True}),
    ],
)
def test_a_tool_has_to_be_called(wire, choice):
    said, given, mode = asked("any", wire, OPEN, "tool")
    assert (said, given["tool_choice"], mode) == ("How many?", choice, "tool")
    assert [(tool["name"], tool["parameters"]) for tool in given["tools"]] == [("answer", OPEN)]


def test_who_names_a_mode_knows_the_server():
    assert asked("mylab", "chat", mode="native")[2] == "native"
    assert asked("openai", "chat", mode="prompt")[1:] == ({}, "prompt")


@pytest.mark.parametrize(("wire", "mode"), [("ollama", "tool"), ("messages", "json"), (None, "native")])
def test_a_mode_that_the_wire_does_not_know_is_refused(wire, mode):
    with pytest.raises(ConfigurationError, match=mode):
        asked("any", wire, mode=mode)


def test_a_schema_that_cannot_be_native_is_refused_when_it_has_to_be():
    with pytest.raises(ConfigurationError, match="any name"):
        asked("openai", "chat", OPEN, mode="native")


def test_b4_14_modes_are_a_handful_of_words():
    """What counts or labels by mode stays bounded."""
    with pytest.raises(ConfigurationError, match="unknown mode 'tol'"):
        asked("openai", "chat", mode="tol")


def test_the_users_own_parameters_stay():
    _, given, _ = asked("openai", "responses", params={"text": {"verbosity": "low"}, "max_tokens": 5})
    assert given["text"]["verbosity"] == "low" and "format" in given["text"] and given["max_tokens"] == 5
    assert merged({"a": 1, "b": {"c": 2}}, {"b": 3}) == {"a": 1, "b": 3}


@pytest.mark.parametrize(
    ("prompt", "last"),
    [
        ([{"role": "user", "content": "How many?"}], "How many?\n\nAnswer with"),
        ([{"role": "user", "content": [{"type": "text", "text": "x"}]}], "Answer with"),
        ([{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}], "Answer with"),
    ],
)
def test_the_instruction_stands_at_the_end(prompt, last):
    said, _, _ = asked("mylab", "chat", prompt=prompt)
    assert said[-1]["role"] == "user" and said[-1]["content"].startswith(last)
    assert len(prompt) == len([each for each in prompt if "Answer with" not in str(each)])


@pytest.mark.parametrize("prompt", ["", [], None, 5, ["x"]])
def test_what_is_no_prompt_is_left_for_the_client(prompt):
    assert asked("mylab", "chat", prompt=prompt)[0] is prompt
    assert SchemaShape("a", SCHEMA, None, print)("mylab", None, "x", ["no mapping"]) == ("x", ["no mapping"])


@pytest.mark.parametrize(
    ("events", "entry", "sent"),
    [
        (
            chat,
            {"kind": "openai_compatible"},
            {"response_format": {"type": "json_schema", "json_schema": NAMED}},
        ),
        (
            chat,
            {"kind": "openai_compatible", "transport": "sdk"},
            {"response_format": {"type": "json_schema", "json_schema": NAMED}},
        ),
        (
            responses,
            {"kind": "openai", "api": "responses"},
            {"text": {"format": {"type": "json_schema", **NAMED}}},
        ),
        (
            anthropic,
            {"kind": "anthropic"},
            {"output_config": {"format": {"type": "json_schema", "schema": STRICT}}},
        ),
    ],
)
def test_it_is_on_the_wire(events, entry, sent):
    """Through each client, whatever library builds its request."""
    with Provider(Reply(events(TEXT))) as server:
        url = server.url + ("" if entry["kind"] == "anthropic" else "/v1")
        config = {"providers": {"lab": {**entry, "base_url": url, "model": "m", "api_key": "k"}}}
        with APIModelManager(config) as manager:
            stream = manager.generate_structured("How many?", SCHEMA, "lab", mode="native")
            assert stream.result(TIMEOUT) == {"n": 7}
        body = server.requests[0].json
    assert {name: body[name] for name in sent} == sent and stream.mode == "native"


def test_a_client_of_the_users_own_is_asked_in_words():
    class Client:
        def generate_stream(self, prompt, params=None):
            self.prompt = prompt
            return ScriptedSource(*TEXT).end()

    client = Client()
    with APIModelManager() as manager:
        manager.register_provider("mine", lambda entry: client)
        stream = manager.generate_structured("How many?", SCHEMA, "mine")
        assert stream.result(TIMEOUT) == {"n": 7}
    assert stream.mode == "prompt" and stream.degraded and json.dumps(SCHEMA) in client.prompt
