"""What a manager is told: its configuration, the environment and the configuration file, as one.

Precedence: configuration, environment, file, default. Every message about a bad value names the
key or variable to change.
"""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from .clients.guard_settings import BreakerSettings, BudgetSettings
from .clients.presets import KINDS, PRESETS, Preset
from .exceptions import ConfigurationError
from .streaming.parts.checks import check_names
from .streaming.parts.frozen import Frozen, replace
from .streaming.stream_config import StreamConfig

_SECTIONS = ("default_provider", "stream", "providers")
_ENTRY_KEYS = (
    "kind", "base_url", "model", "api_key", "api", "transport", "headers", "finish_reason_ends", "breaker",
    "budget",
)  # fmt: skip
_APIS = ("responses", "chat_completions")
_TRANSPORTS = ("http", "sdk")
_ANY_HOST = Preset("openai_compatible", None, finish_reason_ends=True)
_DEFAULT_ORDER = ("anthropic", "openai")
"""Providers taken by default when their key is set; without any key it is the local model."""


class MissingKeyError(ConfigurationError):
    """A provider needs a key and none is set; a list of models goes on to the next one."""


class ProviderSettings(Frozen):
    """How to speak to one provider, all sources considered."""

    name: str
    kind: str
    base_url: str | None
    model: str | None
    api_key: str | None
    transport: str
    api: str | None
    headers: Mapping[str, str]
    finish_reason_ends: bool

    def for_client(self) -> dict[str, Any]:
        """What the constructor of the client for this kind and transport takes."""
        if self.kind == "local":
            return {"model": self.model}
        settings: dict[str, Any] = {
            "base_url": self.base_url,
            "api_key": self.api_key,
            "model": self.model,
            "headers": self.headers,
        }
        if self.transport == "http":
            settings["finish_reason_ends"] = self.finish_reason_ends
        elif self.kind != "anthropic":
            settings["api"] = self.api
        return settings

    def __repr__(self) -> str:  # without the key, which may stand among the headers too
        return f"<ProviderSettings {self.name} {self.base_url}>"


class Settings:
    """Reads configuration, environment and file once; checks names at once, keys when asked for."""

    def __init__(
        self, config: Mapping[str, Any] | None = None, environ: Mapping[str, str] | None = None
    ) -> None:
        self._environ = dict(os.environ if environ is None else environ)
        given = _checked(config or {}, "the configuration")
        from_file = _checked(_read_file(self._environ), "the configuration file")
        self.stream = StreamConfig.of(given.get("stream"), StreamConfig.of(from_file.get("stream")))
        self._given: dict[str, Mapping[str, Any]] = dict(given.get("providers", {}))
        self._from_file: dict[str, Mapping[str, Any]] = dict(from_file.get("providers", {}))
        self._default = (
            given.get("default_provider")
            or self._environ.get("API_MODELS_PROVIDER")
            or from_file.get("default_provider")
        )

    @property
    def provider_names(self) -> set[str]:
        return {*PRESETS, *self._given, *self._from_file}

    @property
    def default_model_id(self) -> str | None:
        """What `API_MODELS_MODEL` asks for when a call names no model."""
        return self._environ.get("API_MODELS_MODEL") or None

    @property
    def default_provider(self) -> str:
        if self._default:
            return str(self._default)
        keyed = (name for name in _DEFAULT_ORDER if self._key(name, PRESETS[name])[0])
        return next(keyed, "local")

    def entry(self, name: str) -> dict[str, Any]:
        """What configuration and file say of a provider, unread."""
        return {**self._from_file.get(name, {}), **self._given.get(name, {})}

    def guards(self, name: str) -> tuple[BreakerSettings | None, BudgetSettings | None]:
        """What is configured as breaker and budget of a provider; None is none."""
        return _guards(name, self.entry(name))

    @property
    def has_guards(self) -> bool:
        """Whether any provider has a breaker or a budget."""
        return any(guard is not None for name in self.provider_names for guard in self.guards(name))

    def key_source(self, name: str) -> str | None:
        """Where the key of a provider comes from, None if it is not set."""
        return self._key(name, self._preset(name))[1]

    def lane(self, name: str) -> str | None:
        """The host that is to be asked for one answer at a time; None for one that answers many at once."""
        if name not in self.provider_names or not self._preset(name).serialises:
            return None
        return urlsplit(self.provider(name).base_url or "//" + name).netloc

    def provider(self, name: str) -> ProviderSettings:
        """Raises `ConfigurationError` for an unknown provider and for a key that is missing."""
        check_names([name], self.provider_names, "provider")
        preset = self._preset(name)
        api_key, _ = self._key(name, preset)
        if preset.needs_key and not api_key:
            raise MissingKeyError(
                f"no key for {name}: set {_key_variables(name, preset)[0]}, or 'api_key' in its configuration"
            )
        entry = self.entry(name)
        base_url = self._look_up(name, "base_url", preset.url_variables) or preset.base_url
        if preset.base_url is None and base_url is None and preset.kind != "local":
            raise ConfigurationError(f"where is {name}? set 'base_url' in its configuration")
        if preset.kind == "ollama":
            base_url = _ollama_url(str(base_url))
        kind = _kind_spoken(preset.kind, base_url)
        transport = entry.get("transport") or ("sdk" if kind in ("anthropic", "openai") else "http")
        if transport == "http" and kind in ("anthropic", "openai"):
            raise ConfigurationError(f"{name} is asked through its SDK: leave 'transport' out")
        if transport == "sdk" and kind in ("ollama", "local"):
            raise ConfigurationError(f"no SDK speaks the wire of {name}: leave 'transport' out")
        return ProviderSettings(
            name,
            kind,
            base_url,
            self._look_up(name, "model", ()) or preset.model,
            api_key,
            transport,
            entry.get("api"),
            entry.get("headers", {}),
            entry.get("finish_reason_ends", preset.finish_reason_ends),
        )

    def _preset(self, name: str) -> Preset:
        kind = self.entry(name).get("kind")
        if name in PRESETS and kind in (None, PRESETS[name].kind):
            return PRESETS[name]
        if kind is None:
            near = difflib.get_close_matches(name, PRESETS, n=1, cutoff=0.75)
            hint = f"; or did you mean {near[0]!r}?" if near else ""
            raise ConfigurationError(
                f"provider {name!r} needs a 'kind' in its configuration: one of {', '.join(KINDS)}{hint}"
            )
        check_names([kind], KINDS, f"kind of provider {name!r}")
        if kind == "openai_compatible":
            return _ANY_HOST
        # The vendor's own key and address are not for a host under another name.
        return replace(PRESETS[kind], key_variables=(), url_variables=())

    def _key(self, name: str, preset: Preset) -> tuple[str | None, str | None]:
        variables = _key_variables(name, preset)
        if self._given.get(name, {}).get("api_key"):
            return self._given[name]["api_key"], "configuration"
        for variable in variables:
            if self._environ.get(variable):
                return self._environ[variable], variable
        key = self._from_file.get(name, {}).get("api_key")
        return key, "configuration file" if key else None

    def _look_up(self, name: str, key: str, variables: Iterable[str]) -> Any:
        own = _own_variable(name, key)
        found = [self._given.get(name, {}).get(key)]
        found += [self._environ.get(variable) for variable in (own, *variables)]
        found += [self._from_file.get(name, {}).get(key)]
        return next((value for value in found if value), None)


def _own_variable(name: str, key: str) -> str:
    """Our variable for a provider's key or address; what a shell cannot have in a name is a `_` in it."""
    return f"API_MODELS_{re.sub(r'[^A-Z0-9]', '_', name.upper())}_{key.upper()}"


def _key_variables(name: str, preset: Preset) -> tuple[str, ...]:
    return (*preset.key_variables, _own_variable(name, "api_key"))


def _kind_spoken(kind: str, base_url: str | None) -> str:
    """Ollama speaks two wires: its own, and under `/v1` the one that everybody speaks."""
    return "openai_compatible" if kind == "ollama" and str(base_url).rstrip("/").endswith("/v1") else kind


def _ollama_url(host: str) -> str:
    """`OLLAMA_HOST` as Ollama reads it: a host, a port or a URL, maybe where it listens: 0.0.0.0."""
    scheme, given, rest = host.rpartition("://")
    authority, slash, path = rest.partition("/")
    name, colon, port = authority.rpartition(":")
    if not colon or not port.isdigit():
        name, port = authority, ("443" if scheme == "https" else "80") if given else "11434"
    if name in ("", "0.0.0.0"):
        name = "127.0.0.1"
    return f"{scheme or 'http'}://{name}:{port}{slash}{path}".rstrip("/")


def _read_file(environ: Mapping[str, str]) -> dict[str, Any]:
    """The TOML file that `API_MODELS_CONFIG` names, or the one in the user's configuration folder."""
    named = environ.get("API_MODELS_CONFIG")
    folder = environ.get("XDG_CONFIG_HOME") or Path(environ.get("HOME", "~")).expanduser() / ".config"
    path = Path(named) if named else Path(folder) / "api_models" / "config.toml"
    if not named and not path.is_file():
        return {}
    from .settings_file import read_settings  # noqa: PLC0415  # most programs have no such file

    return read_settings(path)


def _checked(config: Mapping[str, Any], what: str) -> Mapping[str, Any]:
    if not isinstance(config, Mapping):
        raise ConfigurationError(f"{what} is a mapping, not {type(config).__name__}")
    check_names(config, _SECTIONS, f"key of {what}")
    providers = config.get("providers", {})
    if not isinstance(providers, Mapping):
        raise ConfigurationError(f"'providers' in {what} is a mapping, not {type(providers).__name__}")
    for name, entry in providers.items():
        _check_entry(name, entry)
    return config


def _check_entry(name: str, entry: Any) -> None:
    if not isinstance(entry, Mapping):
        raise ConfigurationError(f"the entry of provider {name!r} is a mapping, not {type(entry).__name__}")
    _guards(name, entry)
    if name not in PRESETS and "kind" not in entry:
        return  # for a provider that may be registered later, whose keys are its own
    check_names(entry, _ENTRY_KEYS, f"key of provider {name!r}")
    for key, allowed in (("kind", KINDS), ("api", _APIS), ("transport", _TRANSPORTS)):
        if entry.get(key) is not None:
            check_names([entry[key]], allowed, f"{key} of provider {name!r}")
    for key in ("base_url", "model", "api_key"):
        if not isinstance(entry.get(key), (str, type(None))):
            raise ConfigurationError(f"{key} of provider {name!r} must be a str, not {entry[key]!r}")
    for key, wanted in (("headers", Mapping), ("finish_reason_ends", bool)):
        if not isinstance(entry.get(key), (wanted, type(None))):
            kind = "a mapping" if wanted is Mapping else "True or False"
            raise ConfigurationError(f"{key} of provider {name!r} must be {kind}, not {entry[key]!r}")
    url = entry.get("base_url")
    if url and "://" not in url and name != "ollama":
        raise ConfigurationError(f"base_url of provider {name!r} needs http:// or https://, it is {url!r}")


def _guards(name: str, entry: Mapping[str, Any]) -> tuple[BreakerSettings | None, BudgetSettings | None]:
    try:
        return BreakerSettings.of(entry.get("breaker")), BudgetSettings.of(entry.get("budget"))
    except ConfigurationError as error:
        raise ConfigurationError(f"provider {name!r}: {error}") from error
