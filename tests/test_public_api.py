"""What a guest may import is sorted, complete and documented."""

from __future__ import annotations

import ast
import dataclasses
import inspect

import pytest

import api_models
from api_models import StreamEvent, exceptions
from api_models.streaming import exceptions as streaming_exceptions
from api_models.streaming import stream_events

# Sections 3 and 6 of the contract, and what its fine points name.
CONTRACT = set(
    """
    APIModelManager StreamManager StreamProcessor StreamHandler StreamConfig StreamResult StreamChunk
    APIModelError ConfigurationError ProviderError AuthenticationError InvalidRequestError
    ContextLengthError RateLimitError ProviderUnavailableError ProviderConnectionError
    MalformedResponseError CircuitOpenError StreamingError StreamStateError StreamInterruptedError
    StreamTimeoutError StreamCancelledError HandlerError PolicyViolationError StructuredOutputError
    StreamStarted TokenReceived ThinkingReceived ToolCallReceived StreamPaused StreamResumed StreamQuiet
    StreamRetrying StreamReset StreamProgress StreamCompleted StreamFailed StreamCancelled StreamState
    """.split()  # noqa: SIM905  # a list of forty strings is harder to compare with the contract
)

# What users call, with the parameters the contract names, in order.
SIGNATURES = {
    "StreamManager.register_handler": ["handler"],
    "StreamManager.unregister_handler": ["handler"],
    "StreamManager.start_stream": ["stream_source", "metadata"],
    "StreamManager.pause_stream": [],
    "StreamManager.resume_stream": [],
    "StreamManager.cancel_stream": [],
    "StreamManager.get_stream_status": [],
    "StreamManager.wait": ["timeout"],
    "StreamManager.result": ["timeout"],
    "StreamManager.events": [],
    "StreamProcessor.process_stream": ["stream", "handlers"],
    "StreamProcessor.buffer_tokens": ["tokens", "buffer_size"],
    "StreamProcessor.get_statistics": [],
    "StreamHandler.on_stream_start": ["metadata"],
    "StreamHandler.on_token_received": ["token", "index"],
    "StreamHandler.on_stream_complete": ["full_response"],
    "StreamHandler.on_stream_error": ["error"],
    "StreamHandler.on_stream_cancelled": ["partial_response"],
    "StreamHandler.on_stream_paused": [],
    "StreamHandler.on_stream_resumed": [],
    "StreamHandler.on_stream_reset": ["reason"],
    "StreamHandler.on_thinking_received": ["text", "index"],
    "StreamHandler.on_tool_call": ["tool_call"],
    "StreamHandler.on_progress": ["progress"],
    "StreamHandler.on_event": ["event"],
    "APIModelManager.generate": ["prompt", "model_id", "params"],
    "APIModelManager.generate_stream": ["prompt", "model_id", "params"],
    "APIModelManager.generate_stream_with_handlers": ["prompt", "model_id", "params", "handlers", "config"],
    "APIModelManager.register_provider": ["name", "factory"],
    "APIModelManager.close": [],
}


def test_the_list_of_names_is_sorted_and_without_doubles():
    """`__all__` can be read like an index."""
    assert api_models.__all__ == sorted(set(api_models.__all__))


def test_the_list_of_names_is_complete():
    """Everything of ours that the face shows, at once or on demand, is in `__all__`, and nothing else is."""
    shown = {
        name
        for name, value in vars(api_models).items()
        if not name.startswith("_") and getattr(value, "__module__", "").startswith("api_models.")
    }
    on_demand = {name for names in api_models._ON_DEMAND.values() for name in names.split()}
    assert shown | on_demand == set(api_models.__all__)


def test_what_is_loaded_on_demand_is_what_a_type_checker_sees():
    """The table and the imports for type checkers say the same."""
    tree = ast.parse(inspect.getsource(api_models))
    (block,) = [node for node in tree.body if isinstance(node, ast.If)]
    seen = {"." + node.module: {alias.name for alias in node.names} for node in block.body}
    assert {home: set(names.split()) for home, names in api_models._ON_DEMAND.items()} == seen


def test_a_name_that_is_nowhere_is_no_attribute():
    """As of every module; what there is can be listed."""
    with pytest.raises(AttributeError, match="StreamHandlr"):
        api_models.StreamHandlr  # noqa: B018  # the look-up is the test
    assert set(dir(api_models)) >= set(api_models.__all__)


def test_the_contracts_names_are_there():
    """Everything the contract lets a guest rely on comes from the package itself."""
    assert set(api_models.__all__) >= CONTRACT


@pytest.mark.parametrize("module", [exceptions, streaming_exceptions, stream_events])
def test_no_event_and_no_error_is_left_out(module):
    """Whatever can be raised or told can be imported from the face."""
    classes = {
        kind for _, kind in inspect.getmembers(module, inspect.isclass) if kind.__module__ == module.__name__
    }
    assert {kind.__name__ for kind in classes if not kind.__name__.startswith("_")} <= set(api_models.__all__)


@pytest.mark.parametrize("name", api_models.__all__)
def test_every_name_is_documented(name):
    """A class says in a docstring of its own what it is for; a plain event says it by its fields."""
    value = getattr(api_models, name)
    own = (value.__doc__ if inspect.isfunction(value) else vars(value).get("__doc__")) or ""
    generated = dataclasses.is_dataclass(value) and own.startswith(f"{name}(")
    if generated and issubclass(value, StreamEvent):
        return
    assert own.strip()
    assert not generated


@pytest.mark.parametrize("name", SIGNATURES)
def test_calls_take_what_the_contract_says(name):
    """The parameters have the contract's names and order, and each method a docstring."""
    kind, method = name.split(".")
    function = getattr(getattr(api_models, kind), method)
    parameters = list(inspect.signature(function).parameters)[1:]
    assert parameters[: len(SIGNATURES[name])] == SIGNATURES[name]
    required = inspect.signature(function).parameters.values()
    extra = [p for p in required if p.name in parameters[len(SIGNATURES[name]) :]]
    assert all(p.default is not p.empty for p in extra)
    assert function.__doc__


@pytest.mark.parametrize("name", ["StreamManager", "StreamProcessor", "APIModelManager"])
def test_a_config_is_optional(name):
    """Every manager can be made of nothing."""
    (config,) = inspect.signature(getattr(api_models, name)).parameters.values()
    assert (config.name, config.default) == ("config", None)


def test_the_version_is_a_version():
    """The package says which one it is."""
    assert all(part.isdigit() for part in api_models.__version__.split(".")[:2])
