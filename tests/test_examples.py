"""Every example runs as it stands, with the real local model, and shows what it is there to show."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = sorted((Path(__file__).parents[1] / "examples").glob("*.py"))

# What the output must look like; the model chooses the words.
SHOWN = {
    "compatible_server": r"Polly wants a cracker \nstop\n",
    "control": r"\S.* \[paused\] .*\[resumed\] .*\n\[stopped with \d+ characters in hand\]\ncancelled\n",
    "dual_track": r"(\w+: [1-9]\d* characters, of (lab|local|all)\n){5}track .*\nlab +completed .*\nlocal +completed [^\n]*\n",
    "handler": r"\S.*\n-- whole: [1-9]\d* characters --\n",
    "policies": r"Write to \[e-mail\], and use the key \[key\]\. The \n\[ban_phrases: it says 'launch code'; 46 .*\]\n",
    "pull": r"\S.*\n[1-9]\d* events, from StreamStarted to StreamCompleted\n",
    "stages": r"HELLO! HELLO! HELLO\?\n( (Ann|Bob) \| [^\n]+\n){8}",
    "recording": r"True True\nPoll\|y wa\|.*\|\n",
    "structured": r"0 of 3: .*name is '\w+'\n1 of 3: .*age is \d+\n2 of 3: .*city is '\w+'\n3 of 3: .*Traveller native\n",
    "several_handlers": r"\S.*\n[1-9]\d* words; 3 failures of a handler, all of them logged\n",
}
LOGS = {"several_handlers": "RuntimeError: a bug in this handler"}


def test_there_is_something_expected_of_every_example():
    assert {path.stem for path in EXAMPLES} == set(SHOWN)


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_the_example_runs(path):
    """Without a warning, and with nothing on standard error but what it is about."""
    ended = subprocess.run(
        [sys.executable, "-W", "error", str(path)],
        capture_output=True,
        encoding="utf-8",
        timeout=50,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    assert re.fullmatch(SHOWN[path.stem], ended.stdout, re.DOTALL), ended.stdout
    if path.stem in LOGS:
        assert ended.stderr.count(LOGS[path.stem]) >= 1
    else:
        assert ended.stderr == ""
