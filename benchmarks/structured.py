"""What following an answer that is an object costs, a delta, beside instructor's partial models.

    python -m benchmarks.structured [--rounds 5] [--sizes 2000,20000]

The same recorded deltas, four characters each, are given to both: ours to a whole `StructuredStream`, with
its thread, its events and its validation; to instructor's `Partial[Model].model_from_chunks`, which is what
`create_partial` makes of a response's texts. Read is all that either hands out. CPU is that of all threads.
Where instructor is not installed, ours is measured alone; its version may want other ones than ours, so it is
best installed into an environment of its own, with `api_models` beside it.
"""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

from pydantic import BaseModel

from api_models import StructuredStream
from api_models.streaming.stream_source import IterableSource

from .measure import Bar, Chart, Findings, Goal, interleaved, parser, ratio
from .peers import is_installed

PIECE = 4


class Entry(BaseModel):
    name: str
    amount: float
    words: list[str]
    note: str | None


class Report(BaseModel):
    title: str
    entries: list[Entry]


class Cost(NamedTuple):
    """Of one answer, followed to its end."""

    cpu: float
    seconds: float
    partials: int


Follow = Callable[[Sequence[str]], Iterable[Any]]


def recorded(size: int) -> list[str]:
    """The deltas of a report of about so many characters."""
    entries: list[dict[str, Any]] = []
    document = ""
    while len(document) < size:
        number = len(entries)
        words = [f"word {number}", 'with "quotes"', "\u00fcber"]
        entries.append({"name": f"entry {number}", "amount": number / 7, "words": words, "note": None})
        document = json.dumps({"title": "All of it", "entries": entries}, ensure_ascii=False)
    return [document[at : at + PIECE] for at in range(0, len(document), PIECE)]


def ours(deltas: Sequence[str]) -> Iterable[Any]:
    stream = StructuredStream(lambda *asked: IterableSource(iter(deltas)), "", Report)
    stream.start()
    yield from stream
    assert stream.result().entries


def instructor_partials(deltas: Sequence[str]) -> Iterable[Any]:
    from instructor.dsl.partial import Partial

    return Partial[Report].model_from_chunks(deltas)


def cost(follow: Follow, deltas: Sequence[str]) -> Cost:
    begun, cpu = time.perf_counter(), time.process_time()
    count = sum(1 for _ in follow(deltas))
    return Cost(time.process_time() - cpu, time.perf_counter() - begun, count)


def microseconds(costs: Sequence[Cost], deltas: Sequence[str]) -> list[float]:
    return [each.cpu / len(deltas) * 1e6 for each in costs]


def goal_of(size: int, found: Mapping[str, Sequence[Cost]], deltas: Sequence[str]) -> Goal | None:
    if "instructor" not in found:
        return None
    mine, theirs = microseconds(found["ours"], deltas), microseconds(found["instructor"], deltas)
    shown = [f"{statistics.median(each):.1f} us" for each in (mine, theirs)]
    measure = f"a delta of an object of {size // 1000} KB x instructor's partial models"
    return Goal(measure, ratio(mine, theirs), "x", 1.0, 0.25, *shown)


def growth_goal(mine: Mapping[int, Sequence[float]]) -> Goal:
    """That following an answer does not grow with the square of its length."""
    short, long = min(mine), max(mine)
    shown = [f"{statistics.median(mine[size]):.1f} us" for size in (long, short)]
    measure = f"a delta of an object, ours, {long // 1000} KB x {short // 1000} KB"
    return Goal(measure, ratio(mine[long], mine[short]), "x", 2.0, 1.1, *shown)


def note_of(size: int, name: str, costs: Sequence[Cost]) -> str:
    rate = statistics.median(each.partials / each.seconds for each in costs)
    return f"{name}, {size // 1000} KB: {costs[0].partials:,} partials, {rate:,.0f} a second"


def main(arguments: Sequence[str] | None = None) -> None:
    options = parser(__doc__, rounds=5)
    options.add_argument("--sizes", default="2000,20000", help="characters of the answers")
    given = options.parse_args(arguments)
    follows: dict[str, Follow] = {"ours": ours}
    if is_installed("instructor", "instructor"):
        follows["instructor"] = instructor_partials
    findings = Findings("structured", "Objects that grow")
    bars, mine = [], {}
    for size in map(int, given.sizes.split(",")):
        deltas = recorded(size)
        found = interleaved(
            given.rounds, {name: partial(cost, each, deltas) for name, each in follows.items()}
        )
        mine[size] = microseconds(found["ours"], deltas)
        for name, costs in found.items():
            kind = "ours" if name == "ours" else "peer"
            bars.append(Bar.of(f"{name}, {size // 1000} KB", kind, microseconds(costs, deltas)))
            findings.notes.append(note_of(size, name, costs))
        if (goal := goal_of(size, found, deltas)) is not None:
            findings.goals.append(goal)
    findings.goals.append(growth_goal(mine))
    findings.charts.append(Chart("CPU a delta of an object that grows", "us", bars, logarithmic=True))
    findings.write(given.json, vars(given))


if __name__ == "__main__":
    main()
