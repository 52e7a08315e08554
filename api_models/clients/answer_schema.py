"""An answer that is to fit a schema, asked for as each wire knows how: a function a wire, a row a host.

Where neither the wire nor the host is known to take a schema, it is written into the prompt.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

from ..exceptions import ConfigurationError
from ..streaming.parts.checks import check_names
from .strict_schema import UnfitSchemaError, strict_schema, without_limits

SchemaMode = Literal["native", "tool", "json", "prompt"]
"""How the provider is held to the schema: `native` by constrained decoding, `tool` as the arguments of a
call it has to make, `json` to JSON of any shape with the schema in the prompt, `prompt` by words alone."""

Params = dict[str, Any]


@dataclass(frozen=True)
class SchemaRequest:
    """The prompt and the parameters that ask for it, and how the provider is held to it."""

    prompt: Any
    params: Params
    mode: SchemaMode


def _chat(name: str, schema: Mapping[str, Any]) -> Params:
    named = {"name": name, "strict": True, "schema": strict_schema(schema)}
    return {"response_format": {"type": "json_schema", "json_schema": named}}


def _responses(name: str, schema: Mapping[str, Any]) -> Params:
    return {
        "text": {
            "format": {"type": "json_schema", "name": name, "strict": True, "schema": strict_schema(schema)}
        }
    }


def _messages(name: str, schema: Mapping[str, Any]) -> Params:
    return {
        "output_config": {"format": {"type": "json_schema", "schema": without_limits(strict_schema(schema))}}
    }


def _grammar(name: str, schema: Mapping[str, Any]) -> Params:
    """llama.cpp makes a grammar of any schema, also of one with fields of any name."""
    try:
        return _chat(name, schema)
    except UnfitSchemaError:
        return {
            "response_format": {"type": "json_schema", "json_schema": {"name": name, "schema": dict(schema)}}
        }


def _ollama(name: str, schema: Mapping[str, Any]) -> Params:
    return {"format": dict(schema)}


_NATIVE: Mapping[str, Callable[[str, Mapping[str, Any]], Params]] = {
    "chat": _chat,
    "responses": _responses,
    "messages": _messages,
    "grammar": _grammar,
    "ollama": _ollama,
}
_JSON: Mapping[str, Params] = {
    "chat": {"response_format": {"type": "json_object"}},
    "json_object": {"response_format": {"type": "json_object"}},
    "responses": {"text": {"format": {"type": "json_object"}}},
    "grammar": {"response_format": {"type": "json_object"}},
    "ollama": {"format": "json"},
}
_TOOL: Mapping[str, Callable[[str], Params]] = {
    "chat": lambda name: {
        "tool_choice": {"type": "function", "function": {"name": name}},
        "parallel_tool_calls": False,
    },
    "responses": lambda name: {
        "tool_choice": {"type": "function", "name": name},
        "parallel_tool_calls": False,
    },
    "messages": lambda name: {
        "tool_choice": {"type": "tool", "name": name, "disable_parallel_tool_use": True}
    },
}
_TOLD = ("grammar", "ollama")
"""Wires on which the model does not see the schema that it is held to; told, it fills it better."""

_HOSTS: Mapping[str, str] = {
    **dict.fromkeys(("llamacpp", "local"), "grammar"),
    **dict.fromkeys(
        ("openai", "vllm", "lmstudio", "mistral", "gemini", "xai", "perplexity", "fireworks", "cerebras"),
        "chat",
    ),
    **dict.fromkeys(
        ("deepseek", "groq", "moonshot", "zai", "together", "openrouter", "github"), "json_object"
    ),
}
"""What hosts behind the Chat Completions wire take, whatever their model; of the others nothing is known."""

_INSTRUCTION = "Answer with one JSON value that fits this JSON schema, and with nothing else:\n"
_TOOL_DESCRIPTION = "Give the answer."


NoteRequest = Callable[[str, str, str | None], None]
"""Told the mode of a request, the provider and the model."""


class SchemaShape:
    """Changes a prompt and its parameters for the client that is asked, so that the answer fits a schema.

    As well as this provider can, or exactly by `mode`. Raises `ConfigurationError` for a mode that the
    wire does not know, or a schema it does not take. `note` is told of each request.
    """

    def __init__(
        self, name: str, schema: Mapping[str, Any], mode: SchemaMode | None, note: NoteRequest
    ) -> None:
        if mode is not None:
            check_names([mode], get_args(SchemaMode), "mode")
        self._name = name
        self._schema = schema
        self._mode = mode
        self._note = note

    def __call__(self, provider: str, client: Any, prompt: Any, params: Any) -> tuple[Any, Any]:
        if not isinstance(params, (Mapping, type(None))):
            return prompt, params  # no parameters at all: left for the client to refuse
        wire = getattr(client, "schema_wire", None)
        asked = _Request(self._dialect(wire, provider), prompt, dict(params or {}), self._name, self._schema)
        made = asked.make(self._mode) if self._mode is not None else _best(asked)
        self._note(made.mode, provider, made.params.get("model") or getattr(client, "model", None))
        return made.prompt, made.params

    def _dialect(self, wire: str | None, provider: str) -> str:
        """What the host takes; who names a mode knows of the host what is not known here."""
        if wire != "chat":
            return wire or ""
        return _HOSTS.get(provider, "" if self._mode is None else "chat")


def _best(asked: _Request) -> SchemaRequest:
    try:
        return asked.make("native")
    except (UnfitSchemaError, _UnknownOnWireError):
        return asked.make("json" if asked.wire in _JSON else "prompt")


class _UnknownOnWireError(ConfigurationError):
    """The wire has no word for it."""


class _Request:
    """One question, before it is put into the words of a wire."""

    def __init__(self, wire: str, prompt: Any, params: Params, name: str, schema: Mapping[str, Any]) -> None:
        self.wire = wire
        self._prompt = prompt
        self._params = params
        self._name = name
        self._schema = schema

    def make(self, mode: SchemaMode) -> SchemaRequest:
        if mode == "native":
            return self._native()
        if mode == "tool":
            return self._tool()
        extra = self._found(_JSON, mode) if mode == "json" else {}
        return SchemaRequest(self._told(), merged(self._params, extra), mode)

    def _native(self) -> SchemaRequest:
        extra = self._found(_NATIVE, "native")(self._name, self._schema)
        prompt = self._told() if self.wire in _TOLD else self._prompt
        return SchemaRequest(prompt, merged(self._params, extra), "native")

    def _tool(self) -> SchemaRequest:
        choice = self._found(_TOOL, "tool")(self._name)
        tool = {"name": self._name, "description": _TOOL_DESCRIPTION, "parameters": dict(self._schema)}
        return SchemaRequest(self._prompt, {**self._params, "tools": [tool], **choice}, "tool")

    def _found(self, table: Mapping[str, Any], mode: str) -> Any:
        if self.wire not in table:
            raise _UnknownOnWireError(
                f"mode {mode!r} is not known to this provider: leave 'mode' out, or 'prompt'"
            )
        return table[self.wire]

    def _told(self) -> Any:
        return _with_instruction(self._prompt, _INSTRUCTION + json.dumps(self._schema, ensure_ascii=False))


def _with_instruction(prompt: Any, instruction: str) -> Any:
    """The prompt with it at its end; what is no prompt is left for the client to refuse."""
    if isinstance(prompt, str):
        return f"{prompt}\n\n{instruction}" if prompt.strip() else prompt
    if not isinstance(prompt, Sequence) or not prompt or not isinstance(prompt[-1], Mapping):
        return prompt
    *before, last = prompt
    if last.get("role") == "user" and isinstance(last.get("content"), str):
        return [*before, {**last, "content": f"{last['content']}\n\n{instruction}"}]
    return [*prompt, {"role": "user", "content": instruction}]


def merged(params: Mapping[str, Any], extra: Mapping[str, Any]) -> Params:
    """Both; of a mapping that is in both, the parts of both."""
    made = dict(params)
    for name, value in extra.items():
        known = made.get(name)
        is_nested = isinstance(known, Mapping) and isinstance(value, Mapping)
        made[name] = {**known, **value} if is_nested else value  # type: ignore[dict-item]  # known is a mapping then
    return made
