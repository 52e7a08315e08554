"""A conversation in a terminal: one line asks, Ctrl-C stops the answer, and at the prompt leaves."""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ..exceptions import APIModelError, ConfigurationError
from ..model_manager import APIModelManager
from ..streaming.stream_handler import StreamHandler
from ..streaming.stream_manager import StreamManager
from .conversation import Conversation
from .interrupts import held_back_interrupts
from .showing import keys_of, stop

try:
    import readline
except ImportError:  # Windows, where the console edits lines by itself
    readline = None  # type: ignore[assignment]

PROMPT = "> "

_COMMAND = re.compile(r"/(\w*)(?:\s+(.*))?$")


class Chat:
    """Asks the manager line by line, and has `handler` show the answers, until the user leaves.

    Raises `ConfigurationError` where even the first answer cannot be asked for; a model chosen later
    that cannot be asked is told and forgotten.
    """

    def __init__(
        self,
        manager: APIModelManager,
        handler: StreamHandler,
        model: str | None,
        params: Mapping[str, Any],
    ) -> None:
        self._manager = manager
        self._handler = handler
        self._model = model
        self._params = params
        self._conversation = Conversation()
        self._asked: tuple[str | None, ...] = ()  # the model that could be asked last, if any

    def run(self) -> None:
        """Ask and answer until the end of input, Ctrl-C at an empty prompt, or `/quit`."""
        while (line := ask_line()) is not None:
            command = _COMMAND.match(line.strip())
            if command is None:
                self._ask(line)
            elif command[1] == "quit":
                return
            else:
                self._obey(command[1], (command[2] or "").strip())

    def _obey(self, name: str, argument: str) -> None:
        if name not in _COMMANDS:
            tell(f"there is no /{name}; /help tells what there is")
            return
        try:
            _COMMANDS[name](self, argument)
        except OSError as error:
            tell(str(error))

    def _ask(self, question: str) -> None:
        if not question.strip():
            return
        try:
            answer = self._answer(self._conversation.ask(question))
        except ConfigurationError as error:
            if not self._asked:
                raise
            (self._model,) = self._asked
            tell(f"{error}; still asking {self._model or 'the default model'}")
            return
        self._conversation.answered(answer)

    def _answer(self, messages: list[dict[str, Any]]) -> str:
        """The answer, or what had arrived of it if it failed or was stopped."""
        stream = None
        try:
            with held_back_interrupts():
                stream = self._start(messages)
            with keys_of(self._handler, stream):
                stream.wait()
        except KeyboardInterrupt:
            if stream is not None:
                stop(self._handler, stream)
            tell("stopped; Ctrl-C again leaves")
        return _text_of(stream)

    def _start(self, messages: list[dict[str, Any]]) -> StreamManager:
        stream = self._manager.generate_stream_with_handlers(
            messages, self._model, self._params, [self._handler]
        )
        self._asked = (self._model,)
        return stream

    def _choose(self, name: str) -> None:
        if name:
            self._model = name
        tell(f"asking {self._model or 'the default model'}")

    def _retry(self, _: str) -> None:
        question = self._conversation.take_back()
        if question is None:
            tell("nothing was asked yet")
        else:
            self._ask(question)

    def _save(self, name: str) -> None:
        path = Path(name or time.strftime("chat-%Y%m%d-%H%M%S.md")).expanduser()
        try:
            self._conversation.save(path)
        except FileExistsError:
            tell(f"{path} exists; choose another name")
        else:
            tell(f"saved to {path}")

    def _help(self, _: str) -> None:
        for line in _HELP:
            tell(line)


_COMMANDS: Mapping[str, Callable[[Chat, str], None]] = {
    "help": Chat._help,
    "model": Chat._choose,
    "retry": Chat._retry,
    "save": Chat._save,
}
_HELP = (
    "/model [NAME]  ask another model from now on: provider:model, a provider, or a model",
    "/retry         ask the last question again; its answer is forgotten",
    "/save [FILE]   keep the conversation, as Markdown, or as messages in FILE.json",
    "/help          this",
    "/quit          leave, as do Ctrl-D and Ctrl-C at an empty prompt",
    "Ctrl-C stops an answer. What was typed before is found with the arrow keys.",
)


def ask_line() -> str | None:
    """What the user types; None for the end of input.

    Ctrl-C clears a line that was begun, and means the end of input where there is none.
    """
    while True:
        try:
            return input(PROMPT)
        except EOFError:
            print()
            return None
        except KeyboardInterrupt:
            print()
            if not _is_typing():
                return None


def tell(line: str) -> None:
    """Say something that is no part of the conversation."""
    print(f"-- {line} --", file=sys.stderr, flush=True)


def _is_typing() -> bool:
    return readline is not None and sys.stdin.isatty() and bool(readline.get_line_buffer())


def _text_of(stream: StreamManager | None) -> str:
    if stream is None:
        return ""
    try:
        return stream.result(0).text
    except (APIModelError, TimeoutError) as error:  # of which the handler has told
        return getattr(error, "partial_text", "")
