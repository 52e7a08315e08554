"""What counts as a source, and how a plain iterable becomes one."""

from __future__ import annotations

import pytest
from fakes import ScriptedSource

from api_models.exceptions import ConfigurationError
from api_models.streaming.stream_events import ResetNotice, StreamChunk
from api_models.streaming.stream_source import IterableSource, StreamSource, as_source, text_of


class Spring:
    """An iterable that counts what is done to it, and whose iterator can be closed too."""

    def __init__(self, *chunks: str) -> None:
        self.chunks = chunks
        self.done: list[str] = []

    def __iter__(self):
        try:
            yield from self.chunks
        finally:
            self.done.append("iterator closed")

    def abort(self) -> None:
        self.done.append("aborted")

    def close(self) -> None:
        self.done.append("closed")


def test_a_source_is_taken_as_it_is():
    """Only what is not yet a source is wrapped."""
    source = ScriptedSource()
    assert as_source(source) is source


@pytest.mark.parametrize("make", [list, tuple, iter, lambda words: (word for word in words)])
def test_any_iterable_is_a_source(make):
    """Chunks come one a read, and then None, again and again."""
    source = as_source(make(["a", "b"]))
    assert [source.read() for _ in range(4)] == [("a",), ("b",), None, None]


@pytest.mark.parametrize("value", ["text", b"bytes", 7, None, object(), list])
def test_what_cannot_be_read_is_refused(value):
    """A lone text would be handed out letter by letter, so it is refused like any other mistake."""
    with pytest.raises(ConfigurationError, match="iterable of chunks"):
        as_source(value)


def test_nothing_is_read_before_the_first_read():
    """Wrapping alone does not touch the iterable."""
    touched = []

    class Shy:
        def __iter__(self):
            touched.append(1)
            return iter("a")

    source = as_source(Shy())
    assert touched == []
    assert source.read() == ("a",)


def test_abort_is_passed_on():
    """An iterable with an abort of its own is aborted; one without is left alone."""
    spring = Spring("a")
    source = as_source(spring)
    source.abort()
    source.abort()
    as_source(["a"]).abort()
    assert spring.done == ["aborted", "aborted"]


def test_close_closes_the_iterator_and_what_made_it():
    """The generator's `finally` runs, then the iterable's own close."""
    spring = Spring("a", "b")
    source = as_source(spring)
    source.read()
    source.close()
    assert spring.done == ["iterator closed", "closed"]


def test_close_before_the_first_read_closes_the_iterable():
    """A run that ends before it read anything lets its source go, too."""
    spring = Spring("a")
    as_source(spring).close()
    assert spring.done == ["closed"]


def test_a_generator_is_closed_once():
    """What is its own iterator is not closed twice."""

    class Once:
        closed = 0

        def __iter__(self):
            return self

        def __next__(self):
            return "a"

        def close(self):
            self.closed += 1

    once = Once()
    source = IterableSource(once)
    source.read()
    source.close()
    assert once.closed == 1


def test_a_source_can_be_iterated():
    """Batches are flattened, heartbeats vanish."""
    source = ScriptedSource().push("a").push_batch().push_batch("b", "c").end()
    assert list(source) == ["a", "b", "c"]


def test_a_source_needs_only_read():
    """The other methods have defaults that do nothing."""

    class Bare(StreamSource):
        def read(self):
            return None

    bare = Bare()
    bare.abort()
    bare.close()
    assert list(bare) == []
    assert bare.bytes_received == 0
    with pytest.raises(TypeError):
        StreamSource()


def test_the_visible_text_of_a_chunk():
    """Thinking is none, and neither is what only tells that something happened."""
    chunks = ["a", StreamChunk(text="b", thinking="hm"), StreamChunk(model="m"), ResetNotice("again"), None]
    assert [text_of(chunk) for chunk in chunks] == ["a", "b", "", "", ""]
