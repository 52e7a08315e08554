"""The guide to structured answers runs as it is printed, and knows what there is."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

import pytest
from guides import check_snippet

import api_models.structured
from api_models.clients.answer_schema import SchemaMode

TEXT = (Path(__file__).parents[1] / "docs" / "structured.md").read_text(encoding="utf-8")
# A snippet, and what it prints, if that does not stand behind its `print`.
SNIPPETS = re.findall(r"^```python\n(.*?)^```\n(?:\n```\n(.*?)^```\n)?", TEXT, re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize(("snippet", "printed"), SNIPPETS, ids=range(len(SNIPPETS)))
def test_a_snippet_runs_and_prints_what_it_says(snippet, printed):
    check_snippet(snippet, printed)


def test_every_snippet_is_found():
    assert len(SNIPPETS) == TEXT.count("```python") == 5


def test_the_guide_knows_every_mode():
    assert all(f"| `{mode}` |" in TEXT for mode in get_args(SchemaMode))


def test_the_guide_knows_every_part_of_a_partial():
    fields = api_models.structured.Partial.__dataclass_fields__
    assert all(f"`{name}`" in TEXT for name in fields)
