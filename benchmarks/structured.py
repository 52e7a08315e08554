"""What following an answer that is an object costs, a delta, beside instructor's partial models.

    python -m benchmarks.structured [--rounds 5] [--sizes 2000,20000]

The same recorded deltas, four characters each, are given to both: ours to a whole `StructuredStream`, with
its thread, its events and its validation; to instructor's `Partial[Model].model_from_chunks`, which is what
`create_partial` makes of a response's texts. Read is all that either hands out. CPU is that of all threads.
Then the same answer comes over HTTP, recorded as a chat stream and served by another process: to
`manager.generate_structured` and to `create_partial` of an OpenAI client.
Where instructor is not installed, ours is measured alone; its version may want other ones than ours, so it is
best installed into an environment of its own, with `api_models` beside it.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import BaseModel

from api_models import StructuredStream
from api_models.streaming.stream_source import IterableSource
from api_models.testing import Provider, Reply, chat

from .clients import manager_for
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


@contextlib.contextmanager
def served(size: int) -> Iterator[str]:
    """The address of a server of the same deltas, in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.structured", "--serve", str(size)]
    root = Path(__file__).parents[1]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=root
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        yield process.stdout.readline().strip()
        process.stdin.close()


def serve(size: int) -> None:
    with Provider(Reply(chat(recorded(size)))) as provider:
        print(provider.url, flush=True)
        sys.stdin.read()


def asked_of_ours(url: str) -> Follow:
    manager = manager_for(url, "lab", kind="openai_compatible")

    def follow(_: Sequence[str]) -> Iterable[Any]:
        stream = manager.generate_structured("Report!", Report, "lab:m")
        yield from stream
        assert stream.result().entries

    return follow


def asked_of_instructor(url: str) -> Follow:
    import instructor
    import openai

    client = instructor.from_openai(
        openai.OpenAI(base_url=f"{url}/v1", api_key="k"), mode=instructor.Mode.JSON
    )
    ask = client.chat.completions.create_partial
    messages: Any = [{"role": "user", "content": "Report!"}]
    return lambda _: ask(model="m", response_model=Report, messages=messages)


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


def over_http(findings: Findings, size: int, deltas: Sequence[str], rounds: int, with_peer: bool) -> None:
    with served(size) as url:
        makers = {"ours": asked_of_ours, **({"instructor": asked_of_instructor} if with_peer else {})}
        follows = {name: partial(cost, make(url), deltas) for name, make in makers.items()}
        found = interleaved(rounds, follows)
    findings.notes += [note_of(size, f"{name}, over HTTP", costs) for name, costs in found.items()]
    bars = [Bar.of(name, "", microseconds(costs, deltas)) for name, costs in found.items()]
    findings.charts.append(Chart(f"CPU a delta over HTTP, {size // 1000} KB", "us", bars, logarithmic=True))
    if with_peer:
        mine, theirs = microseconds(found["ours"], deltas), microseconds(found["instructor"], deltas)
        shown = [f"{statistics.median(each):.1f} us" for each in (mine, theirs)]
        measure = f"a delta of an object of {size // 1000} KB over HTTP x instructor's create_partial"
        findings.goals.append(Goal(measure, ratio(mine, theirs), "x", 1.0, 0.25, *shown))


def main(arguments: Sequence[str] | None = None) -> None:
    options = parser(__doc__, rounds=5)
    options.add_argument("--sizes", default="2000,20000", help="characters of the answers")
    options.add_argument("--serve", type=int, help=argparse.SUPPRESS)
    given = options.parse_args(arguments)
    if given.serve:
        serve(given.serve)
        return
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
        over_http(findings, size, deltas, given.rounds, "instructor" in follows)
    findings.goals.append(growth_goal(mine))
    findings.charts.append(Chart("CPU a delta of an object that grows", "us", bars, logarithmic=True))
    findings.write(given.json, vars(given))


if __name__ == "__main__":
    main()
