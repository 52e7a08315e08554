"""One pane of a window, whatever toolkit draws it: a conversation with one model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from ..clients.continuation import Seam, continued_prompt, takes_prefill
from ..exceptions import APIModelError
from ..handlers.pump import Pump
from ..model_manager import APIModelManager
from ..streaming import stream_events as events
from ..streaming.stream_handler import StreamHandler
from ..streaming.stream_manager import StreamManager
from ..streaming.stream_state import StreamState
from .status import Status, figures_of, title_of


@dataclass(frozen=True)
class Setup:
    """What the conversations of a window have in common."""

    manager: APIModelManager
    models: list[str]
    """To choose from; any other may be asked."""
    params: Mapping[str, Any]


class View(Protocol):
    """What shows a conversation; called on the thread of the window alone."""

    def show_prompt(self, text: str) -> None:
        """A question; what is shown next is about the answer to it."""

    def show_thinking(self, text: str) -> None: ...

    def show_text(self, text: str) -> None: ...

    def show_note(self, text: str) -> None:
        """Something about the answer that is no part of it."""

    def forget_answer(self) -> None:
        """Take away what was shown since the last question: another answer comes in its place."""

    def forget_all(self) -> None: ...

    def show_status(self, status: Status) -> None: ...


class Conversation(StreamHandler):
    """Asks, and shows what comes; all of it on the thread of the window, which attaches the `pump`.

    An answer that failed, was stopped or cut stays, and `go_on` asks for the rest of it.
    """

    def __init__(self, setup: Setup, view: View) -> None:
        self.pump = Pump(self)
        self._setup = setup
        self._view = view
        self._messages: list[dict[str, Any]] = []  # to the question that `answer` answers
        self._shown: list[str] = []  # what `answer` consists of
        self._stream: StreamManager | None = None
        self._result: events.StreamResult | None = None
        self._error = ""
        self._model_id: str | None = None
        self._asked: Mapping[str, Any] = {}  # the metadata of the stream, which name provider and model
        self._has_begun = self._has_ended = False  # as far as has been shown
        self._before = ""  # what the answer had come to when the stream was started
        self._is_prefilled: bool | None = None  # whether that was given as a prefill; None if it is empty
        self._seam: Seam | None = None  # between that and what the stream brings

    def ask(self, prompt: str, model_id: str | None = None) -> bool:
        """Ask the next question; False while an answer is on its way, or if nothing is asked."""
        if self.put(prompt) is None:
            return False
        self.answer_with(model_id)
        return True

    def put(self, prompt: str) -> list[dict[str, Any]] | None:
        """Show the next question, and return all that is to be asked; None where `ask` says False."""
        if self.is_running or not prompt.strip():
            return None
        self._settle()
        self._messages.append({"role": "user", "content": prompt})
        self._view.show_prompt(prompt)
        return [*self._messages]

    def answer_with(self, model_id: str | None, stream: StreamManager | None = None) -> None:
        """Have the question answered; by this stream, which the `pump` listens to, if there is one."""
        self._start([*self._messages], model_id, None, stream)

    def go_on(self, model_id: str | None = None) -> bool:
        """Ask for the rest of an answer that has an open end; for all of it if nothing had come."""
        if not self.status().can_continue:
            return False
        if not self.answer:
            self._start([*self._messages], model_id, None)
            return True
        provider, model = self._answering(model_id)
        prompt = continued_prompt(self._messages, self.answer, provider, model)
        self._start(prompt, model_id, takes_prefill(provider, model) is not None)
        return True

    def pause_or_resume(self) -> bool:
        """Pause if it runs, resume if it is paused; what had come before the pause is shown at once."""
        if self._stream is None:
            return False
        done = self._stream.resume_stream() or self._stream.pause_stream()
        self.pump.drain()
        self.refresh()
        return done

    def stop(self) -> bool:
        """Stop the answer on the wire; what had come is shown, and stays."""
        stopped = self._stream is not None and self._stream.cancel_stream()
        self.pump.drain()
        self.refresh()
        return stopped

    def start_over(self) -> None:
        """Stop what runs and forget what was said."""
        self.stop()
        self._stream, self._result, self._error = None, None, ""
        self._messages, self._shown = [], []
        self._view.forget_all()
        self.refresh()

    def close(self) -> None:
        """Stop what runs and show nothing more: the window is going."""
        self.pump.close()
        if self._stream is not None:
            self._stream.cancel_stream()

    @property
    def answer(self) -> str:
        """The last one, as far as it has been shown."""
        return "".join(self._shown)

    @property
    def is_running(self) -> bool:
        return self.state in (StreamState.ACTIVE, StreamState.PAUSED)

    @property
    def state(self) -> StreamState:
        """That of the stream; its own end counts once all text before it has been shown."""
        if self._stream is None:
            return StreamState.ERROR if self._error else StreamState.INACTIVE
        state = self._stream.state
        if state == StreamState.INACTIVE:  # one of several tracks, which begin a moment later
            return StreamState.ACTIVE
        is_past = state in (StreamState.COMPLETED, StreamState.ERROR)
        return StreamState.ACTIVE if is_past and not self._has_ended else state

    def status(self) -> Status:
        state = self.state
        cut = self._result is not None and self._result.stop_reason == "length"
        has_open_end = state in (StreamState.ERROR, StreamState.CANCELLED) or cut
        return Status(
            state,
            title_of(state, self._has_begun),
            figures_of(self._stream.get_stream_status()["stats"], self._result) if self._stream else "",
            self._error,
            has_open_end and bool(self._messages),
        )

    def refresh(self) -> None:
        """Show the state and the figures of this moment; to be called a few times a second."""
        self._view.show_status(self.status())

    def transcript(self) -> str:
        """The conversation as Markdown, to be saved."""
        said = [*self._messages, {"role": "assistant", "content": self.answer}]
        titles = {"user": "You", "assistant": "Model"}
        return (
            "\n\n".join(f"## {titles[one['role']]}\n\n{one['content']}" for one in said if one["content"])
            + "\n"
        )

    def on_event(self, event: events.StreamEvent) -> None:
        """Hear of the answer that is shown now; an earlier one that was stopped is past."""
        if self._stream is None or event.stream_id != self._stream.get_stream_status()["stream_id"]:
            return
        if isinstance(event, events.StreamCompleted):
            self._result = event.result
        super().on_event(event)

    def on_stream_start(self, metadata: Mapping[str, Any]) -> None:
        self._asked = metadata

    def on_token_received(self, token: str, index: int) -> None:
        self._add(token if self._seam is None else self._seam.join(token))

    def on_thinking_received(self, text: str, index: int) -> None:
        self._view.show_thinking(text)

    def on_tool_call(self, tool_call: events.ToolCall) -> None:
        self._view.show_note(f"asks for {tool_call.name}({tool_call.arguments_json})")

    def on_stream_reset(self, reason: str) -> None:
        self._view.forget_answer()
        self._shown = []
        self._add(self._before)
        self._seam = self._new_seam()

    def on_stream_complete(self, full_response: str) -> None:
        self._end()

    def on_stream_error(self, error: APIModelError) -> None:
        self._error = str(error) or type(error).__name__
        self._end()

    def on_stream_cancelled(self, partial_response: str) -> None:
        self._end()

    def _start(
        self,
        prompt: Any,
        model_id: str | None,
        is_prefilled: bool | None,
        stream: StreamManager | None = None,
    ) -> None:
        self._result, self._error, self._has_begun, self._has_ended = None, "", False, False
        self._before, self._model_id, self._is_prefilled = self.answer, model_id, is_prefilled
        self._seam = self._new_seam()
        try:
            self._stream = stream or self._setup.manager.generate_stream_with_handlers(
                prompt, model_id, self._setup.params, [self.pump]
            )
        except APIModelError as error:  # a missing key, most likely: nothing was sent
            self._stream, self._error = None, str(error)
        self.refresh()

    def _new_seam(self) -> Seam | None:
        return None if self._is_prefilled is None else Seam(self._before, self._is_prefilled)

    def _settle(self) -> None:
        """Close the last turn; one that was never answered would confuse the next one."""
        if self.answer:
            self._messages.append({"role": "assistant", "content": self.answer})
        elif self._messages:
            self._messages.pop()
        self._shown = []

    def _answering(self, model_id: str | None) -> tuple[str, str]:
        """Provider and model, if the one that is to go on is the one that began; else of no known kind."""
        if model_id != self._model_id:
            return "", ""
        return self._asked.get("provider") or "", self._asked.get("model") or ""

    def _add(self, text: str) -> None:
        if text:
            self._has_begun = True
            self._shown.append(text)
            self._view.show_text(text)

    def _end(self) -> None:
        if self._seam is not None:
            self._add(self._seam.rest())
        self._has_ended = True
        self.refresh()
