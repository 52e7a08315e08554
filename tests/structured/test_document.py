"""Where the JSON in an answer begins and ends, and what is wrong with it."""

from __future__ import annotations

import pytest
from answers import pieces

from api_models.structured.document import Document, MalformedDocument

JSON = '{"a": [1, "b"]}'


def fed(text, size=1, roots="{["):
    document = Document(roots)
    for piece in pieces(text, size):
        document.feed(piece)
    return document


@pytest.mark.parametrize("size", [1, 5, 1000])
@pytest.mark.parametrize(
    "text",
    [
        JSON,
        f"\n\t {JSON}\n",
        f"```json\n{JSON}\n```",
        f"```\n{JSON}\n```\nI hope that this helps!",
        f"```json\n{JSON}\n```\nAs you see in [1], {{a}} is a list.",
        f"Sure! Here it is:\n\n```json\n{JSON}\n```",
        f"The fields of {{name}} and [it] are: {JSON}",
        f"<think>Maybe {{\"a\": 2}}? No.</think>\n{JSON}",
        f"\n<think></think>{JSON}",
        f"<thinking of you> {JSON}",
        f"\ufeff{JSON}",
    ],
)  # fmt: skip
def test_the_document_is_found(text, size):
    document = fed(text, size)
    assert document.whole() == JSON.encode()
    assert [document.value(each) for each in document.closed] == [1, "b", [1, "b"], {"a": [1, "b"]}]
    assert document.growing is None


def test_a_list_is_looked_for_where_one_may_be():
    assert fed('see [1, "x"]').whole() == b'[1, "x"]'
    with pytest.raises(MalformedDocument, match="no JSON"):
        fed('see [1, "x"]', roots="{").whole()


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "there is no JSON in the answer"),
        ("I cannot do that.", "there is no JSON in the answer"),
        ("<think>{}", "there is no JSON in the answer"),
        ('{"a": [1, ', "breaks off inside a.1"),
        ('{"a": {"b": "tex', "breaks off inside a.b"),
        ("{", "no JSON"),
        ('{"a": 1', "breaks off inside a"),
        ('{"a": 1}}', "followed by more JSON"),
        ('{"a": 1} {"a": 2}', "followed by more JSON"),
        ('```\n{"a": 1}\n```\n```\n{"a": 2}\n```', "followed by more JSON"),
        ('{"a": 1, "a": 2}', "duplicate key"),
        ('{"a": NaN}', "is not JSON"),
        ('{"a": -Infinity}', "is not JSON"),
        ('{"a" 1}', "is not JSON"),
        ('{"a": 1]', "is not JSON"),
        ('{"a": 01}', "is not JSON"),
        ('{"a": "\\ud83d"}', "is not JSON"),
        ("{'a': 1}", "no JSON"),
        ("[" * 100_000 + "]" * 100_000, "more than 200"),
    ],
)
def test_what_is_wrong_is_said(text, problem):
    with pytest.raises(MalformedDocument, match=problem):
        fed(text).whole()


def test_a_lone_surrogate_is_no_end_of_the_world():
    """A decoder may let one through; it is not JSON, and that is all."""
    with pytest.raises(MalformedDocument):
        fed('{"a": "\ud83d"}').whole()


def test_each_byte_is_looked_at_about_once():
    """A long text inside, or a long remark before, costs no more than another."""
    for text in (
        '{"a": "' + "x" * 50_000 + '"}',
        "So [it] is {said}. " * 2_500 + JSON,
        "{" + " " * 200_000 + "}",
    ):
        document = fed(text, 4)
        assert document.end is not None


def test_names_are_as_they_are_meant():
    document = fed('{"\\u00e9\\n": 1, "": 2}')
    assert [each.path for each in document.closed] == [("é\n",), ("",), ()]
