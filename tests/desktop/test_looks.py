"""What needs no window: choices, figures, colours, round corners."""

from __future__ import annotations

import dataclasses
import struct
import zlib

import pytest

from api_models import StreamResult, TokenUsage
from api_models.desktop import palette
from api_models.desktop.choices import model_choices
from api_models.desktop.rounded import rounded_png
from api_models.desktop.status import figures_of
from api_models.settings import Settings


def settings(config=None, **environ):
    return Settings(config, environ)


def test_what_has_a_key_is_offered_and_the_default_first():
    choices = model_choices(settings(OPENAI_API_KEY="x", GROQ_API_KEY="y"))
    assert choices[0].startswith("openai:")
    assert "groq" in choices
    assert not any(choice.startswith("anthropic") for choice in choices)


def test_what_is_configured_is_offered_and_the_local_model_without_any_key():
    config = {"providers": {"lab": {"kind": "openai_compatible", "base_url": "http://x/v1", "model": "m"}}}
    assert model_choices(settings(config))[:2] == ["local", "lab:m"]


def test_a_model_of_the_environment_comes_first():
    assert model_choices(settings(API_MODELS_MODEL="groq:llama"))[0] == "groq:llama"


def stats(**known):
    none = {"tokens_received": 0, "tokens_per_second": 0.0, "time_to_first_token": None, "elapsed_time": 0.0}
    return {**none, "attempts": 1, **known}


def test_figures_tell_what_is_known_and_nothing_else():
    running = stats(
        tokens_received=1200, tokens_per_second=85.4, time_to_first_token=0.123, elapsed_time=14.0
    )
    usage = TokenUsage(12, 1200, source="reported")
    assert figures_of(stats(), None) == ""
    assert figures_of(running, None) == "85 tokens/s  ·  first after 0.12 s  ·  1,200 tokens in 14.0 s"
    assert figures_of(running, StreamResult("", usage=usage)).endswith("·  usage 12 in, 1,200 out")
    assert figures_of(running, StreamResult("")).endswith("·  usage unknown")
    assert "attempt 2" in figures_of({**running, "attempts": 2}, None)


def luminance(colour):
    parts = (int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5))
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize("colours", [palette.LIGHT, palette.DARK], ids=["light", "dark"])
def test_all_text_can_be_read_on_its_ground(colours):
    """As WCAG asks of ordinary text: 4.5 to 1."""
    on = {
        "card": ("text", "muted", "accent", "good", "warning", "danger"),
        "window": ("text", "muted"),
        "field": ("text",),
        "button": ("text",),
        "button_hover": ("text",),
        "prompt": ("text",),
        "selection": ("text",),
        "danger_ground": ("danger",),
        "accent": ("on_accent",),
        "accent_hover": ("on_accent",),
    }
    for ground, texts in on.items():
        for text in texts:
            low, high = sorted(luminance(getattr(colours, name)) for name in (ground, text))
            assert (high + 0.05) / (low + 0.05) >= 4.5, (ground, text)
    assert set(on) | {t for texts in on.values() for t in texts} | {"is_dark", "border"} == {
        field.name for field in dataclasses.fields(colours)
    }


@pytest.mark.parametrize(("said", "dark"), [("'prefer-dark'\n", True), ("'default'\n", False), ("", False)])
def test_the_desktop_is_asked_what_it_prefers(said, dark, monkeypatch, tmp_path):
    command = tmp_path / "gsettings"
    command.write_text(f"#!/bin/sh\nprintf %s {said!r}\n")
    command.chmod(0o755)
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    assert palette.palette_of("system").is_dark is dark
    assert palette.palette_of("dark").is_dark
    assert not palette.palette_of("light").is_dark


def test_a_desktop_that_cannot_be_asked_is_light(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert palette.palette_of("system") is palette.LIGHT


def pixels(png):
    """The rows of a PNG without filters, as tuples of colours."""
    size = struct.unpack(">I", png[16:20])[0]
    at, body = 8, b""
    while at < len(png):
        length, kind = struct.unpack(">I4s", png[at : at + 8])
        body += png[at + 8 : at + 8 + length] if kind == b"IDAT" else b""
        at += 12 + length
    raw = zlib.decompress(body)
    rows = [raw[y * (size * 3 + 1) + 1 : (y + 1) * (size * 3 + 1)] for y in range(size)]
    return [[tuple(row[x : x + 3]) for x in range(0, len(row), 3)] for row in rows]


def test_a_box_is_symmetric_round_and_filled():
    box = pixels(rounded_png(6, 4, fill="#ff0000", border="#00ff00", ground="#0000ff"))
    assert box == box[::-1] == [row[::-1] for row in box]
    assert len(box) == len(box[0]) == 16
    assert box[0][0] == (0, 0, 255)
    assert box[8][0] == box[0][8] == (0, 255, 0)
    assert box[8][8] == box[8][1] == (255, 0, 0)
