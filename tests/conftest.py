"""Fixtures only; the fakes stand in `fakes.py` beside this file."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# A busy machine is slow, and that says nothing about the code.
settings.register_profile("house", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("house")

_PREFIXES = (
    "ANTHROPIC",
    "API_MODELS",
    "AZURE",
    "DEEPSEEK",
    "GEMINI",
    "GOOGLE",
    "GROQ",
    "HF_",
    "HUGGINGFACE",
    "MISTRAL",
    "OLLAMA",
    "OPENAI",
    "OPENROUTER",
    "TOGETHER",
    "XAI",
)


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """No key, proxy or file of the machine reaches the code under test."""
    for name in list(os.environ):
        if name.upper().startswith(_PREFIXES) or name.upper().endswith("_PROXY"):
            monkeypatch.delenv(name)
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,localhost")
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(home / ".config"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(home / ".cache"))
    monkeypatch.chdir(tmp_path)
    yield
