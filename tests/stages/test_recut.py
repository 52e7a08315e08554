"""The same text in other pieces."""

from __future__ import annotations

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api_models.exceptions import ConfigurationError
from api_models.stages import recut

FENCES = re.compile(r"(?<=\n)-{1,3}\n(?!-)")


@pytest.mark.parametrize(
    ("split", "pieces"),
    [
        ("grapheme", ["H", "i", ".", " ", "Y", "o", "u", "?", "\n", "o", "k"]),
        ("word", ["Hi. ", "You?\n", "ok"]),
        ("line", ["Hi. You?\n", "ok"]),
        ("sentence", ["Hi. ", "You?\n", "ok"]),
        (re.compile("[.?]"), ["Hi.", " You?", "\nok"]),
    ],
)
@pytest.mark.parametrize("texts", [["Hi. You?\nok"], list("Hi. You?\nok")])
def test_text_is_cut_where_it_is_said(split, pieces, texts):
    assert list(recut(split)(texts)) == pieces


def test_a_match_that_may_still_grow_waits():
    assert list(recut(re.compile(r"\s+"))(["a ", " ", "b"])) == ["a  ", "b"]


def test_an_empty_match_cuts_nothing_empty():
    assert list(recut(re.compile("x*"))(["axb"])) == ["ax", "b"]


@given(st.lists(st.text("-\nab", min_size=1, max_size=4)), st.integers(0, 900))
def test_a_window_changes_nothing_but_the_time_it_takes(texts, before):
    """Not even for what looks back and ahead, with so much text before it that some was put away."""
    texts = ["x" * before, *texts] if before else texts
    assert list(recut(FENCES, window=5)(texts)) == list(recut(FENCES)(texts))


def test_with_a_window_text_without_a_match_is_not_searched_again():
    """Half a million characters, four at a time."""
    begun = time.process_time()
    assert "".join(recut(re.compile(r"\n\n"), window=2)(["text"] * 125_000)) == "text" * 125_000
    assert time.process_time() - begun < 10


@pytest.mark.parametrize(("split", "window"), [("word", 3), (FENCES, 0), (FENCES, "3")])
def test_what_is_no_window_is_refused(split, window):
    with pytest.raises(ConfigurationError, match="window"):
        recut(split, window)


@pytest.mark.parametrize("wrong", ["token", "words", None, 3, re.compile(b"x")])
def test_what_is_no_way_to_cut_is_refused(wrong):
    with pytest.raises(ConfigurationError, match="split"):
        recut(wrong)
