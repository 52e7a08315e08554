"""Threads of one owner, and the turn that passes between them."""

from __future__ import annotations

import contextvars
import threading

from fakes import TIMEOUT, in_threads

from api_models.streaming.parts.crew import Crew


def test_each_member_is_a_daemon_with_a_name():
    """Who looks at the threads of the process sees whose they are; none outlives its role."""
    crew, seen, done = Crew("work"), [], threading.Semaphore(0)

    def role() -> None:
        seen.append((threading.current_thread(), crew.includes_caller()))
        done.release()

    crew.spawn(role)
    crew.spawn(role, "-more")
    assert done.acquire(timeout=TIMEOUT) and done.acquire(timeout=TIMEOUT)
    assert sorted(thread.name for thread, _ in seen) == ["work", "work-more"]
    assert all(thread.daemon and included for thread, included in seen)
    assert not crew.includes_caller()
    for thread, _ in seen:
        thread.join(TIMEOUT)
        assert not thread.is_alive()


def test_members_see_the_context_of_who_made_the_crew():
    """Also one that is spawned by somebody else, and what it sets is its own."""
    variable = contextvars.ContextVar("variable", default="nobody")
    token = variable.set("maker")
    crew, seen, done = Crew("work"), [], threading.Semaphore(0)
    variable.reset(token)

    def role() -> None:
        seen.append(variable.get())
        variable.set("member")
        done.release()

    for _ in range(2):
        in_threads(lambda: crew.spawn(role))
        assert done.acquire(timeout=TIMEOUT)
    assert seen == ["maker", "maker"]


def test_the_turn_is_taken_once():
    """Nobody has it before it was laid down; of many who reach for it, one gets it."""
    crew = Crew("work")
    assert not crew.take_turn()
    for _ in range(20):
        crew.turn.append(None)
        assert sorted(in_threads(*[crew.take_turn] * 4)) == [False, False, False, True]
    assert not crew.take_turn()
