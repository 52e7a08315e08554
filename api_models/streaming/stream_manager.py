"""The remote control of a stream, and the threads that run it."""

from __future__ import annotations

import contextvars
import logging
import threading
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from .exceptions import Clock, StreamCancelledError, StreamStateError, StreamTimeoutError
from .stream_clocks import WATCHDOG
from .stream_config import StreamConfig
from .stream_delivery import Delivery
from .stream_events import StreamEvent, StreamResult
from .stream_handler import HandlerRegistry
from .stream_source import IterableSource, StreamSource, as_source
from .stream_state import StreamState, Trigger

_logger = logging.getLogger("api_models")


_ENDED = IterableSource(())
"""Stands in for the source of a run that has ended: an ended run keeps nothing of it alive."""


class StreamRun:
    """One run: two roles, reading the source and delivering to the handlers, on one thread or two.

    One worker plays both until something must be told while it is blocked in the read (a pause),
    or reading must not wait for what is told (a pause it met itself, delivery by the clock). From
    then on the roles stay parted, with `Delivery.backlog` between them.
    """

    def __init__(self, source: StreamSource, delivery: Delivery) -> None:
        self.delivery = delivery
        self.machine = delivery.machine
        self.done = threading.Event()  # set after the last callback, when the run has let go of all
        self._source = source
        self._failure: BaseException | None = None
        self._timeout: StreamTimeoutError | None = None
        self._read_to_end = threading.Event()  # set when the source is closed, by who reads
        # The turn to deliver. The worker lays it down while it reads; who takes it meanwhile
        # delivers from then on. No lock: nobody ever waits for it.
        self._turn: list[None] = []
        self._parted = False
        self._context = contextvars.copy_context()  # of who starts the stream; each thread runs in a copy
        self._threads: set[threading.Thread] = set()

    def start(self) -> None:
        self.machine.fire(Trigger.START)
        self._spawn(self._work, "")

    def is_own_thread(self) -> bool:
        return threading.current_thread() in self._threads

    def pause(self) -> bool:
        if not self.machine.fire(Trigger.PAUSE):
            return False
        self._take_over()
        return True

    def resume(self) -> bool:
        resumed = self.machine.fire(Trigger.RESUME)
        if resumed:
            WATCHDOG.poke()
        return resumed

    def cancel(self) -> bool:
        if not self.delivery.cancel():
            return False
        self._abort()
        return True

    def check_clocks(self) -> float | None:
        """What the watchdog asks: act on what has run out; seconds until something else may."""
        clocks, now = self.delivery.clocks, self.machine.elapsed()
        if self.machine.state is not StreamState.ACTIVE:
            return None
        limits = sorted(clocks.limits())
        if limits and limits[0][0] <= now:
            self._time_out(*limits[0])
            return None
        looks = [] if clocks.shortest is None else [clocks.shortest]
        looks += [at - now for at, _ in limits[:1]]
        quiet_at = clocks.quiet_at()
        if quiet_at is not None and quiet_at > now:
            looks.append(quiet_at - now)
        elif quiet_at is not None:
            clocks.told_quiet()
            self.machine.notify(now - clocks.last_content)
            self._take_over()
        return min(looks, default=None)

    def _time_out(self, limit: float, clock: Clock) -> None:
        error = StreamTimeoutError(
            f"the {clock} clock of the stream ran out after {limit:.3g} seconds", clock=clock
        )
        try:
            if self._source.time_out(error):
                return
        except Exception:
            _logger.warning("ending the source of stream %s", self.delivery.stream_id, exc_info=True)
        self._timeout = error
        self.delivery.in_haste = True
        self.machine.wake()

    def _take_over(self) -> None:
        """Have what is to be told told now, although the worker is blocked in the read."""
        if self._take_turn():
            self._part_roles()
            self._spawn(self._deliver, "-delivery")

    def _part_roles(self) -> None:
        self._parted = self.delivery.backlog.bounded = True

    def _spawn(self, role: Callable[[], None], suffix: str) -> None:
        """Start a daemon thread: it plays one role, and is gone when the stream has ended."""
        thread = threading.Thread(
            target=self._context.copy().run,
            args=(role,),
            name=f"api-models-{self.delivery.stream_id}{suffix}",
            daemon=True,
        )
        self._threads.add(thread)
        thread.start()

    def _take_turn(self) -> bool:
        try:
            self._turn.pop()
        except IndexError:
            return False
        return True

    def _work(self) -> None:
        """Both roles, one after the other, until one of them is played elsewhere."""
        WATCHDOG.watch(self)
        try:
            self.delivery.begin()
            self._source.open(self.delivery.config)
            if self.delivery.config.timed:
                self._part()
            while not self._parted:
                self._turn.append(None)
                if self.machine.notices and self._take_turn():
                    self.delivery.attend(self._keep_reading)
                    continue
                more = self._read()
                if not self._take_turn():
                    return self._read_on(more)
                if not more:
                    break
                self.delivery.deliver(self._keep_reading)
        except BaseException as error:  # every way out is an end that handlers are told of
            return self._finish(error)
        self._deliver()

    def _deliver(self) -> None:
        """The delivering role alone, to the end of the stream."""
        delivery, error = self.delivery, None
        try:
            while not (self._read_to_end.is_set() and not delivery.backlog):
                delivery.deliver(self._keep_reading)
                due = delivery.flush_due()
                self.machine.wait(lambda: delivery.backlog or self._read_to_end.is_set(), due)
        except BaseException as caught:  # as above
            error = caught
        self._finish(error)

    def _read(self) -> bool:
        """The reading role, once: put what comes on the backlog; False at the end of the source."""
        clock, clocks = self.machine.clock, self.delivery.clocks
        begun = clock()
        clocks.began_waiting(self.machine.elapsed())
        try:
            chunks = self._source.read()
        except BaseException as error:  # whatever a source raises ends its stream
            chunks, self._failure = None, error
        clocks.is_waiting = False
        self.delivery.stats.bytes_received = self._source.bytes_received
        if chunks is not None and not self._timeout and self.machine.state is not StreamState.CANCELLED:
            try:
                self.delivery.arrive(chunks, clock() - begun)
            except Exception as error:  # the backlog cannot be kept: the disk is full
                self._failure = error
            else:
                return True
        self._close_source()
        return False

    def _read_on(self, more: bool = True) -> None:
        """The reading role alone, to the end of the source."""
        while more:
            self.machine.wake()
            if self.delivery.config.pause_mode == "hold":
                self.machine.wait_while_paused()
            more = self._read()

    def _keep_reading(self) -> None:
        """Before the one thread waits out a pause: leave reading to another, if it is to go on."""
        if self.delivery.config.pause_mode == "drain":
            self._part()

    def _part(self) -> None:
        if not self._parted and not self._read_to_end.is_set():
            self._part_roles()
            self._spawn(self._read_on, "-reading")

    def _finish(self, error: BaseException | None) -> None:
        """End the run on the thread that delivers."""
        try:
            if self._parted and error is not None:
                self._abort()
            if self._parted:
                self._read_to_end.wait()
            elif not self._read_to_end.is_set():
                self._close_source()
            if self._timeout is not None:
                self._timeout.__cause__ = self._failure
            self.delivery.conclude(error or self._timeout or self._failure)
        except BaseException:
            _logger.exception("stream %s ended by a fault of its own", self.delivery.stream_id)
        finally:
            WATCHDOG.forget(self)
            self._source = _ENDED
            self._failure = None
            self.done.set()

    def _close_source(self) -> None:
        try:
            self._source.close()
        except Exception:
            _logger.warning("closing the source of stream %s", self.delivery.stream_id, exc_info=True)
        self._read_to_end.set()
        self.machine.wake()

    def _abort(self) -> None:
        try:
            self._source.abort()
        except Exception:
            _logger.warning("aborting the source of stream %s", self.delivery.stream_id, exc_info=True)


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

    def register_handler(self, handler: Any) -> int:
        """Tell `handler` of every event from now on; the id returned is never used again.

        Raises `ConfigurationError` (a `ValueError`) for what is no handler, or is registered.
        """
        return self._handlers.add(handler)

    def unregister_handler(self, handler: Any) -> bool:
        """Tell a handler, given itself or by id, nothing more; False if it is not registered."""
        return self._handlers.remove(handler)

    def start_stream(self, stream_source: Any, metadata: Mapping[str, Any] | None = None) -> str:
        """Begin to read `stream_source` on a thread of the stream's own; returns the stream's id.

        Raises `StreamStateError` while a stream runs, `ConfigurationError` for what is no source.
        """
        source = as_source(stream_source)
        delivery = Delivery(self.config, self._handlers, metadata or {})
        run = StreamRun(source, delivery)
        with self._starting:
            if self._run is not None and not self._run.done.is_set():
                raise StreamStateError("a stream is running: wait for its end, or cancel it")
            self._run = run
        run.start()
        return delivery.stream_id

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
        if self._run is None:
            unused = Delivery(self.config, self._handlers, {})
            return {"stream_id": None, "state": StreamState.INACTIVE, "stats": unused.status()}
        delivery = self._run.delivery
        return {
            "stream_id": delivery.stream_id,
            "state": delivery.machine.state,
            "stats": delivery.status(),
        }

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
        if isinstance(run.delivery.outcome, StreamResult):
            return run.delivery.outcome
        raise run.delivery.outcome or StreamStateError("the stream came to no end; see the log")

    def __iter__(self) -> Iterator[str]:
        """Iterate the text as it is handed out, from the start (of the text after a reset).

        A failed stream raises its error after its text, a cancelled one just ends.
        """
        return self._tokens(self._awaitable())

    def events(self) -> Iterator[StreamEvent]:
        """Iterate all that happened, from the start to the end of the stream."""
        return self._awaitable().delivery.log.events()

    def __enter__(self) -> StreamManager:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.cancel_stream()

    def _awaitable(self) -> StreamRun:
        run = self._run
        if run is None:
            raise StreamStateError("no stream was started")
        if run.is_own_thread():
            raise StreamStateError("a callback cannot wait for the end of its own stream")
        return run

    @staticmethod
    def _tokens(run: StreamRun) -> Iterator[str]:
        yield from run.delivery.log.tokens()
        outcome = run.delivery.outcome
        if isinstance(outcome, Exception) and not isinstance(outcome, StreamCancelledError):
            raise outcome
