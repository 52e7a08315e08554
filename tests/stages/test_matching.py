"""What a pattern finds does not depend on where the text is cut; the policies that use it are tested with it."""

from __future__ import annotations

import re

import pytest

from api_models.stages.matching import Searching, Stepping
from api_models.stages.policy import Block, Replace


def marked(match):
    return Replace("#", match)


def judged(judge, *texts):
    """What is let through after each of these texts, and at the end; `#` for a match."""
    given = []
    for text in texts:
        given.append(
            "".join(verdict if isinstance(verdict, str) else verdict.text for verdict in judge.push(text))
        )
    end = "".join(verdict if isinstance(verdict, str) else verdict.text for verdict in judge.end())
    assert judge.held == ""
    return [*given, end]


def test_searching_keeps_back_what_may_become_a_match_and_nothing_else():
    cat = Searching(re.compile("cat"), "ca?", marked)
    assert judged(cat, "the c", "a", "t c", "up", "c") == ["the ", "", "# ", "cup", "", "c"]


def test_searching_takes_away_what_a_match_goes_on_with():
    """However much more of it comes, and only right behind the match."""
    number = Searching(re.compile("n[0-9]"), "n", marked, "[0-9]")
    assert judged(number, "n1", "2", "3 4", "n", "5n6", "7") == ["", "#", " 4", "", "#", "#", ""]


def test_a_longer_match_is_waited_for():
    either = Searching(re.compile("abcde|ab"), "ab?c?d?", marked)
    assert judged(either, "ab", "c", "x") == ["", "", "#cx", ""]
    assert judged(Searching(re.compile("abcde|ab"), "ab?c?d?", marked), "abcd", "e.") == ["", "#.", ""]


def test_stepping_decides_when_so_many_characters_are_there():
    digits = Stepping(re.compile(r"\d\d"), 3, marked)
    assert judged(digits, "ab1", "2", "cd", "3") == ["", "a", "b#", "", "cd3"]


@pytest.mark.parametrize("cuts", [1, 3, 1000])
def test_what_looks_back_sees_what_was_let_through(cuts):
    """Also far into a text, of which only the end is kept."""
    text = "x" * 2000 + " at home. " + "y" * 700 + " at it, at all."
    pieces = [text[at : at + cuts] for at in range(0, len(text), cuts)]
    back = Stepping(re.compile(r"(?<=\bat )\w+|^x"), 6, marked)
    assert "".join(judged(back, *pieces)) == re.sub(r"(?<=\bat )\w+|^x", "#", text)
    assert len(back._text) <= 3 * 256 + cuts + 6


def test_an_empty_match_is_none():
    assert "".join(judged(Stepping(re.compile("x*"), 2, marked), "axb")) == "a#b"


def test_a_match_may_end_it():
    blocks = Searching(re.compile("no"), "n", Block)
    assert list(blocks.push("say no more")) == ["say ", Block("no"), " more"]
