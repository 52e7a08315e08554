"""What the documents say of the code is what the code says."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_the_state_diagram_is_that_of_the_table():
    """`docs/control.md` shows the diagram that `docs/state_diagram.py` makes of the table."""
    spec = importlib.util.spec_from_file_location("state_diagram", ROOT / "docs" / "state_diagram.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert f"```\n{module.diagram()}\n```" in (ROOT / "docs" / "control.md").read_text(encoding="utf-8")


def test_the_walk_of_a_token_names_functions_that_exist():
    """Every function that `docs/architecture.md` names on the walk is defined where it says."""
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    walk = text.split("## The walk of one token")[1].split("\n## ")[0]
    steps = re.findall(r"^\d\. .*?(?=^\d\. |\Z)", walk, re.MULTILINE | re.DOTALL)
    assert 0 < len(steps) <= 8
    for step in steps:
        for name, place in re.findall(r"`(?:\w+\.)?(\w+)` \(`([\w/]+\.py)`\)", step):
            source = (ROOT / "api_models" / place).read_text(encoding="utf-8")
            assert re.search(rf"(def|class) {name}\b", source), (name, place)


def test_the_settings_in_the_control_guide_exist():
    """Each clock of the guide is a setting of `StreamConfig`."""
    from api_models import StreamConfig

    text = (ROOT / "docs" / "control.md").read_text(encoding="utf-8")
    named = re.findall(r"^\| `(\w+(?:_timeout|_after))` \|", text, re.MULTILINE)
    assert len(named) == 6
    assert all(hasattr(StreamConfig(), name) for name in named)


def test_no_document_points_at_a_file_that_is_not_there():
    """Links between the documents lead somewhere."""
    for path in [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")]:
        for target in re.findall(r"\]\((?!https?:)([^)#]+)\)", path.read_text(encoding="utf-8")):
            assert (path.parent / target).exists(), (path.name, target)
