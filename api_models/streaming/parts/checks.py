"""Checks of names and values that users set; what is wrong is said with what would be right."""

from __future__ import annotations

import difflib
import math
from collections.abc import Callable, Iterable
from typing import Any

from ...exceptions import ConfigurationError

Check = tuple[Callable[[Any], bool], str]
"""Whether a value is good, and what it should be."""


def check_names(names: Iterable[Any], valid: Iterable[str], what: str) -> None:
    """Raise `ConfigurationError` for the first name that is not valid, naming the nearest one."""
    known = list(valid)
    for name in names:
        if name not in known:
            near = difflib.get_close_matches(str(name), known, n=1, cutoff=0.5)
            hint = f"did you mean {near[0]!r}?" if near else f"choose from {', '.join(sorted(known))}"
            raise ConfigurationError(f"unknown {what} {name!r}: {hint}")


def check_value(name: str, value: Any, check: Check) -> None:
    """Raise `ConfigurationError` naming the setting, if its value is not good."""
    is_good, wanted = check
    if not is_good(value):
        raise ConfigurationError(f"{name} must be {wanted}, not {value!r}")


def is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def is_count(value: Any, least: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= least


def count(least: int) -> Check:
    return lambda value: is_count(value, least), f"a whole number of at least {least}"


def choice(*allowed: str) -> Check:
    return lambda value: value in allowed, "one of " + ", ".join(map(repr, allowed))


SWITCH: Check = lambda value: isinstance(value, bool), "True or False"
DELAY: Check = lambda value: is_number(value) and value >= 0, "a number of seconds of at least 0"
INTERVAL: Check = lambda value: is_number(value) and value > 0, "a number above 0"
LIMIT: Check = (
    lambda value: value is None or (is_number(value) and value > 0),
    "a number above 0, or None",
)
