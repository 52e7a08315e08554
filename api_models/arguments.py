"""What the calls of a manager are given: the types, and what is checked or changed before anything starts."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from .exceptions import ConfigurationError
from .streaming.stream_config import StreamConfig
from .streaming.stream_source import StreamSource

if TYPE_CHECKING:
    from typing_extensions import TypeVar

    from .stages.stage import Stage

    T = TypeVar("T", default=Any)  # what a response model makes of an answer; of a schema it is not known

Prompt = str | list[dict[str, Any]]
ModelId = str | Sequence[str] | None
StreamSettings = StreamConfig | Mapping[str, Any] | str | None
ClientFactory = Callable[[Mapping[str, Any]], Any]
Ask = Callable[[str], StreamSource]
"""Asks for an answer, or for the rest of the one that is begun so."""
Shape = Callable[[str, Any, Prompt, Any], tuple[Prompt, Any]]
"""Changes a prompt and its parameters for the provider that is asked, and its client."""


def handlers_of(handlers: Iterable[Any] | None) -> Iterable[Any]:
    """The handlers, if they are a list of such or none at all."""
    if not isinstance(handlers, (Iterable, type(None))):
        raise ConfigurationError(f"handlers is a list of handlers, not {handlers!r}")
    return handlers or ()


def staged(source: StreamSource, stages: Stage | Iterable[Any] | None) -> StreamSource:
    """The source behind these stages, if there are any."""
    if stages is None:
        return source
    from .stages.staged_source import staged as staged_by  # noqa: PLC0415  # most streams have none

    return staged_by(source, stages)


def with_model(params: Mapping[str, Any] | None, model: str | None) -> Any:
    """The parameters with the model in them; what is no mapping is left for the client to refuse."""
    if model is None or not isinstance(params, (Mapping, type(None))):
        return params
    return {**(params or {}), "model": model}


def metadata_of(
    candidates: Sequence[tuple[str, str, Ask]], prompt: Prompt, settings: StreamConfig
) -> dict[str, Any]:
    """What a stream tells of itself: who is asked first, for which model, and what, if that was wanted."""
    provider, model, _ = candidates[0]
    told = {"prompt": prompt} if settings.include_prompt else {}
    return {"provider": provider, "model": model or None, **told}
