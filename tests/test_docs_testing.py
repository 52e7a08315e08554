"""The guide to the misbehaving provider runs as it is printed, and leaves nothing out."""

from __future__ import annotations

import dataclasses
import re
import subprocess
import sys
from pathlib import Path

import pytest

from api_models import testing

TEXT = (Path(__file__).parents[1] / "docs" / "testing.md").read_text(encoding="utf-8")
SNIPPETS = re.findall(r"^```python\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("number", range(len(SNIPPETS)))
def test_a_snippet_runs_as_it_is_printed(number, tmp_path):
    """In a program of its own, warnings being errors; a test of the guide passes under pytest."""
    program = tmp_path / "test_snippet.py"
    program.write_text(SNIPPETS[number], encoding="utf-8")
    is_test = "def test_" in SNIPPETS[number]
    runner = ["-m", "pytest", "-q", "-p", "no:cacheprovider"] if is_test else []
    ended = subprocess.run(
        [sys.executable, "-W", "error::ResourceWarning", *runner, str(program)],
        capture_output=True, text=True, timeout=60, check=False, cwd=tmp_path,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert ended.stderr == ""
    assert not is_test or "1 passed" in ended.stdout


def test_the_snippets_were_found():
    assert len(SNIPPETS) == 5
    assert sum("def test_" in snippet for snippet in SNIPPETS) == 1


def test_the_guide_names_all_that_there_is():
    """Every public name, and every way in which a reply can be wrong."""
    fields = {field.name for field in dataclasses.fields(testing.Reply)} - {"events"}
    missing = [name for name in [*testing.__all__, *fields] if not re.search(rf"\b{name}\b", TEXT)]
    assert not missing


def test_what_the_first_snippet_prints_is_the_text_before_the_cut(tmp_path):
    ended = subprocess.run(
        [sys.executable, "-c", SNIPPETS[0]], capture_output=True, text=True, timeout=60, check=True
    )
    assert ended.stdout.splitlines()[0] == "broke off behind Hel"
