"""Which models a window offers: what is at hand on this machine, and whatever has a key."""

from __future__ import annotations

from ..clients.local_model import DEFAULT_MODEL, is_engine_installed, list_models
from ..clients.presets import PRESETS
from ..settings import Settings


def model_choices(settings: Settings | None = None) -> list[str]:
    """Model ids, the one taken by default first; any other may be typed."""
    settings = settings or Settings()
    hosts = [
        _model_id(name, settings) for name in sorted(settings.provider_names) if _is_at_hand(name, settings)
    ]
    first = settings.default_model_id or _model_id(settings.default_provider, settings)
    return list(dict.fromkeys([first, *hosts, *_local_ids()]))


def _is_at_hand(name: str, settings: Settings) -> bool:
    """Whether it has a key or stands in the configuration: somebody means to use it."""
    known = name in PRESETS or "kind" in settings.entry(name)
    return known and name != "local" and bool(settings.entry(name) or settings.key_source(name))


def _model_id(name: str, settings: Settings) -> str:
    model = settings.entry(name).get("model") or (PRESETS[name].model if name in PRESETS else None)
    return name if name == "local" or not model else f"{name}:{model}"


def _local_ids() -> list[str]:
    if not is_engine_installed():
        return []
    return ["local" if model.name == DEFAULT_MODEL else f"local:{model.name}" for model in list_models()]
