"""What is installed and configured, for who wonders why something does not work."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Iterator

from ..clients.local_model import find_model, is_engine_installed
from ..clients.presets import PRESETS
from ..exceptions import ConfigurationError
from ..settings import Settings

_LIBRARIES = (
    "anthropic", "openai", "requests", "urllib3", "jiter", "tenacity", "xllamacpp", "rich", "pydantic",
    "jsonschema", "rapidfuzz",
)  # fmt: skip


def findings(settings: Settings) -> Iterator[str]:
    """Lines for a person to read; a key is told of by where it was found, never itself."""
    yield from (f"  {library:<12} {_version(library)}" for library in _LIBRARIES)
    yield f"default provider: {settings.default_provider}"
    yield "keys:"
    yield from (_key(settings, name) for name, preset in PRESETS.items() if preset.key_variables)
    yield "breakers and budgets:"
    yield from list(_guards(settings)) or ["  none configured"]
    yield f"local model: {_local_state()}"


def _key(settings: Settings, name: str) -> str:
    source = settings.key_source(name)
    return (
        f"  {name:<12} {f'set, from {source}' if source else f'not set ({PRESETS[name].key_variables[0]})'}"
    )


def _guards(settings: Settings) -> Iterator[str]:
    for name in sorted(settings.provider_names):
        kinds = zip(("breaker", "budget"), settings.guards(name), strict=True)
        told = [f"{kind}: {guard}" for kind, guard in kinds if guard is not None]
        if told:
            yield f"  {name:<12} {'; '.join(told)}"


def _version(library: str) -> str:
    try:
        return importlib.metadata.version(library)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"


def _local_state() -> str:
    try:
        path = find_model()
    except ConfigurationError as error:
        return str(error)
    return f"ready, {path}" if is_engine_installed() else "engine missing: pip install 'api-models[local]'"
