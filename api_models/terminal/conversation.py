"""What was said, by whom, and how it is kept."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

_NAMES = {"user": "You", "assistant": "Model"}


class Conversation:
    """Questions and answers; a question without an answer is no part of it, but can be asked again."""

    def __init__(self) -> None:
        self.messages: list[dict[str, Any]] = []
        self.question: str | None = None
        """What was asked last."""
        self._saved: set[Path] = set()

    def ask(self, question: str) -> list[dict[str, Any]]:
        """The messages to send for this question."""
        self.question = question
        return [*self.messages, {"role": "user", "content": question}]

    def answered(self, text: str) -> None:
        """Keep the question with its answer; without any text it would only confuse the next one."""
        if text:
            self.messages = [*self.ask(self.question or ""), {"role": "assistant", "content": text}]

    def take_back(self) -> str | None:
        """Forget the answer to the last question, and return that; None if nothing was asked."""
        asked = {"role": "user", "content": self.question}
        if self.messages[-2:-1] == [asked]:
            del self.messages[-2:]
        return self.question

    def save(self, path: Path) -> None:
        """Write it as Markdown, or as messages to go on with if the name ends in `.json`.

        Raises `FileExistsError` for a file that is not of this conversation.
        """
        text = json.dumps(self.messages, ensure_ascii=False, indent=1) + "\n"
        if path.suffix != ".json":
            text = "".join(f"## {_NAMES[each['role']]}\n\n{each['content']}\n\n" for each in self.messages)
        with path.open("w" if path.resolve() in self._saved else "x", encoding="utf-8") as file:
            file.write(text)
        self._saved.add(path.resolve())
