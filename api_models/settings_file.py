"""The file that settings may stand in."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from .exceptions import ConfigurationError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


def read_settings(path: Path) -> dict[str, Any]:
    """What the TOML file at `path` says; raises `ConfigurationError` if it cannot be read."""
    try:
        read: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigurationError(f"cannot read the configuration file {path}: {error}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"the configuration file {path} is not TOML: {error}") from error
    return read
