"""The guide to windows runs as it is printed."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from api_models.clients.local_model import is_engine_installed, list_models

TEXT = (Path(__file__).parents[2] / "docs" / "gui.md").read_text(encoding="utf-8")
SNIPPETS = re.findall(r"^```python\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("snippet", SNIPPETS, ids=range(len(SNIPPETS)))
def test_a_snippet_runs(snippet, screen):
    if '"local"' in snippet and not (is_engine_installed() and list_models()):
        pytest.skip("the local model is not installed")
    if "PySide6" in snippet and importlib.util.find_spec("PySide6") is None:
        pytest.skip("Qt is not tested: PySide6 is not installed (pip install 'api-models[qt]')")
    ended = subprocess.run(
        [sys.executable, "-W", "error", "-c", snippet],
        env={**os.environ, "DISPLAY": screen.display, "QT_QPA_PLATFORM": "offscreen"},
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )
    assert (ended.returncode, ended.stderr) == (0, "")
    if "emulate_stream" in snippet:
        assert ended.stdout.replace("\n", "") == "All of it arrives at once."
    elif "BackgroundHandler" in snippet:
        ends = "the stream has ended", "and all of it is written"
        assert ends == tuple(line for line in ended.stdout.splitlines() if not line.startswith("wrote"))
        assert "".join(re.findall(r"wrote '(.*)'", ended.stdout)) == "one two three"
    else:
        assert ended.stdout == ""


def test_the_keys_of_the_program_are_not_told_otherwise():
    """What the guide says of keys stands in the program too."""
    window = (Path(__file__).parents[2] / "api_models" / "desktop" / "tk_window.py").read_text(
        encoding="utf-8"
    )
    for letter in re.findall(r"Ctrl\+(\w)", TEXT):
        assert f'Key("Mod-{letter.lower()}"' in window
