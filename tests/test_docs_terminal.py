"""The guide to the terminal runs as it is printed, and knows all keys and commands."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from api_models.handlers.markdown_cut import LONGEST_TAIL
from api_models.terminal import chat

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "docs" / "terminal.md").read_text(encoding="utf-8")
SNIPPETS = re.findall(r"^```python\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)
PRINTED = ["# Bees\n\nA **bee** is an insect.\n", "Plain text, as it comes.\n", "Stop me with q.\n"]


@pytest.mark.parametrize("number", range(len(SNIPPETS)))
def test_a_snippet_runs_and_prints_what_is_in_it(number):
    """Into a pipe, where the text is what it is."""
    if "RichHandler" in SNIPPETS[number]:
        pytest.importorskip("rich", reason="rich is not installed: its snippet does not run")
    ended = subprocess.run(
        [sys.executable, "-W", "error", "-c", SNIPPETS[number]],
        capture_output=True,
        encoding="utf-8",
        timeout=50,
        check=False,
    )
    assert (ended.returncode, ended.stderr, ended.stdout) == (0, "", PRINTED[number])


def test_the_guide_knows_every_command():
    """As does `/help`."""
    named = set(re.findall(r"^\| `/(\w+)", TEXT, re.MULTILINE))
    assert named == {*chat._COMMANDS, "quit"}
    assert named == set(re.findall(r"^/(\w+)", "\n".join(chat._HELP), re.MULTILINE))


def test_the_longest_block_is_the_one_of_the_guide():
    assert f"longer than {LONGEST_TAIL:,} characters" in TEXT


def test_the_pictures_are_there():
    """And show text that can be found and read aloud."""
    for name in re.findall(r"\((images/terminal/\w+\.svg)\)", TEXT):
        assert "<text" in (ROOT / "docs" / name).read_text(encoding="utf-8")
