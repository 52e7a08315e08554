"""The remote control of a stream, and the threads that it controls."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator, Mapping
from typing import Any

from .exceptions import Clock, StreamCancelledError, StreamStateError, StreamTimeoutError
from .parts.crew import Crew
from .parts.statistics import Statistics
from .parts.watchdog import WATCHDOG
from .stream_config import StreamConfig
from .stream_events import StreamEvent, StreamResult
from .stream_handler import HandlerRegistry
from .stream_processor import Delivery
from .stream_source import StreamSource, as_source
from .stream_state import StreamState, Trigger

_logger = logging.getLogger("api_models")


class StreamRun(Delivery):
    """One run on threads of its own: reading and delivering, two roles, on one thread or two.

    One worker plays both until something must be told while it is blocked in the read (a pause),
    or reading must not wait for what is told (a pause it met itself, delivery by the clock). From
    then on the roles stay parted, with the backlog between them.
    """

    def __init__(
        self,
        source: StreamSource,
        config: StreamConfig,
        registry: HandlerRegistry,
        metadata: Mapping[str, Any],
    ) -> None:
        super().__init__(source, config, registry, metadata)
        self.done = threading.Event()  # set after the last callback, when the run has let go of all
        # The worker lays down the turn to deliver while it reads; who takes it meanwhile delivers
        # from then on.
        self.crew = Crew(f"api-models-{self.stream_id}")
        self._parted = False
        self._is_delivering = False  # on a thread that does nothing else
        self._is_read = False  # to the end: the source is closed then, by who reads
        self.is_over = False

    def start(self) -> None:
        self.machine.fire(Trigger.START)
        self.crew.spawn(self._work)
        WATCHDOG.watch(self)  # here, where the worker need not wait for it

    def pause(self) -> bool:
        paused = self.machine.fire(Trigger.PAUSE)
        if paused:
            self._take_over()
        return paused

    def resume(self) -> bool:
        resumed = self.machine.fire(Trigger.RESUME)
        if resumed:
            WATCHDOG.look_again(self)
        return resumed

    def cancel(self) -> bool:
        cancelled = super().cancel()
        if cancelled:
            self.reader.abort()
        return cancelled

    def next_look(self) -> float | None:
        """What the watchdog asks: seconds until a clock may run out; paused, none can."""
        if self.machine.state is not StreamState.ACTIVE or self.timeout is not None:
            return None
        return self.reader.clocks.next_look(self.machine.elapsed())

    def check_clocks(self) -> None:
        """What the watchdog asks: act on what has run out."""
        clocks, now = self.reader.clocks, self.machine.elapsed()
        if self.machine.state is not StreamState.ACTIVE or self.timeout is not None:
            return
        if (ran_out := clocks.ran_out(now)) is not None:
            self._time_out(*ran_out)
        elif (quiet := clocks.newly_quiet(now)) is not None:
            self.machine.notify(quiet)
            self._take_over()

    def before_pause(self) -> None:
        """Leave reading to another thread, if it is to go on during the pause."""
        if self.config.pause_mode == "drain":
            self._part()

    def _time_out(self, limit: float, clock: Clock) -> None:
        error = StreamTimeoutError(
            f"the {clock} clock of the stream ran out after {limit:.3g} seconds", clock=clock
        )
        if self.reader.time_out(error):
            self.reader.clocks.began_attempt(self.machine.elapsed())  # of somebody else, who is asked now
            return
        self.timeout = error
        self.machine.wake()

    def _take_over(self) -> None:
        """Have what is to be told told now, although the worker is blocked in the read."""
        if self.crew.take_turn():
            self._part_roles()
            self.crew.spawn(self._deliver_on, "-delivery")

    def _part_roles(self) -> None:
        self._parted = self.backlog.bounded = True

    def _work(self) -> None:
        """What the first thread does."""
        try:
            delivers = self._play_both_roles()
        except BaseException as error:  # noqa: BLE001  # every way out is an end that handlers are told of
            self._finish(error)
        else:
            if delivers:
                self._deliver_on()

    def _play_both_roles(self) -> bool:
        """Read and deliver until one of the roles is played elsewhere; whether delivering is left."""
        self.open()
        if self.config.timed:
            self._part()
        turn = self.crew.turn
        while not self._parted:
            turn.append(None)
            if self.machine.notices and self.crew.take_turn():
                self.attend()
                continue
            more = self._read()
            if not self.crew.take_turn():
                # A source that always has more would keep the interpreter's lock from who is to deliver.
                self.machine.wait_until(lambda: self._is_delivering)
                self._read_on(more)
                return False
            if not more:
                break
            self.deliver()
        return True

    def _deliver_on(self) -> None:
        """The delivering role alone, to the end of the stream."""
        self._is_delivering = True
        self.machine.wake()
        error = None
        try:
            while not (self._is_read and not self.backlog):
                self.deliver()
                due = self.flush_due()
                self.machine.wait(lambda: self.backlog or self._is_read, due)
        except BaseException as caught:  # noqa: BLE001  # as above
            error = caught
        self._finish(error)

    def _read(self) -> bool:
        """The reading role, once; False at the end of the source, which is closed then."""
        more = self.reader.read()
        if more and self.timeout is None and self.machine.state is not StreamState.CANCELLED:
            return True
        self._close_source()
        return False

    def _read_on(self, more: bool = True) -> None:
        """The reading role alone, to the end of the source."""
        while more:
            self.machine.wake()
            if self.config.pause_mode == "hold":
                self.machine.wait_while_paused()
            more = self._read()

    def _part(self) -> None:
        if not self._parted and not self._is_read:
            self._part_roles()
            self.crew.spawn(self._read_on, "-reading")

    def _finish(self, error: BaseException | None) -> None:
        """End the run on the thread that delivers."""
        try:
            if self._parted and error is not None:
                self.reader.abort()
            if self._parted:
                self.machine.wait_until(lambda: self._is_read)
            elif not self._is_read:
                self._close_source()
            if self.timeout is not None:
                self.timeout.__cause__ = self.reader.failure
            self.conclude(error or self.timeout or self.reader.failure)
        except BaseException:
            _logger.exception("stream %s ended by a fault of its own", self.stream_id)
        finally:
            self.is_over = True
            WATCHDOG.forget(self)
            self.done.set()

    def _close_source(self) -> None:
        self.reader.close()
        self._is_read = True
        self.machine.wake()


class StreamManager:
    """Runs one stream at a time in the background and controls it from any thread.

    Every control call returns at once and says whether it did something. After a stream has ended
    the manager may start another; handlers stay registered.
    """

    def __init__(self, config: StreamConfig | Mapping[str, Any] | str | None = None) -> None:
        self.config = StreamConfig.of(config)
        self._handlers = HandlerRegistry()
        self._run: StreamRun | None = None
        # Lets one of several starts through; held for the look and the change alone.
        self._starting = threading.Lock()

    def register_handler(self, handler: Any, *, herald: Any = None) -> int:
        """Tell `handler` of every event from now on; the id returned is never used again.

        A `herald` is told before it, counts as one with it, and leaves with it. Raises `ConfigurationError`
        (a `ValueError`) for what is no handler, or is registered.
        """
        return self._handlers.add(handler, herald)

    def unregister_handler(self, handler: Any) -> bool:
        """Tell a handler, given itself or by id, nothing more; False if it is not registered."""
        return self._handlers.remove(handler)

    def start_stream(self, stream_source: Any, metadata: Mapping[str, Any] | None = None) -> str:
        """Begin to read `stream_source` on a thread of the stream's own; returns the stream's id.

        Raises `StreamStateError` while a stream runs, `ConfigurationError` for what is no source.
        """
        source = as_source(stream_source)
        run = StreamRun(source, self.config, self._handlers, metadata or {})
        with self._starting:
            if self._run is not None and not self._run.done.is_set():
                raise StreamStateError("a stream is running: wait for its end, or cancel it")
            self._run = run
        run.start()
        return run.stream_id

    def pause_stream(self) -> bool:
        """Hand out nothing more until resumed, save a token already in a handler's hands."""
        return self._run is not None and self._run.pause()

    def resume_stream(self) -> bool:
        """Go on, beginning with what arrived during the pause."""
        return self._run is not None and self._run.resume()

    def cancel_stream(self) -> bool:
        """End the stream now: no further token, and the source is let go."""
        return self._run is not None and self._run.cancel()

    @property
    def state(self) -> StreamState:
        return StreamState.INACTIVE if self._run is None else self._run.machine.state

    def get_stream_status(self) -> dict[str, Any]:
        """`stream_id`, `state` and `stats` at this moment; the caller's to keep."""
        run = self._run
        if run is None:
            return {"stream_id": None, "state": StreamState.INACTIVE, "stats": Statistics().snapshot()}
        return {"stream_id": run.stream_id, "state": run.machine.state, "stats": run.status()}

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until the last callback has returned; False if that took longer than `timeout`."""
        return self._awaitable().done.wait(timeout)

    def result(self, timeout: float | None = None) -> StreamResult:
        """Wait for the end and return what came of it, or raise what ended it.

        Raises `TimeoutError` after `timeout` seconds; the stream runs on.
        """
        run = self._awaitable()
        if not run.done.wait(timeout):
            raise TimeoutError(f"the stream has not ended within {timeout} seconds")
        if isinstance(run.outcome, StreamResult):
            return run.outcome
        raise run.outcome or StreamStateError("the stream came to no end; see the log")

    def __iter__(self) -> Iterator[str]:
        """Iterate the text as it is handed out, from the start (of the text after a reset).

        A failed stream raises its error after its text, a cancelled one just ends.
        """
        return self._tokens(self._awaitable())

    def events(self) -> Iterator[StreamEvent]:
        """Iterate all that happened, from the start to the end of the stream."""
        return self._awaitable().dispatcher.history()

    def __enter__(self) -> StreamManager:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.cancel_stream()

    def _awaitable(self) -> StreamRun:
        run = self._run
        if run is None:
            raise StreamStateError("no stream was started")
        if run.crew.includes_caller():
            raise StreamStateError("a callback cannot wait for the end of its own stream")
        return run

    @staticmethod
    def _tokens(run: StreamRun) -> Iterator[str]:
        yield from run.dispatcher.log.tokens()
        outcome = run.outcome
        if isinstance(outcome, Exception) and not isinstance(outcome, StreamCancelledError):
            raise outcome
