"""What README.md shows is true: its programs run, its commands exist, its links lead somewhere."""

from __future__ import annotations

import configparser
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from api_models.cli import _parser
from api_models.clients.presets import PRESETS

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")

# What the output of each program must look like, by its heading; the model chooses the words.
SHOWN = {
    "A handler": r"\S.*\n[1-9]\d* characters\n(stop|length) TokenUsage\(.*\) \d+\.\d+\n",
    "Stop, pause, go on, from any thread": r"\S.*\n\[paused\] .*\nstopped with [1-9]\d* characters in hand\n",
    "In a window, or a loop of your own": r"\S.*\n",
    "Only the text": r"\S.*\n.*\S.*\n",
    "Conversations, and parameters": r"\S.*\n",
    "How text is handed out": r"(<[^<>]+>\n){2,}",
    "Change the text on its way": r"(<[^<>a-z]+>\n){2,}",
    "An object instead of a text": r"(\d of 3\n)+3 of 3\nname='\w+' age=\d+ city='\w+'\n",
    "Any OpenAI-compatible server": r"mylab my-model True\n",
}


def read():
    """The programs by their headings, and the indented lines outside of them."""
    programs, indented, heading, fence = {}, [], "", None
    for line in README.splitlines(keepends=True):
        if line.startswith("```"):
            fence = line.strip("`\n") if fence is None else None
        elif fence == "python":
            programs[heading] = programs.get(heading, "") + line
        elif fence is None and line.startswith("#"):
            heading = line.strip("# \n")
        elif fence is None and line.startswith("    "):
            indented.append(line)
    return programs, indented


def commands(lines):
    """What these lines ask a shell to run, each command a list of words."""
    for line in lines:
        words = shlex.shlex(line, posix=True, punctuation_chars=True)
        words.whitespace_split = True
        command = []
        for word in [*words, "|"]:
            if word in ("|", "&&", ";"):
                yield command
                command = []
            else:
                command.append(word)


RECIPES, INDENTED = read()
COMMANDS = list(commands(INDENTED))


def of(program):
    """The arguments of every command that runs this program, wherever it is installed."""
    found = [command[1:] for command in COMMANDS if Path(command[0]).name == program]
    assert found, f"README.md does not mention {program}"
    return found


def test_every_program_is_found_and_something_is_expected_of_it():
    assert len(RECIPES) == README.count("```python")
    assert set(RECIPES) == set(SHOWN)


@pytest.mark.parametrize("heading", RECIPES)
def test_the_program_runs(heading, tmp_path):
    """As it stands, in an empty folder, without a warning."""
    program = tmp_path / "program.py"
    program.write_text(RECIPES[heading], encoding="utf-8")
    ended = subprocess.run(
        [sys.executable, "-W", "error", str(program)],
        capture_output=True,
        encoding="utf-8",
        timeout=50,
        check=False,
    )
    assert (ended.returncode, ended.stderr) == (0, "")
    assert re.fullmatch(SHOWN[heading], ended.stdout, re.DOTALL), ended.stdout


def test_make_knows_its_targets():
    targets = set(re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.M))
    assert {target for (target, *_) in of("make")} <= targets


@pytest.mark.parametrize("arguments", of("api-models"), ids=" ".join)
def test_the_command_takes_these_arguments(arguments):
    """The parser ends the test if it does not."""
    assert callable(_parser().parse_args(arguments).run)


def test_the_extras_that_are_installed_exist():
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg")
    named = {extra for arguments in of("pip") for extra in re.findall(r"[\w-]+", arguments[-1])}
    assert named
    assert named <= set(setup["options.extras_require"])


def test_the_providers_that_are_named_are_known():
    (named,) = re.findall(r"Known by name[^`]*`([^`]+)` and more", README)
    assert set(named.split()) <= set(PRESETS)


@pytest.mark.parametrize("target", re.findall(r"\]\(([^)#]+)\)", README))
def test_the_link_leads_somewhere(target):
    assert "://" in target or (ROOT / target).exists()
