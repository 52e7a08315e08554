"""A screen for all tests of this folder, and programs on it that end with their test."""

from __future__ import annotations

import gc
import importlib.util

import pytest
import screen as screens


def pytest_runtest_logfinish():
    """Fonts and pictures of tkinter call Tk when they are forgotten: here, and not on a stream's thread."""
    gc.collect()


def pytest_terminal_summary(terminalreporter):
    """Say aloud what was not tested, and why: a skip alone is one letter among thousands."""
    skipped = [each for each in terminalreporter.stats.get("skipped", ()) if "desktop" in each.nodeid]
    for reason in sorted({each.longrepr[2] for each in skipped}):
        terminalreporter.write_line(f"NOT TESTED: {reason}", red=True, bold=True)


@pytest.fixture(scope="session")
def screen(tmp_path_factory):
    """Skips, loudly, only where no display can be had."""
    lack = screens.missing()
    if not lack and importlib.util.find_spec("_tkinter") is None:
        lack = "no window: this Python has no tkinter"
    if lack:
        pytest.skip(lack)
    made = screens.Screen(tmp_path_factory.mktemp("screen"))
    yield made
    made.close()


@pytest.fixture
def opened(screen, tmp_path, provider):
    """A function that opens the program on providers by name, with a reply each; both end with the test."""
    from program import Program, configuration

    programs = []

    def open_it(*arguments, **replies):
        providers = {name: provider(reply) for name, reply in replies.items()}
        path = configuration(tmp_path, providers) if providers else None
        program = Program(screen, path, *arguments)
        programs.append(program)
        return program, *providers.values()

    yield open_it
    for program in programs:
        program.close()
