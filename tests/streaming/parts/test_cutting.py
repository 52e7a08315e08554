"""Cutting, buffering and numbering of text."""

from __future__ import annotations

import time
from itertools import accumulate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api_models.streaming.parts.cutting import Shaper, buffered

SPLITS = ["token", "grapheme", "word", "line", "sentence"]
ZWJ, ACUTE, FLAG = "\u200d", "e\u0301", "\U0001f1e9\U0001f1ea"
FAMILY = f"👩{ZWJ}👩{ZWJ}👧"

# Text made of what splitters stumble over, and of anything else.
TRICKY = st.sampled_from(
    [
        "Dr. A. ",
        "Hi. ",
        '"No!" ',
        "e.g. ",
        "\r",
        "\n",
        "\r\n",
        " ",
        "\t",
        "。",
        "…",
        "a",
        "Z",
        ACUTE,
        FLAG,
        FAMILY,
    ]
)
PIECES = st.lists(st.one_of(TRICKY, st.text(min_size=1, max_size=4)), max_size=25)


def cut(tokens: list[str], split: str, size: int = 1) -> list[tuple[str, int]]:
    """All pieces that come out when these tokens go in, the flush included."""
    shaper = Shaper(split, size)
    pieces = [piece for token in tokens for piece in shaper.push(token)]
    return pieces + shaper.flush()


def texts(tokens: list[str], split: str, size: int = 1) -> list[str]:
    return [text for text, _ in cut(tokens, split, size)]


def whole_tokens_before(tokens: list[str], position: int) -> int:
    """By the contract's words: tokens whose text lies completely before `position` characters."""
    return sum(end <= position for end in accumulate(map(len, tokens)))


@given(PIECES, st.sampled_from(SPLITS), st.integers(1, 5))
def test_joined_pieces_are_the_text(tokens, split, size):
    """Nothing is lost, repeated or reordered, whatever the cuts."""
    assert "".join(texts(tokens, split, size)) == "".join(tokens)


@given(PIECES, st.sampled_from(SPLITS), st.integers(1, 5))
def test_every_index_counts_the_whole_tokens_before(tokens, split, size):
    """A piece's index is the number of provider tokens handed out completely before it."""
    position = 0
    for text, index in cut(tokens, split, size):
        assert index == whole_tokens_before(tokens, position)
        position += len(text)


@given(PIECES, st.sampled_from(SPLITS[1:]))
def test_cuts_do_not_depend_on_the_tokens(tokens, split):
    """The provider's own cuts leave no trace in the pieces."""
    whole = "".join(tokens)
    assert texts(tokens, split) == texts(list(whole), split) == texts([whole] if whole else [], split)


@given(PIECES, st.sampled_from(SPLITS), st.integers(1, 5))
def test_withheld_text_is_what_has_not_come_out(tokens, split, size):
    """At every moment the pieces so far and the withheld text are the text so far."""
    shaper, given_out, taken = Shaper(split, size), "", ""
    for token in tokens:
        taken += token
        given_out += "".join(text for text, _ in shaper.push(token))
        assert given_out + shaper.withheld == taken
    shaper.flush()
    assert shaper.withheld == ""


@given(st.lists(st.text(min_size=1, max_size=3), max_size=30), st.integers(1, 7))
def test_buffers_are_full_but_the_last(tokens, size):
    """Buffered deliveries join exactly `size` tokens, the rest comes with the flush."""
    assert texts(tokens, "token", size) == [
        "".join(tokens[at : at + size]) for at in range(0, len(tokens), size)
    ]


def test_a_flush_in_between_keeps_the_count():
    """Text cut loose early does not confuse the numbers of what follows."""
    shaper = Shaper("word", 1)
    assert shaper.push("un") == []
    assert shaper.flush() == [("un", 0)]
    assert shaper.push("do it ") == [("do ", 1), ("it ", 1)]
    assert shaper.push("now") == []
    assert shaper.flush() == [("now", 2)]


@pytest.mark.parametrize(
    ("split", "text", "expected"),
    [
        ("word", "one  two\nthree", ["one ", " two\n", "three"]),
        ("word", "  lead", ["  lead"]),
        ("line", "a\nb\r\nc\rd", ["a\n", "b\r\n", "c\r", "d"]),
        ("line", "\n\n", ["\n", "\n"]),
        ("sentence", "One. Two! Three? Four", ["One. ", "Two! ", "Three? ", "Four"]),
        ("sentence", "Dr. No met J. Doe, e.g. here. So?", ["Dr. No met J. Doe, e.g. here. ", "So?"]),
        ("sentence", 'He said "no." Then', ['He said "no." ', "Then"]),
        ("sentence", "一。二！", ["一。", "二！"]),
        ("sentence", "3.14 is pi", ["3.14 is pi"]),
        ("sentence", "Title\nText", ["Title\n", "Text"]),
        ("grapheme", f"a{ACUTE}b", ["a", ACUTE, "b"]),
        ("grapheme", FAMILY + "!", [FAMILY, "!"]),
        ("grapheme", FLAG + FLAG, [FLAG, FLAG]),
        ("grapheme", "a\r\nb", ["a", "\r\n", "b"]),
        ("grapheme", "👍🏽👍", ["👍🏽", "👍"]),
    ],
)
def test_cuts_where_a_reader_would(split, text, expected):
    """Words keep their space, sentences their quotes, and what the eye sees as one stays one."""
    assert texts([text], split) == expected
    assert texts(list(text), split) == expected


@pytest.mark.parametrize("split", SPLITS)
def test_cutting_a_long_text_takes_no_ages(split):
    """A long text that comes in one token is cut in linear time, not in a time that squares."""
    text = "x" * 20_000 + " "
    begun = time.process_time()
    assert "".join(texts([text], split)) == text
    assert time.process_time() - begun < 1


@given(st.lists(st.text(min_size=1, max_size=3)), st.integers(1, 7))
def test_tokens_joined_by_count(tokens, size):
    """An iterable can be buffered by itself: the same pieces as the buffer of a stream gives."""
    assert list(buffered(tokens, size)) == texts(tokens, "token", size)


@given(PIECES, st.sampled_from(SPLITS[1:]))
def test_a_long_text_without_a_boundary_is_not_searched_again(tokens, split):
    """What is looked at stays short, and what comes out is the same: a tail keeps its pieces."""
    shaper = Shaper(split, 1)
    pieces = [piece for token in ["x" * 1000, *tokens] for piece in shaper.push(token)] + shaper.flush()
    assert "".join(text for text, _ in pieces) == "x" * 1000 + "".join(tokens)


@pytest.mark.parametrize(("split", "token"), [("sentence", "word "), ("line", "word "), ("word", "word")])
def test_text_without_a_boundary_takes_time_by_its_length(split, token):
    """Ten times the text takes about ten times as long; searched again each time it would be a hundred."""

    def seconds(count):
        shaper, begun = Shaper(split, 1), time.process_time()
        for _ in range(count):
            shaper.push(token)
        return time.process_time() - begun

    assert min(seconds(30_000) for _ in range(3)) < 40 * min(seconds(3_000) for _ in range(3))


def test_flags_in_a_row_are_cut_in_pairs_however_many():
    """How many stand before is not counted anew for each."""
    assert texts([FLAG * 2000], "grapheme") == [FLAG] * 2000
