"""Prompts and parameters as each wire wants them."""

from __future__ import annotations

import pytest

from api_models import ConfigurationError
from api_models.clients.bodies import (
    chat_body,
    check_params,
    check_prompt,
    messages_body,
    ollama_body,
    responses_body,
)

TURN = [{"role": "user", "content": "hi"}]
SCHEMA = {"type": "object", "properties": {}}
TOOLS = [
    {"name": "f", "description": "d", "parameters": SCHEMA},
    {"name": "f", "description": "d", "input_schema": SCHEMA},
    {"type": "function", "function": {"name": "f", "description": "d", "parameters": SCHEMA}},
    {"type": "function", "name": "f", "description": "d", "parameters": SCHEMA},
]


def test_a_text_is_a_message_of_the_user():
    assert check_prompt("hi") == TURN
    assert check_prompt(TURN) == TURN and check_prompt(tuple(TURN)) == TURN


@pytest.mark.parametrize(
    ("prompt", "named"),
    [
        ("", "empty"), ("  \n", "empty"), ([], "no message"), (None, "NoneType"), (7, "int"), (b"hi", "bytes"),
        (["hi"], "message 0"), ([*TURN, {"content": "x"}], "message 1"), ([{"role": "user"}], "content"),
        ([{"role": 7, "content": "x"}], "role"),
    ],
    ids=repr,
)  # fmt: skip
def test_a_prompt_that_cannot_be_asked_says_where(prompt, named):
    with pytest.raises(ConfigurationError, match=named):
        check_prompt(prompt)


@pytest.mark.parametrize(
    ("params", "named"),
    [
        ({"max_tokens": 0}, "max_tokens"), ({"max_tokens": "9"}, "max_tokens"), ({"max_tokens": True}, "max_tokens"),
        ({"stop": [1]}, "stop"), ({"stop": 7}, "stop"), ({"system": 7}, "system"), ([("a", 1)], "params"),
        ({1: 2}, "params"),
    ],
    ids=repr,
)  # fmt: skip
def test_a_parameter_that_cannot_be_is_named(params, named):
    with pytest.raises(ConfigurationError, match=named):
        check_params(params)


def test_none_is_not_given_and_one_stop_is_a_list():
    assert check_params({"temperature": None, "stop": "x"}) == {"stop": ["x"]}
    assert check_params(None) == {}


@pytest.mark.parametrize("tool", TOOLS, ids=repr)
def test_a_tool_in_any_form_fits_every_wire(tool):
    plain = {"name": "f", "description": "d"}
    with_parameters = {**plain, "parameters": SCHEMA}
    assert messages_body("m", TURN, {"tools": [tool]})["tools"] == [{**plain, "input_schema": SCHEMA}]
    chat = [{"type": "function", "function": with_parameters}]
    assert chat_body("m", TURN, {"tools": [tool]})["tools"] == chat
    assert ollama_body("m", TURN, {"tools": [tool]})["tools"] == chat
    assert responses_body("m", TURN, {"tools": [tool]})["tools"] == [{"type": "function", **with_parameters}]


def test_a_providers_own_tool_goes_as_it_is():
    tool = {"type": "web_search_20250305", "name": "web_search"}
    assert messages_body("m", TURN, {"tools": [tool]})["tools"] == [tool]
    assert responses_body("m", TURN, {"tools": [tool]})["tools"] == [tool]


@pytest.mark.parametrize("tool", [7, {"description": "no name"}], ids=repr)
def test_a_tool_without_a_name_is_refused(tool):
    with pytest.raises(ConfigurationError):
        chat_body("m", TURN, {"tools": [tool]})


def test_the_common_names_become_those_of_each_wire():
    params = {"max_tokens": 9, "stop": ["x"], "system": "s", "temperature": 0.5, "novelty": 1}
    system = [{"role": "system", "content": "s"}, *TURN]
    assert messages_body("m", TURN, params) == {
        "model": "m", "messages": TURN, "max_tokens": 9, "stop_sequences": ["x"], "system": "s",
        "temperature": 0.5, "novelty": 1,
    }  # fmt: skip
    assert chat_body("m", TURN, params, "max_completion_tokens") == {
        "model": "m", "messages": system, "stream_options": {"include_usage": True},
        "max_completion_tokens": 9, "stop": ["x"], "temperature": 0.5, "novelty": 1,
    }  # fmt: skip
    assert responses_body("m", TURN, params) == {
        "model": "m", "input": TURN, "max_output_tokens": 9, "instructions": "s", "stop": ["x"],
        "temperature": 0.5, "novelty": 1,
    }  # fmt: skip
    assert ollama_body("m", TURN, params) == {
        "model": "m", "messages": system, "novelty": 1,
        "options": {"num_predict": 9, "stop": ["x"], "temperature": 0.5},
    }  # fmt: skip


def test_messages_has_a_limit_and_its_system_text_beside_the_messages():
    body = messages_body("m", [{"role": "system", "content": "s"}, *TURN], {})
    assert body == {"model": "m", "messages": TURN, "max_tokens": 4096, "system": "s"}


def test_what_the_caller_gave_is_not_changed():
    params, messages = {"max_tokens": 9, "tools": [dict(TOOLS[2])]}, [dict(TURN[0])]
    for body in (messages_body, chat_body, responses_body, ollama_body):
        body("m", messages, params)
    assert params == {"max_tokens": 9, "tools": [TOOLS[2]]} and messages == TURN
