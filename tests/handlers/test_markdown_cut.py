"""What of a growing Markdown text is finished, and that nothing is lost when it is cut."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api_models.handlers.answer_page import Page
from api_models.handlers.markdown_cut import LONGEST_TAIL, cut

markdown = pytest.importorskip("rich.markdown", reason="rich is not installed: no Markdown to cut")


def tokens_of(text):
    return markdown.Markdown(text).parsed


def parted(text):
    return cut(text, tokens_of(text))


@pytest.mark.parametrize(
    ("finished", "tail"),
    [
        ("", "one para"),
        ("", "one para\n\n"),
        ("one para\n\n", "another"),
        ("# head\n", "text"),
        ("one\n\n", "- a\n- b\n\n  more of b"),
        ("- a\n- b\n\n", "text"),
        ("", "```\ncode\n\nmore"),
        ("```\ncode\n```\n", "text"),
        ("a\n\n---\n\n", "b"),
        ("> said\n\n", "text"),
        ("", "| a | b |\n|---|---|\n| 1 |"),
        ("<div>\nhtml\n</div>\n\n", "text"),
        ("a\u2028b\x85c\n\n", "d"),
        ("", ""),
    ],
)
def test_a_block_is_finished_when_another_one_begins(finished, tail):
    assert parted(finished + tail) == (finished, tail, False)


def longer_than_allowed(line):
    return line * (LONGEST_TAIL // len(line) + 2)


@pytest.mark.parametrize(
    ("text", "begins"),
    [
        ("```python\n" + longer_than_allowed("x = 1\n") + "y", "```python\ny"),
        ("~~~~\n" + longer_than_allowed("x = 1\n") + "y", "~~~~\ny"),
        ("| a |\n|---|\n" + longer_than_allowed("| 1 |\n") + "| 2", "| a |\n|---|\n| 2"),
        (longer_than_allowed("- item\n") + "- la", "- la"),
        (longer_than_allowed("a line\n") + "the la", "the la"),
        (longer_than_allowed("word ") + "wo", "wo"),
        ("x" * (LONGEST_TAIL + 1), ""),
    ],
)
def test_a_block_that_grows_too_long_is_cut_and_goes_on_alike(text, begins):
    """Each part is Markdown that is read as the whole was."""
    finished, tail, is_forced = parted(text)
    assert tail == begins
    assert is_forced
    assert len(finished) > LONGEST_TAIL
    kinds = [{token.type for token in tokens_of(part) if token.level == 0} for part in (text, finished)]
    assert kinds[0] == kinds[1]


def test_a_long_block_of_code_that_was_closed_is_finished():
    text = "```\n" + longer_than_allowed("x = 1\n") + "```\n"
    assert parted(text) == (text, "", False)


PIECES = st.lists(
    st.sampled_from(["word ", "\n", "\n\n", "- a\n", "```\n", "# h\n", "| a |\n|---|\n", "> q\n", "1. x\n", "    ", "<b>"])
)  # fmt: skip


@given(PIECES)
def test_what_is_finished_and_the_tail_are_the_text(pieces):
    """However it comes: nothing is lost, doubled, or moved."""
    page = Page(tokens_of)
    finished = []
    for piece in pieces:
        page.add("answer", piece)
        finished += page.take_finished()
    page.end_part()
    finished += page.take_finished()
    joined = "".join(piece.text for piece in finished)
    assert joined.split() == "".join(pieces).split()


def test_the_tail_stays_short_however_long_the_answer():
    """What is parsed in a frame does not grow."""
    lengths = []

    def watched(text):
        lengths.append(len(text))
        return tokens_of(text)

    page = Page(watched)
    for number in range(2000):
        page.add("answer", f"a line with number {number} and some words\n")
        page.take_finished()
    assert max(lengths) < LONGEST_TAIL + 100
    assert len("".join(piece.text for piece in page.take_finished()) + page.tail.text) < LONGEST_TAIL + 100
