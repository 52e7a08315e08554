"""A real stream on real threads, driven at random, against a model of what it has to do."""

from __future__ import annotations

from typing import Any

from fakes import TIMEOUT, RecordingHandler, ScriptedSource, finish, outcome, threads_of
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from api_models.streaming.exceptions import StreamCancelledError, StreamingError, StreamStateError
from api_models.streaming.stream_events import StreamResult
from api_models.streaming.stream_manager import StreamManager

RUNNING = ("active", "paused")
ENDED = ("completed", "cancelled", "error")


class Guest:
    """A registered handler, and what the model says it must have heard."""

    def __init__(self, number: int) -> None:
        self.handler = RecordingHandler()
        self.number = number
        self.expected: list[tuple[str, Any]] = []

    def heard(self) -> list[tuple[str, Any]]:
        """The calls so far: a token with its index, an end with its text, the others by name."""
        kept = {"token": lambda call: call.arguments, "error": lambda call: call.arguments[0].partial_text}
        plain = {"complete", "cancelled"}
        return [
            (
                call.name,
                kept[call.name](call)
                if call.name in kept
                else (call.arguments[0] if call.name in plain else None),
            )
            for call in list(self.handler.calls)
            if call.name != "progress"
        ]


class StreamMachine(RuleBasedStateMachine):
    """After each rule the stream has settled: all that must be told has been told, and nothing else."""

    @initialize(size=st.integers(1, 3), mode=st.sampled_from(["drain", "hold"]), history=st.booleans())
    def begin(self, size: int, mode: str, history: bool) -> None:
        self.size, self.mode, self.history = size, mode, history
        self.stream = StreamManager({"buffer_size": size, "pause_mode": mode, "keep_history": history})
        self.state = "inactive"
        self.guests: list[Guest] = []
        self.gone: list[Guest] = []
        self.handler_ids: set[int] = set()
        self.stream_ids: set[str] = set()
        self.source = ScriptedSource()
        self.clear()
        self.register()

    def clear(self) -> None:
        """The model of a new run."""
        self.sent: list[str] = []  # all the source was given
        self.buffer: list[str] = []  # received and not yet a full delivery
        self.waiting: list[str] = []  # sent during the present pause
        self.given = 0  # tokens handed out
        self.ending: str | None = None  # an end that waits behind a pause
        self.count = 0

    # What the model expects

    def expect(self, name: str, value: Any = None) -> None:
        for guest in self.guests:
            guest.expected.append((name, value))

    def expect_delivery(self, tokens: list[str]) -> None:
        self.expect("token", ("".join(tokens), self.given))
        self.given += len(tokens)

    def expect_arrival(self, token: str) -> None:
        self.buffer.append(token)
        if len(self.buffer) == self.size:
            self.expect_delivery(self.buffer)
            self.buffer = []

    def expect_end(self, ending: str) -> None:
        if self.buffer:
            self.expect_delivery(self.buffer)
        self.buffer = []
        self.state = {"complete": "completed", "error": "error"}[ending]
        self.expect(ending, "".join(self.sent))

    def settle(self) -> None:
        """Wait until every guest has heard as much as it must."""
        for guest in self.guests:
            guest.handler.wait_for(lambda guest=guest: len(guest.heard()) >= len(guest.expected))
        if self.state in ENDED:
            finish(self.stream)

    def next_token(self) -> str:
        self.count += 1
        return f"{self.count}|"

    # What can be done at any time

    @rule()
    def register(self) -> None:
        guest = Guest(0)
        guest.number = self.stream.register_handler(guest.handler)
        assert guest.number not in self.handler_ids
        self.handler_ids.add(guest.number)
        self.guests.append(guest)

    @precondition(lambda self: len(self.guests) > 1)
    @rule(data=st.data(), by_id=st.booleans())
    def unregister(self, data: st.DataObject, by_id: bool) -> None:
        guest = self.guests.pop(data.draw(st.integers(1, len(self.guests) - 1)))
        self.gone.append(guest)
        assert self.stream.unregister_handler(guest.number if by_id else guest.handler)
        assert not self.stream.unregister_handler(guest.number)

    @rule()
    def start(self) -> None:
        if self.state in RUNNING:
            try:
                self.stream.start_stream(ScriptedSource())
            except StreamStateError:
                return
            raise AssertionError("a second start went through")
        self.source = ScriptedSource()
        self.clear()
        number = self.stream.start_stream(self.source)
        assert number not in self.stream_ids
        self.stream_ids.add(number)
        self.state = "active"
        self.expect("start")
        self.settle()

    @rule()
    def pause(self) -> None:
        assert self.stream.pause_stream() is (self.state == "active")
        if self.state == "active":
            self.state = "paused"
            self.expect("paused")
            self.settle()

    @rule()
    def resume(self) -> None:
        assert self.stream.resume_stream() is (self.state == "paused")
        if self.state != "paused":
            return
        self.state = "active"
        self.expect("resumed")
        for token in self.waiting:
            self.expect_arrival(token)
        self.waiting = []
        if self.ending:
            self.expect_end(self.ending)
        self.settle()

    @rule()
    def cancel(self) -> None:
        assert self.stream.cancel_stream() is (self.state in RUNNING)
        if self.state not in RUNNING:
            return
        self.state = "cancelled"
        finish(self.stream)
        partial, delivered = outcome(self.stream).partial_text, self.sent[: self.given]
        received = "".join(self.sent)
        if self.mode == "hold" and self.waiting:  # one read was under way and may have brought something
            assert received.startswith(partial)
            assert partial.startswith("".join([*delivered, *self.buffer]))
        else:
            assert partial == received
        self.expect("cancelled", partial)
        self.settle()

    # What the provider does

    @precondition(lambda self: self.state in RUNNING and not self.ending)
    @rule(count=st.integers(1, 4), batch=st.booleans())
    def push(self, count: int, batch: bool) -> None:
        tokens = [self.next_token() for _ in range(count)]
        self.sent += tokens
        self.source.push_batch(*tokens) if batch else self.source.push(*tokens)
        if self.state == "paused":
            self.waiting += tokens
            if self.mode == "drain":
                self.source.wait_until_blocked()
            return
        for token in tokens:
            self.expect_arrival(token)
        self.source.wait_until_blocked()
        self.settle()

    @precondition(lambda self: self.state in RUNNING and not self.ending)
    @rule(ending=st.sampled_from(["complete", "error"]))
    def end(self, ending: str) -> None:
        self.source.end() if ending == "complete" else self.source.fail(ValueError("the wire"))
        if self.state == "paused":
            self.ending = ending
            if self.mode == "drain":
                self.source.wait_until_closed()
        else:
            self.expect_end(ending)
            self.settle()

    @precondition(lambda self: self.state == "active" and len(self.buffer) == self.size - 1)
    @rule(call=st.sampled_from(["pause", "cancel", "resume"]))
    def push_and_call_inside(self, call: str) -> None:
        """The first handler makes a control call from inside its token callback."""
        first, said = self.guests[0], []

        def act(*_: object) -> None:
            said.append(getattr(self.stream, f"{call}_stream")())

        first.handler.inside["token"] = act
        token = self.next_token()
        self.sent.append(token)
        self.source.push(token)
        first.handler.wait_for(lambda: said)
        del first.handler.inside["token"]
        assert said == [call != "resume"]
        if call == "cancel":  # no further callback begins, so that the others do not get this token
            first.expected.append(("token", ("".join([*self.buffer, token]), self.given)))
            self.buffer = []
            self.state = "cancelled"
            self.expect("cancelled", "".join(self.sent))
        else:
            self.expect_arrival(token)
            if call == "pause":
                self.state = "paused"
                self.expect("paused")
        self.settle()

    # What a reader sees

    @precondition(lambda self: self.state in ENDED)
    @rule()
    def read_all(self) -> None:
        read, raised = [], None
        try:
            read.extend(text for text in self.stream)
        except StreamingError as error:
            raised = error
        assert (raised is not None) is (self.state == "error")
        tokens = [value[0] for name, value in self.guests[0].expected if name == "token"]
        text = "".join(read)
        assert "".join(tokens).endswith(text)
        if self.state == "completed":
            assert text == "".join(self.sent)
        if self.history and self.state != "cancelled":
            assert len(read) == -(-len(self.sent) // self.size)

    @precondition(lambda self: self.state in ENDED)
    @rule()
    def ask_for_the_result(self) -> None:
        kinds = {"completed": StreamResult, "cancelled": StreamCancelledError, "error": StreamingError}
        found = outcome(self.stream)
        assert isinstance(found, kinds[self.state])
        assert found is outcome(self.stream)
        if self.state == "completed":
            assert found.text == "".join(self.sent)

    @precondition(lambda self: self.state in RUNNING)
    @rule()
    def wait_in_vain(self) -> None:
        assert self.stream.wait(0) is False

    # What always holds

    @invariant()
    def every_guest_heard_what_it_must(self) -> None:
        for guest in self.guests + self.gone:
            assert guest.heard() == guest.expected

    @invariant()
    def the_state_is_the_models(self) -> None:
        status = self.stream.get_stream_status()
        assert self.stream.state == status["state"] == self.state
        assert status["stats"]["tokens_received"] >= self.given
        assert status["stats"]["errors"] == (self.state == "error")

    def teardown(self) -> None:
        if not hasattr(self, "stream") or self.state == "inactive":
            return
        self.stream.cancel_stream()
        finish(self.stream)
        for thread in threads_of(self.stream):
            thread.join(TIMEOUT)
            assert not thread.is_alive()
        assert self.source.closes == 1


StreamMachine.TestCase.settings = settings(deadline=None, max_examples=120, stateful_step_count=40)
TestStream = StreamMachine.TestCase
