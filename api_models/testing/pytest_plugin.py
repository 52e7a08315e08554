"""The fixture `provider` for everybody who has api_models installed; see `docs/testing.md`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from .provider import Provider


@pytest.fixture(name="provider")
def start_provider() -> Iterator[Callable[..., Provider]]:
    """Start misbehaving providers: `provider(Reply(...))`. They stop when the test ends."""
    with ExitStack() as running:

        def start(*replies: Any, **options: Any) -> Provider:
            return running.enter_context(Provider(*replies, **options))

        yield start
