"""The threads that run one stream."""

from __future__ import annotations

import contextvars
import logging
import threading
from collections.abc import Callable

from .exceptions import Clock, StreamTimeoutError
from .stream_clocks import WATCHDOG
from .stream_delivery import Delivery
from .stream_source import IterableSource, StreamSource, close_source
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
        except Exception:  # a user's source; the stream ends all the same
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
        """What the first thread does."""
        WATCHDOG.watch(self)
        try:
            delivers = self._play_both_roles()
        except BaseException as error:  # noqa: BLE001  # every way out is an end that handlers are told of
            self._finish(error)
        else:
            if delivers:
                self._deliver()

    def _play_both_roles(self) -> bool:
        """Read and deliver until one of the roles is played elsewhere; whether delivering is left."""
        delivery = self.delivery
        delivery.begin()
        self._source.open(delivery.config)
        delivery.clocks.began_attempt(self.machine.elapsed())
        if delivery.config.timed:
            self._part()
        while not self._parted:
            self._turn.append(None)
            if self.machine.notices and self._take_turn():
                delivery.attend(self._keep_reading)
                continue
            more = self._read()
            if not self._take_turn():
                self._read_on(more)
                return False
            if not more:
                break
            delivery.deliver(self._keep_reading)
        return True

    def _deliver(self) -> None:
        """The delivering role alone, to the end of the stream."""
        delivery, error = self.delivery, None
        try:
            while not (self._read_to_end.is_set() and not delivery.backlog):
                delivery.deliver(self._keep_reading)
                due = delivery.flush_due()
                self.machine.wait(lambda: delivery.backlog or self._read_to_end.is_set(), due)
        except BaseException as caught:  # noqa: BLE001  # as above
            error = caught
        self._finish(error)

    def _read(self) -> bool:
        """The reading role, once; False at the end of the source, which is closed then."""
        more = self.delivery.read(self._source)
        if more and self._timeout is None and self.machine.state is not StreamState.CANCELLED:
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
            failure = self.delivery.failure
            if self._timeout is not None:
                self._timeout.__cause__ = failure
            self.delivery.conclude(error or self._timeout or failure)
        except BaseException:
            _logger.exception("stream %s ended by a fault of its own", self.delivery.stream_id)
        finally:
            WATCHDOG.forget(self)
            self._source, self.delivery.failure = _ENDED, None
            self.done.set()

    def _close_source(self) -> None:
        close_source(self._source, self.delivery.stream_id)
        self._read_to_end.set()
        self.machine.wake()

    def _abort(self) -> None:
        try:
            self._source.abort()
        except Exception:  # a user's source; the stream is cancelled all the same
            _logger.warning("aborting the source of stream %s", self.delivery.stream_id, exc_info=True)
