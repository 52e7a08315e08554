"""What is said of an answer while it comes never turns out to be wrong."""

from __future__ import annotations

import json
from itertools import pairwise

import pytest
from answers import Documents, pieces

from api_models.structured.growth import FieldCompleted, Growth, ItemCompleted
from api_models.structured.partial import Partial
from api_models.structured.response_model import response_model

ALL = {Partial, FieldCompleted, ItemCompleted}
ANYTHING = response_model({"type": "object"})
NUMBERS = response_model(list[int])


class EachTime(Growth):
    """Parses after each piece, as short as it may be, and says so even if nothing has changed."""

    def _is_due(self):
        return self._document.begin is not None

    def _news_of_growth(self):
        return [self._partial(*self._seen())]


def look_up(value, path):
    for step in path:
        value = value[step]
    return value


def same(one, other):
    """Equal in type, too: 1 is not True, and not 1.0."""
    return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)


def is_prefix(part, whole):
    """Whether what still grows may become this: texts from the front, lists from the front."""
    if isinstance(part, dict):
        return isinstance(whole, dict) and all(name in whole for name in part)
    if isinstance(part, list):
        return isinstance(whole, list) and len(part) <= len(whole)
    return not isinstance(part, str) or (isinstance(whole, str) and whole.startswith(part))


def check_against(news, value):
    """Hold what was said to what became of it."""
    for each in news:
        if isinstance(each, FieldCompleted):
            assert same(each.value, look_up(value, each.path))
        elif isinstance(each, Partial):
            for path in each.complete:
                assert same(look_up(each.value, path), look_up(value, path))
            assert is_prefix(each.value, value)


@pytest.mark.parametrize("seed", range(500))
def test_no_prefix_of_a_document_contradicts_the_whole(seed):
    """Escapes, surrogates, exponents, nesting and names in any script, after each single character."""
    documents = Documents(seed)
    value = documents.object(4)
    text = documents.written(value)
    assert same(json.loads(text), value)
    growth, told, complete = EachTime(ANYTHING, ALL), [], set()
    for character in text:
        news = growth.feed(character)
        check_against(news, value)
        told += [each.path for each in news if isinstance(each, FieldCompleted)]
        (partial,) = [each for each in news if isinstance(each, Partial)] or [None]
        if partial is not None:
            found = set(partial.complete)
            assert found >= complete, "what was complete stays so"
            assert found >= set(told), "what was told as complete is"
            complete = found
    (last,) = growth.finish()
    assert same(last.value, value) and last.is_final and last.is_complete()
    assert len(told) == len(set(told)) == len(last.complete) - 1  # all but the whole, each once


@pytest.mark.parametrize("seed", range(60))
@pytest.mark.parametrize("size", [1, 3, 17])
def test_the_schedule_says_nothing_else(seed, size):
    """Parsing now and then leaves out partials, and the last is the same."""
    documents = Documents(seed)
    value = documents.object(4)
    growth = Growth(ANYTHING, ALL)
    for piece in pieces(documents.written(value), size):
        check_against(growth.feed(piece), value)
    assert same(growth.finish()[0].value, value)


@pytest.mark.parametrize("seed", range(100))
def test_what_is_no_json_raises_nothing(seed):
    """Whatever a model says, it is only in the end that something is wrong with it."""
    documents = Documents(seed)
    text = documents.written(documents.object(4))
    at = seed % len(text)
    for broken in (
        text[:at] + text[at + 1 :],
        text[:at] + '"' + text[at:],
        text[:at] + "}]" + text[at:],
        text[::-1],
    ):
        growth = Growth(ANYTHING, ALL)
        for piece in pieces(broken, 3):
            growth.feed(piece)


def test_a_number_is_complete_when_something_follows_it():
    growth, seen = EachTime(ANYTHING, ALL), []
    for character in '{"n": 12':
        seen = growth.feed(character)
    (partial,) = seen
    assert partial.value == {"n": 12} and not partial.is_complete("n")
    field, partial = growth.feed(" ")
    assert field == FieldCompleted(("n",), 12) and partial.is_complete("n")


def test_a_word_shows_when_it_is_whole():
    growth = EachTime(ANYTHING, ALL)
    for piece in ('{"a": t', "r", "u"):
        assert [each.value for each in growth.feed(piece)] == [{}]
    assert growth.feed("e")[-1].value == {"a": True}


@pytest.mark.parametrize("cut", range(1, 12))
def test_a_text_is_never_cut_inside_of_an_escape(cut):
    """Half a surrogate pair is not shown, and does not come out as something else."""
    escaped = "\\ud83d\\ude00"
    growth = EachTime(ANYTHING, ALL)
    (partial,) = growth.feed('{"a": "x' + escaped[:cut])
    assert partial.value == {"a": "x"}
    assert growth.feed(escaped[cut:] + '"')[-1].value == {"a": "x😀"}


def test_items_are_told_as_they_close():
    growth, items = Growth(NUMBERS, {ItemCompleted}), []
    for character in '{"items": [1, 22, 3]}':
        items.append([each.item for each in growth.feed(character)])
    assert [item for each in items for item in each] == [1, 22, 3]
    assert items[12] == [1]  # at the comma


def test_a_bare_list_will_do_for_a_list():
    """Who is not held to the schema answers so."""
    growth = EachTime(NUMBERS, ALL)
    assert growth.feed("[1, 2")[-1].value == [1, 2]
    assert growth.feed("]")[-1].is_complete()
    assert growth.finish()[0].value == [1, 2]


def test_nobody_sees_the_wrapper():
    growth, seen = EachTime(NUMBERS, ALL), []
    for character in '{"items": [1, [2]]}':
        seen += growth.feed(character)
    assert seen[0].value is None and not seen[0].is_complete() and len(seen[0].complete) == 0
    assert [each.path for each in seen if isinstance(each, FieldCompleted)] == [(0,), (1, 0), (1,)]
    partials = [each for each in seen if isinstance(each, Partial)]
    assert partials[-2].is_complete() and partials[-2].value == [1, [2]]


def test_an_element_that_is_not_valid_is_not_told():
    """It will be the whole's fault in the end."""
    growth = Growth(NUMBERS, {ItemCompleted})
    assert [each.item for each in growth.feed('["x", 2]')] == [2]


def test_a_reset_begins_from_nothing():
    growth = Growth(ANYTHING, ALL)
    growth.feed('{"a": 1, "b": "something long"')
    (partial,) = growth.reset()
    assert (partial.value, partial.attempt, partial.is_reset, set(partial.complete)) == (None, 2, True, set())
    assert growth.feed('{"c": 3}')[-1].value == {"c": 3}


def test_fields_are_counted_of_those_that_the_schema_names():
    model = response_model({"type": "object", "properties": {"a": {}, "b": {}}})
    growth = EachTime(model, {Partial})
    counts = [growth.feed(piece)[-1] for piece in ('{"a": {"b": 1}', ', "x": 1', ', "b": 2', "}")]
    assert [(each.fields_done, each.fields_expected) for each in counts] == [(1, 2), (1, 2), (1, 2), (2, 2)]


def test_items_are_counted():
    growth = EachTime(NUMBERS, {Partial})
    assert [growth.feed(piece)[-1].items_done for piece in ("[1", ", 2", "]")] == [0, 1, 2]


@pytest.mark.parametrize("length", [10_000, 80_000])
def test_the_work_grows_with_the_length_of_the_text(length, monkeypatch):
    """Bytes that are parsed are so many times those that come, whatever their number."""
    parsed = []
    growth = Growth(ANYTHING, {Partial})
    snapshot = type(growth._document).snapshot
    monkeypatch.setattr(
        type(growth._document), "snapshot", lambda self: (parsed.append(len(self)), snapshot(self))[1]
    )
    for piece in pieces(json.dumps({"rows": ["some text"] * (length // 13)})):
        growth.feed(piece)
    assert sum(parsed) < 60 * length


def test_a_partial_says_something_that_the_one_before_did_not():
    growth, told = Growth(ANYTHING, {Partial}), []
    for character in '{"a"  :  1,   "bcd": [ "x" , {} ]  }  and so on':
        told += growth.feed(character)
    assert all(
        (one.value, set(one.complete)) != (two.value, set(two.complete)) for one, two in pairwise(told)
    )
    assert [each.value for each in told] == [
        {},
        {"a": 1},
        {"a": 1},
        {"a": 1, "bcd": []},
        {"a": 1, "bcd": [""]},
        {"a": 1, "bcd": ["x"]},
        {"a": 1, "bcd": ["x"]},
        {"a": 1, "bcd": ["x", {}]},
        {"a": 1, "bcd": ["x", {}]},
        {"a": 1, "bcd": ["x", {}]},
        {"a": 1, "bcd": ["x", {}]},
    ]


def test_what_follows_the_document_is_not_parsed():
    growth = Growth(ANYTHING, {Partial})
    assert growth.feed('{"a": 1}')[-1].is_complete()
    assert growth.feed("\nThat is all.") == []
