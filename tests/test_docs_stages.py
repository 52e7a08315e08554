"""The guide to stages runs as it is printed, and knows all of them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from guides import check_snippet

import api_models.stages

TEXT = (Path(__file__).parents[1] / "docs" / "stages.md").read_text(encoding="utf-8")
SNIPPETS = re.findall(r"^```python\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)
# What a snippet prints, where that does not stand behind its `print`.
PRINTED = {
    "the line is dead": (
        "['half a ', 'all of it'] {'broken': 'failed', 'whole': 'ended'}\nOSError('the line is dead')\n"
    ),
    '"draft"': "draft: A \ndraft: bee.\nfinal: A bee \nfinal: is an insect.\n",
}


def printed(snippet):
    for mark, text in PRINTED.items():
        if mark in snippet:
            return text
    return ""  # it stands behind its `print`s


@pytest.mark.parametrize("snippet", SNIPPETS, ids=range(len(SNIPPETS)))
def test_a_snippet_runs_and_prints_what_it_says(snippet):
    check_snippet(snippet, printed(snippet))


def test_the_guide_knows_them_all():
    assert {name for name in api_models.stages.__all__ if f"`{name}" not in TEXT and name[0].islower()} <= {
        "compose"
    }
    assert "`compose(...)`" in TEXT
