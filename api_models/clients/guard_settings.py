"""What may be configured of a provider's breaker and budget."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..exceptions import ConfigurationError
from ..streaming.parts.checks import check_names
from ..streaming.parts.frozen import Frozen, fields_of


class BreakerSettings(Frozen):
    """When a circuit opens, and for how long; times in seconds.

    Raises `ConfigurationError` naming the key for any value that cannot work.
    """

    failures: int = 5
    """So many failures within `window` open the circuit."""
    window: float = 60.0
    cooldown: float = 30.0
    """How long nobody is let through; then one request probes."""
    probe_timeout: float = 60.0
    """A probe of which nothing has been heard for so long is taken for lost, and another let through."""

    def __post_init__(self) -> None:
        if not isinstance(self.failures, int) or not _is_positive(self.failures):
            raise ConfigurationError(f"failures must be a whole number of at least 1, not {self.failures!r}")
        for name in ("window", "cooldown", "probe_timeout"):
            if not _is_positive(getattr(self, name)):
                raise ConfigurationError(
                    f"{name} must be a number of seconds above 0, not {getattr(self, name)!r}"
                )

    @classmethod
    def of(cls, given: Any) -> BreakerSettings | None:
        """Make settings of a mapping, or of True for the defaults; None for what switches it off."""
        if given is None or given is False:
            return None
        if given is True:
            return cls()
        if not isinstance(given, Mapping):
            raise ConfigurationError(f"breaker must be True or a mapping, not {given!r}")
        check_names(given, cls.__match_args__, "breaker setting")
        return cls(**given)

    def __str__(self) -> str:
        return f"{self.failures} failures in {self.window:g} s open it for {self.cooldown:g} s"


class BudgetSettings(Frozen):
    """What may be used in a minute; None is no limit. Raises `ConfigurationError` naming the key."""

    requests_per_minute: float | None = None
    tokens_per_minute: float | None = None

    def __post_init__(self) -> None:
        given = fields_of(self)
        if set(given.values()) == {None}:
            raise ConfigurationError(f"a budget needs {' or '.join(given)}")
        for name, value in given.items():
            if value is not None and not _is_positive(value):
                raise ConfigurationError(f"{name} must be a number above 0, not {value!r}")

    @classmethod
    def of(cls, given: Any) -> BudgetSettings | None:
        """Make settings of a mapping; None for what switches it off."""
        if given is None or given is False:
            return None
        if not isinstance(given, Mapping):
            raise ConfigurationError(f"budget must be a mapping, not {given!r}")
        check_names(given, cls.__match_args__, "budget setting")
        return cls(**given)

    def __str__(self) -> str:
        limits = ((self.requests_per_minute, "requests"), (self.tokens_per_minute, "tokens"))
        return " and ".join(f"{limit:.15g} {what}" for limit, what in limits if limit) + " a minute"


def _is_positive(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and 0 < value < float("inf")
