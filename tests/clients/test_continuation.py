"""Going on with an answer that broke off: who is asked how, and a seam that nobody sees."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api_models.clients.continuation import Seam, continued_prompt, takes_prefill


@pytest.mark.parametrize(
    ("provider", "model", "prefilled"),
    [
        ("anthropic", "claude-3-haiku", True), ("anthropic", "claude-opus-4-5", True),
        ("anthropic", "claude-opus-4-6", False), ("anthropic", "claude-sonnet-5", False),
        ("mistral", "any", True), ("openai", "gpt-5", False), ("mylab", "any", False),
    ],
)  # fmt: skip
def test_only_models_known_to_take_a_prefill_get_one(provider, model, prefilled):
    assert (takes_prefill(provider, model) is not None) is prefilled
    messages = continued_prompt("hi", "half an ans ", provider, model)
    assert messages[1]["content"] == ("half an ans" if prefilled else "half an ans ")
    assert messages[-1]["role"] == ("assistant" if prefilled else "user")


def joined(before, pieces, prefilled):
    seam = Seam(before, prefilled)
    return before + "".join(map(seam.join, pieces)) + seam.rest()


cuts = st.lists(st.integers(1, 7), min_size=1, max_size=9)


def in_pieces(text, sizes):
    pieces, at = [], 0
    while at < len(text):
        size = sizes[len(pieces) % len(sizes)]
        pieces.append(text[at : at + size])
        at += size
    return pieces


@given(st.text(min_size=20, max_size=60), st.integers(8, 19), cuts, st.data())
def test_what_is_said_again_is_taken_out(before, overlap, sizes, data):
    """Eight characters or more of the end, repeated, appear once; however they are cut."""
    rest = data.draw(st.text(max_size=20))
    again = before[-overlap:] + rest
    longest = max(size for size in range(len(again) + 1) if before.endswith(again[:size]))
    assert joined(before, in_pieces(again, sizes), False) == before + again[longest:]


@given(st.text(alphabet="ab ", max_size=30), st.text(alphabet="ab ", max_size=7), cuts)
def test_a_short_likeness_is_no_repetition(before, rest, sizes):
    """ "... a" and "apple" are not "... apple" with an a too many."""
    assert joined(before, in_pieces(rest, sizes), False) == before + rest


def test_white_space_that_a_prefill_goes_without_is_not_doubled():
    assert joined("one two ", [" ", "three"], True) == "one two three"
    assert joined("one two ", ["three"], True) == "one two three"
    assert joined("one two", [" three"], True) == "one two three"
