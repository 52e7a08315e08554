"""The guide to reliability runs as it is printed, and its table of faults is what our clients do."""

from __future__ import annotations

import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from benchmarks import faults
from benchmarks.fault_list import FAULTS
from benchmarks.peers import CLIENTS, Heard

PATH = Path(__file__).parents[1] / "docs" / "reliability.md"
TEXT = PATH.read_text(encoding="utf-8")
SNIPPETS = re.findall(r"^```python\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)
OURS = [client for client in CLIENTS if client.package == "api-models"]
PRINTED = ["Once upon  True 2\n", "restart 2 False\ncontinue 2 True\n", "Hello. two 3\n", ""]


def table_of(wire):
    """Client -> fault -> what the document says of it."""
    between = TEXT.split(faults.MARKS[0])[1].split(faults.MARKS[1])[0]
    lines = next(part for part in between.split("\n\n") if part.strip().startswith(f"| {wire} "))
    head, _, *rows = [[word.strip() for word in line[1:-1].split("|")] for line in lines.strip().splitlines()]
    return {client: {row[0]: row[at] for row in rows} for at, client in enumerate(head) if at}


def without_waits(cells):
    """How long it took depends on the machine too; that Retry-After is kept is tested elsewhere."""
    return {fault: re.sub(r", \d+ s apart", "", cell) for fault, cell in cells.items()}


def test_every_snippet_is_run():
    assert len(SNIPPETS) == len(PRINTED)


@pytest.mark.parametrize("number", range(len(PRINTED)))
def test_a_snippet_runs_and_prints_what_it_says(number):
    ended = subprocess.run(
        [sys.executable, "-W", "error", "-c", SNIPPETS[number]],
        capture_output=True, text=True, timeout=50, check=False,
    )  # fmt: skip
    assert (ended.returncode, ended.stderr, ended.stdout) == (0, "", PRINTED[number])


@pytest.mark.parametrize("client", OURS, ids=lambda client: client.name)
def test_what_the_table_says_of_us_is_what_we_do(client):
    """All faults at once, each with a server of its own."""
    with ThreadPoolExecutor(len(FAULTS)) as pool:
        outcomes = list(pool.map(lambda fault: faults.measure(client, fault), FAULTS))
    measured = {
        fault.name: faults.cell(fault, outcome) for fault, outcome in zip(FAULTS, outcomes, strict=True)
    }
    assert without_waits(measured) == without_waits(table_of(client.wire)[client.name])
    assert not any(faults.is_bad(*each) for each in zip(FAULTS, outcomes, strict=True))


@pytest.mark.parametrize("wire", ["messages", "chat"])
def test_the_table_has_a_word_on_every_fault_by_everybody(wire):
    table = table_of(wire)
    assert len(table) == sum(client.wire == wire for client in CLIENTS)
    for cells in table.values():
        assert list(cells) == [fault.name for fault in FAULTS]
        assert all(cells.values())


@pytest.mark.parametrize(
    ("heard", "error", "hung", "said"),
    [
        (Heard("Once upon ", "stop"), None, False, "**ends, `stop`, part**"),
        (Heard("Once upon "), OSError("Once upon "), False, "`OSError`, part"),
        (Heard("Once upon "), None, True, "**> 5 s, part**"),
        (Heard("Once upon Once upon a time, the end.", "stop"), None, False, "**ends, `stop`, text twice**"),
        (Heard("Once upon a time, the end. a "), None, False, "**ends, no reason, more than the whole**"),
        (Heard("Once upon a time, the end.", "stop"), None, False, "ends, `stop`, whole"),
        (Heard(), ValueError("no"), False, "`ValueError`, nothing"),
    ],
)
def test_bad_is_what_ends_as_if_it_were_whole(heard, error, hung, said):
    assert faults.cell(FAULTS[0], faults.Outcome(heard, error, hung, 1, None)) == said


def test_a_document_gets_the_tables_between_its_marks(tmp_path):
    document = tmp_path / "document.md"
    document.write_text("before\n{}\nold\n{}\nbehind\n".format(*faults.MARKS))
    cells = {fault.name: "well" for fault in FAULTS}
    faults.put_between_marks(document, faults.markdown({"chat": {"somebody 1.0": cells}}))
    text = document.read_text()
    assert text.startswith("before\n") and text.endswith("\nbehind\n") and "old" not in text
    assert f"| {FAULTS[0].name} | well |" in text and "| chat | somebody 1.0 |" in text
