"""Streams of objects whose text the test gives, and a handler that writes down what it is told."""

from __future__ import annotations

import random
import string

from fakes import RecordingHandler, ScriptedSource

from api_models.structured import StructuredStream


class ObjectHandler(RecordingHandler):
    """Writes down the news of an object, too."""

    def on_partial(self, partial):
        self._note("partial", partial)

    def on_field_complete(self, path, value):
        self._note("field", path, value)

    def on_item(self, item):
        self._note("item", item)

    @property
    def partials(self):
        return [partial for (partial,) in self.arguments("partial")]

    @property
    def values(self):
        return [partial.value for partial in self.partials]


def pieces(text, size=4):
    return [text[at : at + size] for at in range(0, len(text), size)]


def answering(wanted, *answers, size=4, mode="native", when_asked=None, **settings):
    """A stream, not started, of these answers one after the other; and the prompts that it asks with.

    An answer is a text, or a source. `when_asked` is called each time, with how often that was.
    """
    waiting = [each if isinstance(each, ScriptedSource) else said(each, size) for each in answers]
    prompts = []

    def ask(prompt, name, schema, note):
        prompts.append(prompt)
        note(mode, "lab", f"m{len(prompts)}")
        if when_asked is not None:
            when_asked(len(prompts))
        return waiting.pop(0)

    return StructuredStream(ask, "Say it.", wanted, **settings), prompts


def said(text, size=4, *last):
    """A source of a text in pieces; `last` are the chunks behind it."""
    return ScriptedSource(*pieces(text, size), *last).end()


class Documents:
    """Random JSON values and their texts, with all that makes partial parsing hard."""

    _CHARACTERS = string.ascii_letters + '"\\/\b\f\n\r\t {}[]:,0é√🌍𝄞\x7f\u2028'

    def __init__(self, seed):
        self._random = random.Random(seed)

    def value(self, depth=3):
        kinds = ["text", "number", "literal"] + ["object", "list"] * (depth > 0)
        return getattr(self, self._random.choice(kinds))(depth)

    def text(self, _=0):
        return "".join(self._random.choices(self._CHARACTERS, k=self._random.randint(0, 9)))

    def number(self, _=0):
        whole = self._random.randint(-(10**12), 10**12)
        return self._random.choice([0, -0.0, whole, whole / 997, whole * 1e9, 1e-7, 12])

    def literal(self, _=0):
        return self._random.choice([True, False, None])

    def object(self, depth=3):
        return {self.text(): self.value(depth - 1) for _ in range(self._random.randint(0, 4))}

    def list(self, depth=3):
        return [self.value(depth - 1) for _ in range(self._random.randint(0, 4))]

    def written(self, value):
        """The value as JSON, with white space and escapes in every place where they may be."""
        if isinstance(value, dict):
            return self._joined(
                "{}", [self._quoted(k) + self._gap() + ":" + self.written(v) for k, v in value.items()]
            )
        if isinstance(value, list):
            return self._joined("[]", [self.written(each) for each in value])
        return (
            self._gap()
            + (self._quoted(value) if isinstance(value, str) else self._plain(value))
            + self._gap()
        )

    def _plain(self, value):
        if value is None or isinstance(value, bool):
            return {None: "null", True: "true", False: "false"}[value]
        text = repr(value)
        return text.replace("e", self._random.choice("eE")) if self._random.random() < 0.5 else text

    def _quoted(self, text):
        return '"' + "".join(map(self._character, text)) + '"'

    def _character(self, character):
        short = {'"': '\\"', "\\": "\\\\", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t"}
        if character < " " or character in '"\\' or self._random.random() < 0.3:
            units = character.encode("utf-16-be")
            escaped = "".join(f"\\u{units[at] << 8 | units[at + 1]:04x}" for at in range(0, len(units), 2))
            return short.get(character, escaped) if self._random.random() < 0.5 else escaped
        return character

    def _joined(self, brackets, parts):
        return (
            brackets[0]
            + self._gap()
            + ",".join(f"{self._gap()}{part}" for part in parts)
            + self._gap()
            + brackets[1]
        )

    def _gap(self):
        return self._random.choice(["", "", "", " ", "\n", "\t  "])
