"""How figures are taken, judged, shown and kept.

Rounds are interleaved (A B C A B C ...), the first one warms up and is not counted, ratios are taken
round by round, and medians are told with the least and the greatest.
"""

from __future__ import annotations

import argparse
import gc
import importlib.metadata
import json
import os
import platform
import statistics
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import date
from pathlib import Path
from typing import TypeVar

_K = TypeVar("_K", bound=Hashable)
_T = TypeVar("_T")
_NAMED = (
    "orjson",
    "jiter",
    "anthropic",
    "openai",
    "requests",
    "sseclient-py",
    "langchain-anthropic",
    "langchain-openai",
)


def interleaved(
    rounds: int, works: Mapping[_K, Callable[[], _T]], warm_up: bool = True
) -> dict[_K, list[_T]]:
    """What each of the works returns in each round, by name; one round more comes first, to warm up.

    Works that are processes of their own need none; who asks for a single round gets it cold.
    """
    skipped = 1 if warm_up and rounds > 1 else 0
    found: dict[_K, list[_T]] = {name: [] for name in works}
    for number in range(rounds + skipped):
        for name, work in works.items():
            gc.collect()
            figure = work()
            if number >= skipped:
                found[name].append(figure)
    return found


def ratio(of: Sequence[float], to: Sequence[float]) -> float:
    return statistics.median(one / other for one, other in zip(of, to, strict=True))


def quantile(values: Sequence[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


@dataclass(frozen=True)
class Bar:
    """One figure of one client: the median, the least and the greatest of the rounds."""

    name: str
    kind: str
    median: float
    low: float
    high: float

    @classmethod
    def of(cls, name: str, kind: str, values: Sequence[float]) -> Bar:
        return cls(name, kind, statistics.median(values), min(values), max(values))


@dataclass(frozen=True)
class Chart:
    """Bars that may be compared with one another; the less, the better."""

    title: str
    unit: str
    bars: list[Bar]
    logarithmic: bool = False


@dataclass(frozen=True)
class Goal:
    """A measure, what it came to, and what it may be at most (`at_least`: at the least)."""

    measure: str
    value: float
    unit: str
    must: float | None = None
    aim: float | None = None
    ours: str = ""
    against: str = ""
    at_least: bool = False

    def holds(self, limit: float | None) -> bool | None:
        if limit is None:
            return None
        return self.value >= limit if self.at_least else self.value <= limit

    @property
    def verdict(self) -> str:
        if self.must is None and self.aim is None:
            return ""
        if self.holds(self.must) is False:
            return "misses"
        if self.holds(self.aim):
            return "reaches the aim"
        return "misses the aim" if self.must is None else "holds"

    def shown(self, value: float | None) -> str:
        """A value of this measure; a ratio far below one is told as a fraction, as goals are."""
        if value is None:
            return "-"
        if self.unit == "x" and 0 < value < 0.5:
            return f"1/{1 / value:.3g}"
        number = f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
        return number if self.unit == "" else f"{number} {self.unit}"


@dataclass
class Findings:
    """What one program found."""

    name: str
    title: str
    charts: list[Chart] = field(default_factory=list)
    goals: list[Goal] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def show(self) -> None:
        for chart in self.charts:
            print(f"\n{chart.title} ({chart.unit}: median, least to greatest)")
            for bar in chart.bars:
                print(f"  {bar.name:<34} {bar.median:>10,.2f}   ({bar.low:,.2f} to {bar.high:,.2f})")
        if self.goals:
            print(
                f"\n  {'measure':<66}{'ours':>11}{'against':>11}{'figure':>10}{'must':>9}{'aim':>9}  verdict"
            )
        for goal in self.goals:
            figures = [goal.shown(value) for value in (goal.value, goal.must, goal.aim)]
            print(
                f"  {goal.measure:<66}{goal.ours:>11}{goal.against:>11}"
                f"{figures[0]:>10}{figures[1]:>9}{figures[2]:>9}  {goal.verdict}"
            )
        for note in self.notes:
            print(f"  {note}")

    def write(self, folder: Path | None, parameters: Mapping[str, object]) -> None:
        self.show()
        if folder is None:
            return
        folder.mkdir(parents=True, exist_ok=True)
        given = {name: value for name, value in parameters.items() if name != "json"}
        kept = {**asdict(self), "parameters": given, "machine": machine()}
        (folder / f"{self.name}.json").write_text(json.dumps(kept, indent=1), encoding="utf-8")


def parser(description: str | None, rounds: int = 7) -> argparse.ArgumentParser:
    """What every program takes: how many rounds, and where its figures go."""
    made = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    made.add_argument("--rounds", type=int, default=rounds, help="counted rounds (default %(default)s)")
    made.add_argument("--json", type=Path, help="folder to write the figures into")
    return made


def machine() -> dict[str, str]:
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    model = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")
    versions = {}
    for name in _NAMED:
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            versions[name] = "not installed"
    return {
        "date": date.today().isoformat(),
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "system": f"{platform.system()} {platform.release().partition('-')[0]}",
        "cores": f"{len(os.sched_getaffinity(0))} x {model or platform.machine()}",
        "load": f"{os.getloadavg()[0]:.1f}",
        "versions": ", ".join(f"{name} {version}" for name, version in versions.items()),
    }
