"""What handing a token to 1, 5 and 20 handlers costs, against a plain Python loop over them.

    python -m benchmarks.handlers [--tokens 20000] [--rounds 7]

No network: tokens come from memory, 64 in a read as a busy client brings them (`--batch`), or one
by one from a plain list. The loop catches what a handler raises, as it must, and does nothing else.
Ours runs a whole stream: thread, gate, statistics, history.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import partial

from api_models import StreamManager

from .measure import Bar, Chart, Findings, Goal, interleaved, parser, ratio
from .sources import BatchSource, Counting, bare_loop

_NUMBERS = (1, 5, 20)
_LIMITS = {5: (2.0, 1.2), 20: (2.0, 1.2)}
_LOOP, _OURS, _SINGLY = "plain loop", "ours", "ours, one by one"


def looped(tokens: Sequence[str], handlers: Sequence[Counting]) -> None:
    bare_loop(tokens, handlers)


def streamed(batch: int, tokens: Sequence[str], handlers: Sequence[Counting]) -> None:
    manager = StreamManager()
    for handler in handlers:
        manager.register_handler(handler)
    manager.start_stream(BatchSource(tokens, batch) if batch else tokens)
    manager.result()


def cost(
    run: Callable[[Sequence[str], Sequence[Counting]], None], number: int, tokens: Sequence[str]
) -> float:
    """Nanoseconds of CPU a token."""
    handlers = [Counting() for _ in range(number)]
    begun = time.process_time()
    run(tokens, handlers)
    spent = time.process_time() - begun
    if any(handler.count != len(tokens) for handler in handlers):
        raise RuntimeError("a handler missed a token")
    return spent / len(tokens) * 1e9


def langchain(tokens: Sequence[str], handlers: Sequence[Counting]) -> None:
    """LangChain's callback manager, called with one and the same chunk."""
    from uuid import uuid4

    from langchain_core.callbacks import BaseCallbackHandler, CallbackManager

    class Callback(BaseCallbackHandler):
        def __init__(self, handler: Counting) -> None:
            self.handler = handler

        def on_llm_new_token(self, token: str, **_: object) -> None:
            self.handler.count += 1

    manager = CallbackManager.configure(inheritable_callbacks=[Callback(each) for each in handlers])
    (run,) = manager.on_chat_model_start({"name": "m"}, [[]], run_id=uuid4())
    for token in tokens:
        run.on_llm_new_token(token)


def main(arguments: Sequence[str] | None = None) -> None:
    options = parser(__doc__)
    options.add_argument("--tokens", type=int, default=20_000)
    options.add_argument("--batch", type=int, default=64)
    given = options.parse_args(arguments)
    tokens = ["word "] * given.tokens
    ways = {_LOOP: looped, _OURS: partial(streamed, given.batch), _SINGLY: partial(streamed, 0)}
    kinds = {_LOOP: "floor", _OURS: "ours", _SINGLY: "ours", "langchain callbacks": "peer"}
    try:
        langchain(tokens[:1], [Counting()])
        ways["langchain callbacks"] = langchain
    except ImportError:
        print("langchain: not installed, left out")
    findings = Findings("handlers", "What handlers cost")
    for number in _NUMBERS:
        found = interleaved(
            given.rounds, {name: partial(cost, run, number, tokens) for name, run in ways.items()}
        )
        bars = [Bar.of(name, kinds[name], values) for name, values in found.items()]
        findings.charts.append(
            Chart(f"CPU a token, {number} handler{'s' * (number > 1)}", "ns", bars, logarithmic=True)
        )
        must, aim = _LIMITS.get(number, (None, None))
        medians = {bar.name: f"{bar.median:,.0f} ns" for bar in bars}
        for name in (_OURS, _SINGLY):
            title = f"{number} handler{'s' * (number > 1)}, {name} x {_LOOP}"
            limits = (must, aim) if name == _OURS else (None, None)
            findings.goals.append(
                Goal(title, ratio(found[name], found[_LOOP]), "x", *limits, medians[name], medians[_LOOP])
            )
    findings.write(given.json, vars(given))


if __name__ == "__main__":
    main()
