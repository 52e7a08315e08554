"""The benchmarks run: each with tiny parameters, its figures written, plotted and put on the page."""

from __future__ import annotations

import importlib
import json
from pathlib import Path

import pytest

from benchmarks import report
from benchmarks.__main__ import NAMES
from benchmarks.measure import Bar, Chart, Goal
from benchmarks.svg import drawn

TINY = {
    "throughput": "--rounds 1 --events 50",
    "live": "--rounds 1 --tokens 20 --rate 1000",
    "first_token": "--rounds 1 --requests 1 --delay 0.001",
    "handlers": "--rounds 1 --tokens 100",
    "switches": "--rounds 1 --tokens 100",
    "tools": "--rounds 1 --long 4000 --short 1000",
    "memory": "--rounds 1 --tokens 1000",
    "control": "--rounds 1 --times 1",
    "cold": "--rounds 1 --no-sdks",
    "concurrency": "--rounds 1 --window 0.1 --loads 4x20",
    "targets": "--rounds 1 --tokens 100",
    "cancel": "--rounds 1 --no-peers",
    "stages": "--tokens 200 --repeats 1",
    "policies": "--tokens 200 --repeats 1",
    "tracks": "--tracks 2 --seconds 1 --rate 100 --rounds 1",
    "structured": "--rounds 1 --sizes 500,1000",
    "terminal": "--rounds 1 --seconds 0.2 --tokens 100",
}
WITHOUT_FIGURES = {"cancel", "stages", "policies", "tracks"}


# By tests/test_docs_reliability.py, which needs its figures, and by tests/desktop, which has a display.
TESTED_ELSEWHERE = {"faults", "gui"}


@pytest.mark.parametrize("name", [name for name in NAMES if name not in TESTED_ELSEWHERE])
def test_a_benchmark_runs_and_leaves_its_figures(name, tmp_path):
    """With one short round each program gets to its end and writes what `report` reads."""
    module = importlib.import_module(f"benchmarks.{name}")
    module.main([*TINY[name].split(), "--json", str(tmp_path)])
    if name not in WITHOUT_FIGURES:
        kept = json.loads((tmp_path / f"{name}.json").read_text(encoding="utf-8"))
        assert kept["goals"]
        assert report.read(tmp_path)[0][0].goals


def test_the_report_replaces_the_figures_and_keeps_the_rest_of_the_page(tmp_path):
    """What stands between the markers is new, with a plot for each chart; the prose is as it was."""
    page = tmp_path / "docs" / "performance.md"
    page.parent.mkdir()
    page.write_text("before\n<!-- figures -->\nold\n<!-- /figures -->\nbehind\n", encoding="utf-8")
    importlib.import_module("benchmarks.handlers").main(
        ["--rounds", "1", "--tokens", "100", "--json", str(tmp_path)]
    )
    report.main([str(tmp_path), "--docs", str(page.parent)])
    text = page.read_text(encoding="utf-8")
    assert text.startswith("before\n")
    assert text.endswith("behind\n")
    assert "old" not in text
    assert "5 handlers, ours x plain loop" in text
    assert len(list(Path(page.parent / "images" / "performance").glob("handlers-*.svg"))) == 3


@pytest.mark.parametrize(
    ("value", "must", "aim", "verdict"),
    [
        (3.0, 2.0, 1.0, "misses"),
        (1.5, 2.0, 1.0, "holds"),
        (1.0, 2.0, 1.0, "reaches the aim"),
        (3.0, None, 1.0, "misses the aim"),
        (3.0, None, None, ""),
    ],
)
def test_a_goal_is_judged_by_must_and_aim(value, must, aim, verdict):
    """A figure above what it must be misses, whatever else it does."""
    assert Goal("a measure", value, "x", must, aim).verdict == verdict


def test_a_longer_bar_is_a_greater_figure_on_both_scales():
    """The bars of a plot are in the order of their medians, and all of it fits."""
    for logarithmic in (False, True):
        bars = [Bar("a < b", "ours", 1.0, 0.5, 2.0), Bar("other", "peer", 100.0, 90.0, 110.0)]
        picture = drawn(Chart("title", "us", bars, logarithmic))
        widths = [float(part.split('"')[0]) for part in picture.split(' width="')[1:]]
        assert 0 < widths[0] < widths[1] < 400
        assert "a &lt; b" in picture
