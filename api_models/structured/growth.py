"""From the text of an answer to partials: jiter is asked again when the text has grown enough."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from .answer_model import InvalidAnswer, ResponseModel
from .document import Closed, Document, MalformedDocument
from .partial import CompletePaths, Partial, Path, has_step

_GROWTH_SHARE = 50
"""A text is parsed again when it has grown by one part in so many: each piece of a short one, and of a long
one so seldom that the work grows with its length, not with the square of it."""


@dataclass(frozen=True, slots=True)
class FieldCompleted:
    """What stands at `path` will not change any more."""

    path: Path
    value: Any


@dataclass(frozen=True, slots=True)
class ItemCompleted:
    """An element of the list."""

    item: Any


News = Partial | FieldCompleted | ItemCompleted


class Growth:
    """What one reader has heard of an answer. `wants` are the kinds of news to make, the others cost nothing.

    An answer that turns out to be no JSON grows no more: what is wrong with it is said at its end.
    """

    def __init__(self, model: ResponseModel[Any], wants: set[type[News]]) -> None:
        self.wants = wants
        self.attempt = 0
        self._model = model
        self._list_path, self._fields = model.list_path, model.fields
        self._roots = "{" if model.wrapper is None else "{["
        self._broken = False
        self._begin_attempt()

    def feed(self, text: str) -> list[News]:
        """What follows from the next piece of text."""
        news: list[News] = []
        if self._broken:
            return news
        try:
            self._document.feed(text)
            for closed in self._document.closed:
                self._note_end(closed, news)
            self._document.closed.clear()
            if Partial in self.wants and self._is_due():
                news += self._news_of_growth()
        except MalformedDocument:
            self._broken = True
        return news

    def reset(self) -> list[News]:
        """Another attempt begins from nothing."""
        self._begin_attempt()
        return [Partial(None, CompletePaths(None, ()), self.attempt, True, fields_expected=self._expected)]

    def finish(self) -> list[News]:
        """The answer has ended, and was found valid."""
        return [self._partial(*self._seen(), is_final=True)] if Partial in self.wants else []

    @property
    def counts(self) -> tuple[int, int]:
        """The fields and the elements that are complete."""
        return self._fields_done, self._items_done

    def progress(self) -> dict[str, int | None]:
        """How far it has come, as a status says it."""
        return {
            "attempt": self.attempt,
            "fields_done": self._fields_done,
            "fields_expected": self._expected,
            "items_done": self._items_done,
        }

    @property
    def _expected(self) -> int | None:
        return None if self._fields is None else len(self._fields)

    def _begin_attempt(self) -> None:
        self.attempt += 1
        self._document = Document(self._roots)
        self._broken = False
        self._parsed_length = 0
        self._last: tuple[Any, Path | None] = None, ()
        self._fields_done = self._items_done = 0

    def _is_due(self) -> bool:
        document, parsed = self._document, self._parsed_length
        if document.begin is None:
            return False
        if document.end is not None:
            return parsed < document.end
        return len(document) > parsed and (len(document) - parsed) * _GROWTH_SHARE >= parsed

    def _news_of_growth(self) -> list[Partial]:
        """A partial, unless there is nothing to see that was not there before."""
        self._parsed_length = len(self._document)
        before, self._last = self._last, self._seen()
        return [self._partial(*self._last)] if self._last != before else []

    def _seen(self) -> tuple[Any, Path | None]:
        """What has come, and the path of what still grows in it, as seen by who knows of no wrapper."""
        value, growing = self._document.snapshot(), self._document.growing
        if self._is_wrapped:
            if self._model.wrapper not in value:
                return None, ()
            value = value[self._model.wrapper]
            growing = None if growing is None else self._inside(growing)
        return value, None if growing is None else _visible(growing, value)

    def _partial(self, value: Any, growing: Path | None, is_final: bool = False) -> Partial:
        return Partial(
            value,
            CompletePaths(value, growing),
            self.attempt,
            is_final=is_final,
            fields_done=self._fields_done,
            fields_expected=self._expected,
            items_done=self._items_done,
        )

    @property
    def _is_wrapped(self) -> bool:
        return self._model.wrapper is not None and not self._document.is_list

    def _inside(self, path: Path) -> Path | None:
        """A path as seen by who knows of no wrapper; None for what is outside."""
        if not self._is_wrapped:
            return path
        return path[1:] if path[:1] == (self._model.wrapper,) else None

    def _note_end(self, closed: Closed, news: list[News]) -> None:
        path = self._inside(closed.path)
        if not path:
            return
        if self._fields is not None and len(path) == 1 and path[0] in self._fields:
            self._fields_done += 1
        is_item = self._list_path is not None and path[:-1] == self._list_path and isinstance(path[-1], int)
        self._items_done += is_item
        if FieldCompleted in self.wants or (is_item and ItemCompleted in self.wants):
            self._tell_end(path, self._document.value(closed), is_item, news)

    def _tell_end(self, path: Path, value: Any, is_item: bool, news: list[News]) -> None:
        if FieldCompleted in self.wants:
            news.append(FieldCompleted(path, value))
        if is_item and ItemCompleted in self.wants:
            try:
                news.append(ItemCompleted(self._model.item(value)))
            except InvalidAnswer:
                return  # the whole will be refused for it


def _visible(path: Sequence[Any], value: Any) -> tuple[Any, ...]:
    """A path that ends where nothing has come yet in the same way, whatever is to come there."""
    for at, step in enumerate(path):
        if not has_step(value, step):
            return (*path[:at], None)
        value = value[step]
    return tuple(path)
