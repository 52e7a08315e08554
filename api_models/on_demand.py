"""Names of a package whose modules are loaded when they are first asked for (PEP 562)."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from importlib import import_module
from typing import Any


def load(package: str, homes: Mapping[str, str], name: str) -> Any:
    """What `name` means in `package`, which keeps it from then on.

    `homes` says for each module, named relative to the package, the names it has for it. Raises
    `AttributeError` for a name that stands in none, as a module does.
    """
    for home, names in homes.items():
        if name in names.split():
            value = getattr(import_module(home, package), name)
            setattr(sys.modules[package], name, value)
            return value
    raise AttributeError(f"module {package!r} has no attribute {name!r}")
