"""The parts of an answer: what continues what, and what may not reach a terminal."""

from __future__ import annotations

from types import SimpleNamespace

from api_models.handlers.answer_page import Page, Piece


def paragraphs(text):
    """A parser that knows nothing but paragraphs."""
    lines = text.split("\n")
    starts = [at for at, line in enumerate(lines) if line and (at == 0 or not lines[at - 1])]
    return [SimpleNamespace(type="paragraph_open", level=0, map=[at, at + 1]) for at in starts]


def pieces(*said):
    page = Page(paragraphs)
    for kind, text in said:
        page.add(kind, text)
    finished = page.take_finished()
    page.end_part()
    return finished + page.take_finished()


def test_a_paragraph_is_a_piece_of_its_own():
    assert pieces(("answer", "one\n\ntwo\n\n"), ("answer", "three")) == [
        Piece("answer", "one\n\ntwo\n\n"),
        Piece("answer", "three"),
    ]


def test_thinking_is_finished_line_by_line_and_belongs_together():
    """And what comes after it does not belong to it."""
    assert pieces(("thinking", "a\nb\nc"), ("answer", "text")) == [
        Piece("thinking", "a\nb\nc"),
        Piece("answer", "text"),
    ]
    page = Page(paragraphs)
    page.add("thinking", "a\nb")
    assert page.take_finished() == [Piece("thinking", "a\n")]
    assert page.tail == Piece("thinking", "b", continues=True)
    page.say("notice", "now")
    assert page.take_finished() == [Piece("thinking", "b", continues=True), Piece("notice", "now")]
    assert page.tail.continues is False


def test_control_characters_do_not_reach_the_terminal():
    """An answer could move the cursor with them, or retitle the window; tabs and new lines are text."""
    assert pieces(("answer", "a\x1b[2Jb\x07\x9b\tc\r\nd")) == [
        Piece("answer", "a\ufffd[2Jb\ufffd\ufffd\tc\nd")
    ]


def test_blank_text_is_no_piece():
    assert pieces(("answer", "\n\n"), ("thinking", " \n")) == []
