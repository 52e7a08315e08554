"""The same text in other pieces."""

from __future__ import annotations

import re

import pytest

from api_models.exceptions import ConfigurationError
from api_models.stages import recut


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


@pytest.mark.parametrize("wrong", ["token", "words", None, 3, re.compile(b"x")])
def test_what_is_no_way_to_cut_is_refused(wrong):
    with pytest.raises(ConfigurationError, match="split"):
        recut(wrong)
