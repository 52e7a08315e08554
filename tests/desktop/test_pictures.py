"""The pictures of the guide: they can be taken, they are there, and they are small."""

from __future__ import annotations

import re
from pathlib import Path

import pictures

from api_models.testing import Provider

GUIDE = Path(__file__).parents[2] / "docs" / "gui.md"
LARGEST = 100_000  # bytes


def test_a_picture_is_taken_of_the_program(screen, tmp_path):
    with Provider(pictures.reply) as lab:
        path = pictures.configuration(tmp_path, {"lab": lab})
        program = pictures.asked(screen, path, "dark", size=(640, 480))
        program.wait_for("Done")
        pictures.save(screen, tmp_path / "it.png", (640, 480))
        colours = {row[at : at + 3] for row in screen.rows(640, 480) for at in range(0, 640 * 3, 3)}
        program.close()
    assert (tmp_path / "it.png").read_bytes().startswith(b"\x89PNG")
    assert len(colours) > 20


def test_every_picture_of_the_guide_is_there_and_small():
    shown = re.findall(r"!\[[^\]]+\]\((images/gui/[^)]+)\)", GUIDE.read_text(encoding="utf-8"))
    there = {f"images/gui/{path.name}" for path in (GUIDE.parent / "images" / "gui").iterdir()}
    assert set(shown) == there
    assert all((GUIDE.parent / name).stat().st_size < LARGEST for name in shown)
