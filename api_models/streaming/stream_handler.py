"""Who is told: the handler to subclass, the register of handlers, and the one caller of user code."""

from __future__ import annotations

import itertools
import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from ..exceptions import APIModelError, ConfigurationError
from . import stream_events as events
from .exceptions import HandlerError
from .parts.log import Log, is_token
from .stream_config import StreamConfig

_logger = logging.getLogger("api_models")

# Which hook an event goes to, and with what; events that are not here reach `on_event` alone.
_ROUTES: dict[type[events.StreamEvent], tuple[str, Callable[[Any], tuple[Any, ...]]]] = {
    events.StreamStarted: ("on_stream_start", lambda event: (event.metadata,)),
    events.TokenReceived: ("on_token_received", lambda event: (event.text, event.index)),
    events.ThinkingReceived: ("on_thinking_received", lambda event: (event.text, event.index)),
    events.ToolCallReceived: ("on_tool_call", lambda event: (event.tool_call,)),
    events.StreamPaused: ("on_stream_paused", lambda event: ()),
    events.StreamResumed: ("on_stream_resumed", lambda event: ()),
    events.StreamReset: ("on_stream_reset", lambda event: (event.reason,)),
    events.StreamProgress: ("on_progress", lambda event: (event,)),
    events.StreamCompleted: ("on_stream_complete", lambda event: (event.result.text,)),
    events.StreamFailed: ("on_stream_error", lambda event: (event.error,)),
    events.StreamCancelled: ("on_stream_cancelled", lambda event: (event.partial_text,)),
}


_HOOKS = "on_event", *(name for name, _ in _ROUTES.values())


def route(handler: Any, event: events.StreamEvent) -> None:
    """Call the hook of `handler` that belongs to the event, if both exist."""
    if type(event) in _ROUTES:
        name, arguments = _ROUTES[type(event)]
        hook = getattr(handler, name, None)
        if hook is not None:
            hook(*arguments(event))


class StreamHandler:
    """Observes streams: override what you want to hear of, the rest is free.

    A handler owns nothing and may serve several streams. Hooks run on the stream's own threads,
    one at a time and in order. Control calls are legal inside them; `wait` and `result` are not.
    """

    tokens_as_events = True
    """Whether an `on_event` of the handler's own gets text too. If False, text goes to `on_token_received`
    alone, and no event is made of it: five times as fast. A handler with `on_texts_received(texts, index)` is
    given there, at once, what was handed out together, instead of token by token."""

    def on_event(self, event: events.StreamEvent) -> None:
        """Every event comes here first; the default passes it on to the hooks below."""
        route(self, event)

    def on_stream_start(self, metadata: Mapping[str, Any]) -> None:
        """First of all, once: `stream_id`, `provider`, `model`, and what the caller added."""

    def on_token_received(self, token: str, index: int) -> None:
        """The next piece of the answer; `index` counts the provider's tokens before it."""

    def on_thinking_received(self, text: str, index: int) -> None:
        """The next piece of the model's thinking, which is no part of the answer."""

    def on_tool_call(self, tool_call: events.ToolCall) -> None:
        """A whole call that the model asks for."""

    def on_progress(self, progress: events.StreamProgress) -> None:
        """At most every `progress_interval` seconds while text arrives."""

    def on_stream_paused(self) -> None:
        """Nothing more comes until `on_stream_resumed` or `on_stream_cancelled`."""

    def on_stream_resumed(self) -> None:
        """Text comes again, beginning with what arrived during the pause."""

    def on_stream_reset(self, reason: str) -> None:
        """Forget the text so far: a new attempt begins from an empty text."""

    def on_stream_complete(self, full_response: str) -> None:
        """Last: the answer is whole. One of this and the next two comes, exactly once."""

    def on_stream_error(self, error: APIModelError) -> None:
        """Last: the stream failed; `error.partial_text` is what had arrived."""

    def on_stream_cancelled(self, partial_response: str) -> None:
        """Last: the stream was cancelled; this is what had arrived."""


class _Hook:
    """One way to call one handler; once that is gone, nobody is called."""

    __slots__ = ("call", "entry")

    def __init__(self, entry: _Entry) -> None:
        self.entry = entry
        self.call: Callable[[Any, Any], Any] = _ignore

    def lead_to(self, call: Callable[[Any, Any], Any]) -> None:
        self.call = call
        if self.entry.gone:  # looked at last, as it is set first
            self.call = _ignore


def _ignore(_: Any, __: Any) -> None:
    """What is called of a handler that is gone: to look each time costs more."""


class _Entry:
    """A registered handler, with the hooks it really has, looked up once."""

    def __init__(self, number: int, handler: Any) -> None:
        self.number = number
        self.handler = handler
        self.gone = False
        own = getattr(handler, "on_event", None)
        self.on_event = own if own is not None else lambda event: route(handler, event)
        overrides = own is not None and getattr(own, "__func__", own) is not StreamHandler.on_event
        self.wants_events = overrides and getattr(handler, "tokens_as_events", True)
        token = getattr(handler, "on_token_received", None)
        default = getattr(token, "__func__", token) is StreamHandler.on_token_received
        together = getattr(handler, "on_texts_received", None)
        self.on_texts = None if self.wants_events else together
        self.on_token = None if self.wants_events or default or together else token
        self.event_hook, self.token_hook, self.texts_hook = _Hook(self), _Hook(self), _Hook(self)
        self.event_hook.lead_to(self._tell)
        if self.on_texts is not None:
            self.texts_hook.lead_to(self.on_texts)

    def leave(self) -> None:
        """Be called no more, even for what others are being told now."""
        self.gone = True
        self.event_hook.call = self.token_hook.call = self.texts_hook.call = _ignore

    def _tell(self, event: events.StreamEvent, _: None) -> None:
        self.on_event(event)


class HandlerRegistry:
    """Handlers by identity, under ids that are never used twice."""

    def __init__(self) -> None:
        self.entries: tuple[_Entry, ...] = ()
        """A snapshot, replaced at every change: who iterates it is not disturbed."""
        self._numbers = itertools.count(1)
        # Serialises registrations; never held while a handler is called.
        self._lock = threading.Lock()

    def add(self, handler: Any, herald: Any = None) -> int:
        """The herald of a handler is told before it, shares its id and failures, and leaves with it."""
        _check_handler(handler)
        with self._lock:
            if any(entry.handler is handler for entry in self.entries):
                raise ConfigurationError(f"{handler!r} is registered already")
            number = next(self._numbers)
            told = (handler,) if herald is None else (herald, handler)
            self.entries += tuple(_Entry(number, each) for each in told)
        return number

    def remove(self, handler: Any) -> bool:
        """Remove by the handler itself or by its id; False if it is not registered."""
        with self._lock:
            by_itself = [entry.number for entry in self.entries if entry.handler is handler]
            numbers = by_itself or ([handler] if type(handler) is int else [])
            found = [entry for entry in self.entries if entry.number in numbers]
            for entry in found:
                entry.leave()
            self.entries = tuple(entry for entry in self.entries if not entry.gone)
        return bool(found)


class Dispatcher:
    """Tells the log and the handlers of one run what happened; nothing else calls user code."""

    def __init__(
        self, registry: HandlerRegistry, config: StreamConfig, stream_id: str, elapsed: Callable[[], float]
    ) -> None:
        self.log = Log(config.keep_history)
        self.handler_time = 0.0
        self.handler_errors = 0
        self.interruption: BaseException | None = None
        """Ctrl-C or an exit raised in a handler, which is for the caller of the program to see."""
        self._registry = registry
        self._seen: tuple[_Entry, ...] = ()  # the handlers that the lists of hooks were made of
        self._policy = config.handler_errors
        self._stream_id = stream_id
        self._elapsed = elapsed
        self._failures: dict[int, int] = {}  # by handler id
        self._token_hooks: list[_Hook] = []
        self._texts_hooks: list[_Hook] = []
        self._muted = False

    def tell(self, kind: type[events.StreamEvent], *values: Any) -> None:
        """Give an event of this kind to every handler registered now.

        Raises `HandlerError` when a handler failed and the policy says that ends the stream;
        all handlers have had the event by then.
        """
        event = kind(self._stream_id, self._elapsed(), *values)
        # Progress is told again and again: as numbers it is nothing that the garbage collector visits.
        self.log.add((event.elapsed, *values) if kind is events.StreamProgress else event)
        self._call_timed([entry.event_hook for entry in self._registry.entries], event, None)

    def tell_text(self, text: str, index: int) -> None:
        """Give text to every handler; as an event only where somebody looks at events."""
        self.log.add((text, index, self._elapsed()))
        self._call_timed(self._hooks_of_now(), text, index)
        if self._texts_hooks:
            self._call_timed(self._texts_hooks, [text], index)

    def tell_texts(self, waiting: deque[Any], notices: deque[Any], texts: list[str], index: int) -> None:
        """Give the texts at the front of `waiting` to every handler, one by one, by way of the log's `texts`.

        Goes on until something else comes, a notice, or a change of the handlers. It is `_call` with a loop
        around it: to enter a function, or a generator, once a token takes as long as a call in it.
        """
        hooks, registry, handlers, log = self._hooks_of_now(), self._registry, self._seen, self.log
        take, culprit = waiting.popleft, None
        while waiting and not notices and registry.entries is handlers:
            text = take()
            if type(text) is not str or not text:
                waiting.appendleft(text)
                return
            texts.append(text)
            if log.sleepers:
                log.wake()
            for hook in hooks:
                call = hook.call
                try:
                    call(text, index)
                except BaseException as error:  # noqa: BLE001  # as in _call
                    culprit = self._note_failure(hook.entry, error) or culprit
            if culprit is not None:
                raise _handler_failed(culprit) from culprit
            index += 1

    def tell_together(self, texts: list[str], begin: int, index: int) -> None:
        """Give what stands in `texts` from `begin` on, which came together, to those who take it so."""
        if self._texts_hooks and len(texts) > begin:
            self._call(self._texts_hooks, texts[begin:], index)

    def history(self) -> Iterator[events.StreamEvent]:
        """All that was told, from the start to the end of the run."""
        for entry in self.log.entries():
            if is_token(entry):
                yield self._text_event(*entry)
            elif isinstance(entry, tuple):
                yield events.StreamProgress(self._stream_id, *entry)
            else:
                yield entry

    def mute(self) -> None:
        """Begin no further token callback; a loop over the hooks ends with the one it is in."""
        self._muted = True
        self._token_hooks.clear()
        self._texts_hooks.clear()

    def _hooks_of_now(self) -> list[_Hook]:
        """Whom to call with a token: no event is made that nobody looks at."""
        if self._registry.entries is not self._seen:
            self._seen = self._registry.entries
            self._token_hooks = [hook for entry in self._seen if (hook := self._token_hook(entry))]
            self._texts_hooks = [entry.texts_hook for entry in self._seen if entry.on_texts]
            if self._muted:  # after the lists are in place: mute() sets first and clears second
                self.mute()
        return self._token_hooks

    def _call(self, hooks: list[_Hook], first: Any, second: Any) -> None:
        """Call user code. What it raises is logged and counted, and never another handler's loss."""
        culprit: BaseException | None = None
        for hook in hooks:
            try:
                hook.call(first, second)
            except BaseException as error:  # noqa: BLE001  # SystemExit in a handler must not harm the others either
                culprit = self._note_failure(hook.entry, error) or culprit
        if culprit is not None:
            raise _handler_failed(culprit) from culprit

    def _call_timed(self, hooks: list[_Hook], first: Any, second: Any) -> None:
        begun = time.monotonic()
        try:
            self._call(hooks, first, second)
        finally:
            self.handler_time += time.monotonic() - begun

    def _note_failure(self, entry: _Entry, error: BaseException) -> BaseException | None:
        """Log and count the failure; return it if it ends the stream."""
        self.handler_errors += 1
        failures = self._failures[entry.number] = self._failures.get(entry.number, 0) + 1
        _logger.error("handler %r failed in stream %s", entry.handler, self._stream_id, exc_info=error)
        if isinstance(self._policy, int) and failures >= self._policy:
            self._registry.remove(entry.number)
        if not isinstance(error, Exception):
            self.interruption = error
        return error if self._policy == "stop" or self.interruption is error else None

    def _token_hook(self, entry: _Entry) -> _Hook | None:
        if entry.wants_events:
            entry.token_hook.lead_to(
                lambda text, index: entry.on_event(self._text_event(text, index, self._elapsed()))
            )
        elif entry.on_token is not None:
            entry.token_hook.lead_to(entry.on_token)
        else:
            return None
        return entry.token_hook

    def _text_event(self, text: str, index: int, elapsed: float) -> events.TokenReceived:
        return events.TokenReceived(self._stream_id, elapsed, text, index)


def _handler_failed(error: BaseException) -> HandlerError:
    return HandlerError(f"a handler failed: {error!r}")


def _check_handler(handler: Any) -> None:
    if isinstance(handler, type):
        raise ConfigurationError(f"register a handler, not its class: {handler.__name__}()")
    if not any(callable(getattr(handler, name, None)) for name in _HOOKS):
        raise ConfigurationError(
            f"not a handler: {handler!r}; subclass StreamHandler or define one of {', '.join(_HOOKS)}"
        )
