"""What becomes of an answer that goes wrong: each fault by each client, ours and the peers installed.

    python -m benchmarks.faults [--only NAME] [--save FILE] [--with FILE ...] [--markdown docs/reliability.md]

Peers that do not fit into one environment are measured in several: `--save` keeps what was measured,
`--with` adds it to another run. `--markdown` puts the tables between the marks in a document. Bad is
an answer that is not whole, or not only itself, and ended as if it were; a tool call handed over with
arguments that were cut; and what goes on for longer than the cap.
"""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from pathlib import Path

from api_models.testing import Provider, Reply

from .fault_list import FAULTS, WIRES, Fault
from .peers import CLIENTS, Client, Heard, Setup, installed

CAP = 5.0
PATIENCE = 60.0  # for what has retries to wait for and must end by itself
MARKS = ("<!-- benchmarks.faults: from here -->", "<!-- benchmarks.faults: to here -->")

Table = dict[str, dict[str, dict[str, str]]]
"""Wire -> client -> fault -> what came of it."""


@dataclass(frozen=True)
class Outcome:
    heard: Heard
    error: BaseException | None
    hung: bool
    requests: int
    waited: float | None
    """Seconds between the first two requests."""


def measure(client: Client, fault: Fault) -> Outcome:
    wire, heard = WIRES[client.wire], Heard()
    scripted, well = fault.reply(wire), Reply(wire.events)
    # A client that hangs is let go by the provider's end, as this block is left.
    with ThreadPoolExecutor(1) as pool, Provider(well if fault.passes else scripted) as provider:
        provider.plan = [scripted]
        asking = pool.submit(client.ask, Setup(provider.url, fault.timeout, fault.recovers), heard)
        hung = not wait([asking], CAP if fault.timeout else PATIENCE).done
        heard = replace(heard)
        times = [request.received_at for request in provider.requests]
    error = None if hung else asking.exception()
    return Outcome(heard, error, hung, len(times), times[1] - times[0] if times[1:] else None)


def is_bad(fault: Fault, outcome: Outcome) -> bool:
    heard = outcome.heard
    is_cut = outcome.error is None and heard.text != fault.text
    is_other = not fault.text.startswith(heard.text)
    return outcome.hung or is_cut or is_other or heard.call is not None


def cell(fault: Fault, outcome: Outcome) -> str:
    """The outcome in a few words, in bold if it is bad."""
    parts = [ending(outcome), text_in_hand(fault, outcome)]
    if outcome.heard.call is not None:
        parts.append(f"a call with `{json.dumps(outcome.heard.call)}`")
    if outcome.requests > 1:
        parts.append(f"{outcome.requests} requests")
    if fault.shows_wait and outcome.waited is not None:
        parts.append(f"{outcome.waited:.0f} s apart")
    words = ", ".join(filter(None, parts))
    return f"**{words}**" if is_bad(fault, outcome) else words


def ending(outcome: Outcome) -> str:
    if outcome.hung:
        return f"> {CAP:.0f} s"
    if outcome.error is not None:
        return f"`{type(outcome.error).__name__}`"
    return f"ends, `{outcome.heard.reason}`" if outcome.heard.reason else "ends, no reason"


def text_in_hand(fault: Fault, outcome: Outcome) -> str:
    text = outcome.heard.text
    if text == fault.text:
        return "whole" if text else ""
    if not fault.text.startswith(text):
        return "text twice" if text.count(fault.text[:8]) > 1 else "more than the whole"
    carried = outcome.error is not None and any(text in str(said) for said in vars(outcome.error).values())
    return ("part in the error" if carried else "part") if text else "nothing"


def measured(clients: list[Client]) -> Table:
    table: Table = {wire: {} for wire in WIRES}
    for client in clients:
        print(f"\n{client.title()} ({client.wire})")
        cells = table[client.wire][client.title()] = {}
        for fault in FAULTS:
            cells[fault.name] = cell(fault, measure(client, fault))
            print(f"    {fault.name:<44}{cells[fault.name]}", flush=True)
    return table


def markdown(table: Table) -> str:
    return "\n\n".join(lines_of(wire, columns) for wire, columns in table.items())


def lines_of(wire: str, columns: dict[str, dict[str, str]]) -> str:
    rows = [[wire, *columns], ["---"] * (1 + len(columns))]
    rows += [[fault.name, *(cells[fault.name] for cells in columns.values())] for fault in FAULTS]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def put_between_marks(path: Path, tables: str) -> None:
    begin, end = MARKS
    text = path.read_text(encoding="utf-8")
    pattern = f"{re.escape(begin)}.*{re.escape(end)}"
    new = re.sub(pattern, lambda _: f"{begin}\n\n{tables}\n\n{end}", text, count=1, flags=re.DOTALL)
    path.write_text(new, encoding="utf-8")


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="", metavar="NAME", help="clients whose name begins so")
    parser.add_argument("--save", type=Path, metavar="FILE")
    parser.add_argument("--with", type=Path, metavar="FILE", action="append", default=[], dest="others")
    parser.add_argument("--markdown", type=Path, metavar="DOCUMENT")
    options, _ = parser.parse_known_args(arguments)
    wanted = [client for client in CLIENTS if client.name.startswith(options.only)]
    table = measured(installed(wanted))
    for path in options.others:
        for wire, columns in json.loads(path.read_text(encoding="utf-8")).items():
            table[wire] |= columns
    if options.save:
        options.save.write_text(json.dumps(table, indent=1), encoding="utf-8")
    if options.markdown:
        put_between_marks(options.markdown, markdown(table))


if __name__ == "__main__":
    main()
