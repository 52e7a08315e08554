"""One bounded queue for several threads."""

from __future__ import annotations

import threading

from fakes import TIMEOUT, in_threads

from api_models.dual_track.funnel import Funnel, Inlet


def test_things_come_out_in_the_order_in_which_they_went_in():
    funnel = Funnel(10)
    first, second = Inlet(funnel, 0), Inlet(funnel, 1)
    first.put("a")
    second.put("x")
    first.put("b")
    assert funnel.take() == [(0, "a"), (1, "x"), (0, "b")]
    assert funnel.take(0) == []


def test_who_takes_waits_for_something():
    funnel = Funnel(10)
    inlet = Inlet(funnel, 0)
    assert in_threads(lambda: funnel.take(TIMEOUT), lambda: inlet.put("a"))[0] == [(0, "a")]


def test_who_takes_waits_no_longer_than_it_says():
    assert Funnel(10).take(0.01) == []


def test_who_puts_in_too_much_waits_and_keeps_nobody_else_waiting():
    funnel = Funnel(2)
    inlet, other, done = Inlet(funnel, 0), Inlet(funnel, 1), threading.Event()

    def put():
        for thing in "abc":
            inlet.put(thing)
        done.set()

    thread = threading.Thread(target=put, daemon=True)
    thread.start()
    other.put("x")
    taken = []
    while not done.is_set():
        for number, thing in funnel.take(TIMEOUT):
            (inlet, other)[number].used += 1
            taken.append(thing)
        funnel.made_room()
        if "".join(taken).count("b"):
            assert done.wait(TIMEOUT)
    thread.join(TIMEOUT)
    assert sorted(taken + [thing for _, thing in funnel.take(0)]) == list("abcx")


def test_closing_lets_everybody_go():
    funnel = Funnel(1)
    inlet = Inlet(funnel, 0)
    in_threads(lambda: inlet.put("a"), funnel.close)
    assert funnel.take(TIMEOUT) == [(0, "a")]
    assert funnel.take(TIMEOUT) == []


def test_many_threads_lose_nothing_and_keep_their_order():
    funnel = Funnel(7)
    inlets = [Inlet(funnel, number) for number in range(4)]
    taken = [[] for _ in inlets]

    def put(inlet):
        for thing in range(500):
            inlet.put(thing)

    def take():
        while sum(map(len, taken)) < 2000:
            for number, thing in funnel.take(TIMEOUT):
                taken[number].append(thing)
                inlets[number].used += 1
            funnel.made_room()

    in_threads(take, *(lambda inlet=inlet: put(inlet) for inlet in inlets))
    assert taken == [list(range(500))] * 4
