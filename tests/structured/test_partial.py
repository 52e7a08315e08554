"""What is complete can be asked for by path, counted, and gathered."""

from __future__ import annotations

import dataclasses

import pytest

from api_models.structured import CompletePaths, Partial

VALUE = {"a": [1, {"b": 2}], "c": "tex"}


@pytest.mark.parametrize(
    ("growing", "complete"),
    [
        (("c",), {("a",), ("a", 0), ("a", 1), ("a", 1, "b")}),
        (("a", 1, "b"), {("a", 0), ("c",)}),
        (("a", 2), {("a", 0), ("a", 1), ("a", 1, "b"), ("c",)}),
        ((None,), {("a",), ("a", 0), ("a", 1), ("a", 1, "b"), ("c",)}),
        (None, {(), ("a",), ("a", 0), ("a", 1), ("a", 1, "b"), ("c",)}),
    ],
)
def test_all_is_complete_but_what_grows_and_what_is_around_it(growing, complete):
    paths = CompletePaths(VALUE, growing)
    assert set(paths) == complete == {path for path in complete if path in paths}
    assert len(paths) == len(complete) and paths == complete
    assert paths & {("a",), ()} == complete & {("a",), ()}


@pytest.mark.parametrize("path", [("x",), ("a", 7), ("a", "b"), ("c", 0), ("a", -1), (0,), "c", None])
def test_what_is_not_there_is_not_complete(path):
    assert path not in CompletePaths(VALUE, None)


def test_a_partial_says_it_in_words():
    partial = Partial(VALUE, CompletePaths(VALUE, ("c",)))
    assert partial.is_complete("a", 1, "b") and not partial.is_complete("c") and not partial.is_complete()
    with pytest.raises(dataclasses.FrozenInstanceError):
        partial.value = None
    assert "('a', 1, 'b')" in repr(partial)
