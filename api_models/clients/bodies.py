"""What is asked: a prompt and parameters, put as each wire wants them.

Parameters with one meaning everywhere have one name here (`max_tokens`, `stop`, `system`, `tools`);
every other key goes to the provider as it is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..exceptions import ConfigurationError

Body = dict[str, Any]
Prompt = str | Sequence[Mapping[str, Any]]

MESSAGES_MAX_TOKENS = 4096
"""The Messages wire wants a limit in every request; this one stands where none was given."""

_OLLAMA_OPTIONS = {
    "max_tokens": "num_predict",
    **{
        name: name
        for name in (
            "temperature", "top_p", "top_k", "min_p", "seed", "stop", "num_predict", "num_ctx",
            "repeat_penalty", "repeat_last_n", "presence_penalty", "frequency_penalty",
        )
    },
}  # fmt: skip


def check_prompt(prompt: Prompt) -> list[dict[str, Any]]:
    """The prompt as a list of messages; `ConfigurationError` says which message is malformed."""
    if isinstance(prompt, str):
        if not prompt.strip():
            raise ConfigurationError("the prompt is empty")
        return [{"role": "user", "content": prompt}]
    if not isinstance(prompt, Sequence) or isinstance(prompt, (bytes, bytearray)):
        raise ConfigurationError(
            f"a prompt is a str or a list of {{'role', 'content'}} messages, not {type(prompt).__name__}"
        )
    if not prompt:
        raise ConfigurationError("the prompt has no message")
    return [_check_message(number, message) for number, message in enumerate(prompt)]


def _check_message(number: int, message: Any) -> dict[str, Any]:
    if not isinstance(message, Mapping):
        raise ConfigurationError(f"message {number} of the prompt is {type(message).__name__}, not a mapping")
    if "type" in message and "role" not in message:
        return dict(message)  # an item of the Responses wire that is no message
    if not isinstance(message.get("role"), str):
        raise ConfigurationError(f"message {number} of the prompt has no 'role'")
    if "content" not in message and "tool_calls" not in message:
        raise ConfigurationError(f"message {number} of the prompt has no 'content'")
    return dict(message)


def check_params(params: Mapping[str, Any] | None) -> dict[str, Any]:
    """The parameters as a dict without those that are None; `ConfigurationError` names a bad one."""
    if params is None:
        return {}
    if not isinstance(params, Mapping) or not all(isinstance(name, str) for name in params):
        raise ConfigurationError(f"params is a mapping from names to values, not {params!r}")
    given = {name: value for name, value in params.items() if value is not None}
    limit = given.get("max_tokens", 1)
    if not isinstance(limit, int) or isinstance(limit, bool) or limit < 1:
        raise ConfigurationError(f"max_tokens must be a whole number of at least 1, not {limit!r}")
    stop = given.get("stop", [])
    if isinstance(stop, str):
        given["stop"] = [stop]
    elif not isinstance(stop, Sequence) or not all(isinstance(text, str) for text in stop):
        raise ConfigurationError(f"stop must be a str or a list of str, not {stop!r}")
    if not isinstance(given.get("system", ""), (str, list)):
        raise ConfigurationError(f"system must be a str, not {given['system']!r}")
    return given


def characters_in(said: Any) -> int:
    """Of the text in a prompt; pictures and other parts count nothing."""
    if isinstance(said, str):
        return len(said)
    if isinstance(said, Mapping):
        return characters_in(said.get("content")) + characters_in(said.get("text"))
    return sum(map(characters_in, said)) if isinstance(said, Sequence) else 0


def messages_body(model: str, messages: list[dict[str, Any]], params: Mapping[str, Any]) -> Body:
    """For the Messages wire of Anthropic: system texts beside the messages, schemas by their name there."""
    rest = dict(params)
    systems = [m["content"] for m in messages if m.get("role") in ("system", "developer")]
    if "system" not in rest and systems:
        rest["system"] = "\n\n".join(systems) if all(isinstance(s, str) for s in systems) else systems[0]
    if "stop" in rest:
        rest["stop_sequences"] = rest.pop("stop")
    if "tools" in rest:
        rest["tools"] = [_tool(tool, "input_schema") for tool in rest["tools"]]
    turns = [m for m in messages if m.get("role") not in ("system", "developer")]
    return {"model": model, "messages": turns, "max_tokens": MESSAGES_MAX_TOKENS, **rest}


def chat_body(
    model: str, messages: list[dict[str, Any]], params: Mapping[str, Any], limit_name: str = "max_tokens"
) -> Body:
    """For Chat Completions; newer models of OpenAI want the limit under another name."""
    rest = dict(params)
    if "max_tokens" in rest:
        rest[limit_name] = rest.pop("max_tokens")
    if "tools" in rest:
        rest["tools"] = [
            {"type": "function", "function": _tool(tool, "parameters")} if _is_function(tool) else tool
            for tool in rest["tools"]
        ]
    turns = _with_system(messages, rest.pop("system", None))
    return {"model": model, "messages": turns, "stream_options": {"include_usage": True}, **rest}


def responses_body(model: str, messages: list[dict[str, Any]], params: Mapping[str, Any]) -> Body:
    """For the Responses wire of OpenAI."""
    rest = dict(params)
    for ours, theirs in (("max_tokens", "max_output_tokens"), ("system", "instructions")):
        if ours in rest:
            rest[theirs] = rest.pop(ours)
    if "tools" in rest:
        rest["tools"] = [
            {"type": "function", **_tool(tool, "parameters")} if _is_function(tool) else tool
            for tool in rest["tools"]
        ]
    return {"model": model, "input": messages, **rest}


def ollama_body(model: str, messages: list[dict[str, Any]], params: Mapping[str, Any]) -> Body:
    """For Ollama's own wire, which keeps what steers the sampling under `options`."""
    rest = dict(params)
    turns = _with_system(messages, rest.pop("system", None))
    options = {theirs: rest.pop(ours) for ours, theirs in _OLLAMA_OPTIONS.items() if ours in rest} | rest.pop(
        "options", {}
    )
    if "tools" in rest:
        rest["tools"] = [
            {"type": "function", "function": _tool(tool, "parameters")} for tool in rest["tools"]
        ]
    return {"model": model, "messages": turns, "options": options, **rest}


def _with_system(messages: list[dict[str, Any]], system: Any) -> list[dict[str, Any]]:
    return messages if system is None else [{"role": "system", "content": system}, *messages]


def _is_function(tool: Any) -> bool:
    """Whether the caller runs the tool; the others are the provider's, and go as they are."""
    if not isinstance(tool, Mapping):
        raise ConfigurationError(f"a tool is a mapping, not {tool!r}")
    return tool.get("type") in (None, "function", "custom")


def _tool(tool: Any, schema_name: str) -> dict[str, Any]:
    """One tool in the form of this wire, given in the form of any."""
    if not _is_function(tool):
        return dict(tool)
    inner = dict(tool.get("function") or {name: tool[name] for name in tool if name != "type"})
    for name in ("parameters", "input_schema"):
        if name in inner:
            inner[schema_name] = inner.pop(name)
    if not inner.get("name"):
        raise ConfigurationError(f"a tool needs a name: {tool!r}")
    return inner
