"""The guides to progress and to batches run as they are printed."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import pytest
from guides import check_snippet

from api_models import ProgressEvent, ProgressType, StructuredBatch

DOCS = Path(__file__).parents[1] / "docs"
TEXT, BATCH = [(DOCS / name).read_text(encoding="utf-8") for name in ("progress.md", "batch.md")]
# A snippet, and what it prints, if that does not stand behind its `print`.
SNIPPETS = re.findall(
    r"^```python\n(.*?)^```\n(?:\n```\n(.*?)^```\n)?", TEXT + BATCH, re.MULTILINE | re.DOTALL
)


@pytest.mark.parametrize(("snippet", "printed"), SNIPPETS, ids=range(len(SNIPPETS)))
def test_a_snippet_runs_and_prints_what_it_says(snippet, printed):
    check_snippet(snippet, printed)


def test_the_guide_knows_all_fields_and_types():
    assert {name for name in ProgressEvent.__slots__ if f"`{name}`" not in TEXT} == set()
    assert {kind for kind in ProgressType if f"`{kind}`" not in TEXT} == set()


def test_the_guide_to_batches_knows_all_settings():
    settings = inspect.signature(StructuredBatch).parameters.values()
    named = {each.name for each in settings if each.kind is each.KEYWORD_ONLY}
    assert len(named) == 5
    assert {name for name in named if f"`{name}=" not in BATCH} == set()
