"""Ctrl-C that has to wait a moment."""

from __future__ import annotations

import signal
import threading

import pytest
from fakes import in_threads

from api_models.terminal.interrupts import held_back_interrupts


@pytest.fixture(autouse=True)
def python_hears_control_c():
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_it_is_raised_when_the_block_is_left_and_not_before():
    done = []
    with pytest.raises(KeyboardInterrupt):
        with held_back_interrupts():
            signal.raise_signal(signal.SIGINT)
            done.append("all of it")
    assert done == ["all of it"]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_an_error_of_the_block_goes_first():
    with pytest.raises(ValueError, match="x"), held_back_interrupts():
        raise ValueError("x")
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_what_is_somebody_elses_is_left_alone():
    """A program that ignores Ctrl-C goes on to do so; another thread cannot change it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with held_back_interrupts():
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
        signal.raise_signal(signal.SIGINT)

    def elsewhere():
        with held_back_interrupts():
            return threading.current_thread() is not threading.main_thread()

    assert in_threads(elsewhere) == [True]
