"""The guide to several models runs as it is printed, and knows all modes."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree

import pytest
from guides import check_snippet

import api_models.dual_track

DOCS = Path(__file__).parents[1] / "docs"
TEXT = (DOCS / "dual-track.md").read_text(encoding="utf-8")
SNIPPETS = re.findall(r"^```python\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)
# What a snippet prints besides what stands behind its `print`s.
PRINTED = {
    "class Page": "draft had said 'Because.', cloud takes over\nBlue light scatters. More than red.\n",
    "side_by_side(": (
        "5 0.75\none                     | two\n----------------------- | -----------------------\n"
        "Red, green and blue.    | Red, yellow and blue.\n"
    ),
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
    assert {name for name in api_models.dual_track.__all__ if name not in TEXT} <= {
        "Comparison",
        "Mode",
        "TrackFigures",
        "by_track",
        "config_of_track",
        "prompts_of",
    }


def test_the_picture_is_there():
    picture = re.search(r"!\[.*\]\((.*)\)", TEXT)[1]
    assert ElementTree.parse(DOCS / picture).getroot().tag.endswith("svg")
