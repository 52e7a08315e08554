"""Plots and tables of docs/performance.md, from the figures that the benchmarks left in a folder.

    python -m benchmarks.report FOLDER [--docs docs]

Writes docs/images/performance/*.svg and replaces what stands between the markers of
docs/performance.md; the rest of the page is kept. A folder may hold the figures of some programs only.
"""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from .__main__ import NAMES
from .measure import Bar, Chart, Findings, Goal
from .svg import drawn

_DOCS = Path(__file__).parents[1] / "docs"
_BEGIN, _END = "<!-- figures -->", "<!-- /figures -->"


def read(folder: Path) -> list[tuple[Findings, dict[str, Any]]]:
    """What each program found, in the order in which they run, and what it kept besides."""
    found = []
    for name in NAMES:
        path = folder / f"{name}.json"
        if path.exists():
            kept = json.loads(path.read_text(encoding="utf-8"))
            charts = [
                Chart(**{**each, "bars": [Bar(**bar) for bar in each["bars"]]}) for each in kept["charts"]
            ]
            goals = [Goal(**each) for each in kept["goals"]]
            found.append((Findings(kept["name"], kept["title"], charts, goals, kept["notes"]), kept))
    if not found:
        raise SystemExit(f"no figures in {folder}")
    return found


def machine_of(kept: dict[str, Any]) -> list[str]:
    machine = kept["machine"]
    return [
        f"{machine['date']}, {machine['python']}, {machine['system']}, {machine['cores']}, "
        f"load {machine['load']}.",
        f"{machine['versions']}.",
    ]


def goal_table(goals: Sequence[Goal]) -> list[str]:
    lines = ["| measure | ours | against | figure | must | aim | |", "|---|---:|---:|---:|---:|---:|---|"]
    for goal in goals:
        cells = [goal.measure, goal.ours, goal.against]
        cells += [goal.shown(value) for value in (goal.value, goal.must, goal.aim)]
        verdict = f"**{goal.verdict}**" if goal.verdict == "misses" else goal.verdict
        lines.append("| " + " | ".join([*cells, verdict]) + " |")
    return lines


def bar_table(chart: Chart) -> list[str]:
    lines = [f"| {chart.title} | {chart.unit} | least to greatest |", "|---|---:|---:|"]
    lines += [f"| {bar.name} | {bar.median:,.3g} | {bar.low:,.3g} to {bar.high:,.3g} |" for bar in chart.bars]
    return [line.replace("e+03", "e3") for line in lines]


def file_name(findings: Findings, chart: Chart) -> str:
    words = re.findall(r"[a-z0-9]+", chart.title.lower())
    return f"{findings.name}-{'-'.join(words)}.svg"


def section(findings: Findings, kept: dict[str, Any], images: Path) -> list[str]:
    given = " ".join(f"{name}={value}" for name, value in kept["parameters"].items() if value is not None)
    lines = ["", f"### {findings.title}", "", f"`benchmarks/{findings.name}.py` ({given})", ""]
    for chart in findings.charts:
        name = file_name(findings, chart)
        (images / name).write_text(drawn(chart), encoding="utf-8")
        lines += [f"![{chart.title}]({images.parent.name}/{images.name}/{name})", ""]
    lines += ["<details><summary>The figures</summary>", ""]
    for chart in findings.charts:
        lines += [*bar_table(chart), ""]
    return [*lines, "</details>", *(["", *findings.notes] if findings.notes else [])]


def written(found: Sequence[tuple[Findings, dict[str, Any]]], images: Path) -> str:
    images.mkdir(parents=True, exist_ok=True)
    for old in images.glob("*.svg"):
        old.unlink()
    goals = [goal for findings, _ in found if findings.name != "targets" for goal in findings.goals]
    lines = ["", *machine_of(found[0][1]), "", "## Goals", "", *goal_table(goals), ""]
    for findings, _ in found:
        if findings.name == "targets":
            lines += [f"## {findings.title}", "", *goal_table(findings.goals), ""]
    lines.append("## Figures")
    for findings, kept in found:
        if findings.charts:
            lines += section(findings, kept, images)
    return "\n".join([*lines, ""])


def main(arguments: Sequence[str] | None = None) -> None:
    options = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    options.add_argument("folder", type=Path)
    options.add_argument("--docs", type=Path, default=_DOCS)
    given = options.parse_args(arguments)
    page = given.docs / "performance.md"
    before, begin, rest = page.read_text(encoding="utf-8").partition(_BEGIN)
    _, end, behind = rest.partition(_END)
    if not begin or not end:
        raise SystemExit(f"{page} has no {_BEGIN} ... {_END}")
    figures = written(read(given.folder), given.docs / "images" / "performance")
    page.write_text(f"{before}{_BEGIN}\n{figures}{_END}{behind}", encoding="utf-8")
    print(f"{page} and its plots are written")


if __name__ == "__main__":
    main()
