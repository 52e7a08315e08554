"""The table of known hosts."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest

from api_models.clients.presets import KINDS, PRESETS

NAMED = "openai anthropic local ollama vllm llamacpp lmstudio openrouter groq deepseek mistral gemini xai together"


def test_the_hosts_of_the_contract_are_known():
    assert set(NAMED.split()) <= set(PRESETS)


@pytest.mark.parametrize("name", sorted(PRESETS))
def test_a_row_is_complete(name):
    """A kind that exists, an address with a scheme and without a slash at its end, a key where one is needed."""
    preset = PRESETS[name]
    assert preset.kind in KINDS and name == name.lower() and ":" not in name
    if preset.kind != "local":
        parts = urlsplit(preset.base_url)
        assert parts.scheme in ("http", "https") and parts.hostname and not preset.base_url.endswith("/")
        assert preset.needs_key is (parts.scheme == "https")
    assert not preset.needs_key or preset.key_variables
    assert all(variable.isupper() for variable in preset.key_variables + preset.url_variables)


def test_only_who_is_known_to_lack_the_end_marker_is_forgiven():
    assert [name for name in PRESETS if PRESETS[name].finish_reason_ends] == ["perplexity"]
