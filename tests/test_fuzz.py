"""A small share of the fuzzing, the same each time: `tests/fuzz/fuzz_decoders.py` does more of it."""

from __future__ import annotations

import random

import pytest
from fuzz import fuzz_decoders as fuzz

from api_models import StreamInterruptedError
from api_models.clients.wire_chat import ChatDecoder

INPUTS, SEED = 3000, 4


def test_broken_answers_are_survived_and_come_to_the_same_in_any_pieces():
    """Of each wire; some are whole in spite of all, and most are not."""
    counts = fuzz.run(INPUTS, SEED)
    assert sum(counts.values()) - counts["bytes"] == INPUTS
    for name in fuzz.DECODERS:
        assert counts[f"{name}: whole"] > 50 and counts[f"{name}: broken"] > 50


def test_no_long_input_is_looked_at_again_and_again():
    """Four times the length takes four times the time, not sixteen."""
    costs = list(fuzz.try_long_ones(30_000))
    assert len(costs) > 50


class Raising(ChatDecoder):
    def _event(self, event):
        raise KeyError("choices")


class Forgetting(ChatDecoder):
    """Gives up where an event goes on in the next piece."""

    def feed(self, received):
        if not received.endswith(b"\n\n"):
            self.failure = StreamInterruptedError("cut")
        return super().feed(received)


class Undecided(ChatDecoder):
    def _end_of_body(self):
        pass


class Hoarding(ChatDecoder):
    def feed(self, received):
        self._framing.head = b"x" * (fuzz.MOST_HEAD + 1)
        return super().feed(received)


class Slow(ChatDecoder):
    """Takes a hundredth of a second a piece, with a limit that is lower still."""

    def feed(self, received):
        sum(range(1_000_000))
        return super().feed(received)


@pytest.mark.parametrize(
    ("decoder", "said"),
    [
        (Raising, "it raised KeyError"),
        (Forgetting, "cut otherwise it is something else"),
        (Undecided, "neither whole nor broken"),
        (Hoarding, "the head"),
        (Slow, "it took 0"),
    ],
)
def test_the_fuzzer_notices_what_it_is_there_for(decoder, said, monkeypatch):
    """Each decoder does one thing that it must not."""
    monkeypatch.setitem(fuzz.DECODERS, "bad", lambda: decoder(False))
    if decoder is Slow:
        monkeypatch.setattr(fuzz, "MOST_SECONDS", 0.001)
    body = fuzz.corpus()["chat"][0].replace(b"data: [DONE]\n\n", b"")
    with pytest.raises(fuzz.BadInputError, match=said):
        for number in range(20):
            fuzz.try_one(body, "bad", random.Random(number))


def test_an_input_is_made_again_from_its_number():
    """The same seed and number are the same bytes, wherever and whenever."""
    bodies = [body for answers in fuzz.corpus().values() for body in answers]
    made = [fuzz.mutate(bodies[0], bodies, random.Random("1:7")) for _ in range(2)]
    assert made[0] == made[1] != bodies[0]
