"""The table of hosts: each row leads to its host's wire, with its own key."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest

from api_models import APIModelManager
from api_models.clients.presets import KINDS, PRESETS
from api_models.testing import Provider, Reply, anthropic, chat

KEY = "sk-preset-0123456789abcdef"
OLLAMA = [b'{"model":"m","message":{"content":"hello"},"done":true,"done_reason":"stop"}\n']
WIRES = {
    "anthropic": ("", "/v1/messages", Reply(anthropic(["hello"]))),
    "openai": ("/v1", "/v1/chat/completions", Reply(chat(["hello"]))),
    "openai_compatible": ("/v1", "/v1/chat/completions", Reply(chat(["hello"]))),
    "ollama": ("", "/api/chat", Reply(OLLAMA, content_type="application/x-ndjson")),
}
OVER_A_WIRE = [name for name, preset in PRESETS.items() if preset.kind in WIRES]


@pytest.mark.parametrize("name", OVER_A_WIRE)
def test_the_variables_of_a_host_lead_to_its_wire_with_its_key(name, monkeypatch):
    preset = PRESETS[name]
    version, path, reply = WIRES[preset.kind]
    with Provider(reply) as provider:
        monkeypatch.setenv(preset.key_variables[0], KEY)
        monkeypatch.setenv(preset.url_variables[0], provider.url + version)
        with APIModelManager() as manager:
            assert manager.generate("hi", f"{name}:m").text == "hello"
        (request,) = provider.requests
    assert request.path == path and request.json["model"] == "m"
    header = "x-api-key" if preset.kind == "anthropic" else "authorization"
    assert request.headers[header].removeprefix("Bearer ") == KEY


def test_no_two_hosts_share_a_variable():
    """A key set for one host would be sent to another."""
    named = [each for preset in PRESETS.values() for each in (*preset.key_variables, *preset.url_variables)]
    assert len(named) == len(set(named))


@pytest.mark.parametrize("name", [name for name, preset in PRESETS.items() if preset.base_url])
def test_a_key_travels_encrypted_or_not_at_all(name):
    preset = PRESETS[name]
    parts = urlsplit(preset.base_url)
    assert preset.needs_key is (parts.hostname != "localhost")
    assert parts.scheme == ("https" if preset.needs_key else "http")
    assert not preset.base_url.endswith("/") and not parts.query


def test_every_kind_has_a_host_and_no_host_another_kind():
    assert {preset.kind for preset in PRESETS.values()} == set(KINDS)


def test_an_end_without_its_marker_is_forgiven_where_it_is_known_to_be_missing():
    assert [name for name, preset in PRESETS.items() if preset.finish_reason_ends] == ["perplexity"]
