"""Broken answers by the hundred thousand, for the decoders of all wires.

    python tests/fuzz/fuzz_decoders.py [--inputs 200000] [--seed 1]

Each input is a recorded or scripted answer, mutated: bytes, lines, events, and values inside the JSON.
It is decoded whole and in random pieces. Nothing may be raised, both ways must come to the same, and
neither time nor memory may grow faster than the input. The seed and the number of a bad input are shown:
`--seed S --only N` makes it again.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from api_models import APIModelError, StreamChunk
from api_models.clients.wire import Decoder
from api_models.clients.wire_chat import ChatDecoder
from api_models.clients.wire_messages import MessagesDecoder
from api_models.clients.wire_ollama import OllamaDecoder
from api_models.clients.wire_responses import ResponsesDecoder
from api_models.testing import anthropic, chat, responses

RECORDINGS = Path(__file__).parents[3] / "shared" / "wire"
LONGEST_RECORDING = 12_000  # bytes; longer ones cost time and show nothing else
LONGEST_INPUT = 64_000
MOST_HEAD = 65_536
MOST_SECONDS, MOST_SECONDS_PER_BYTE = 0.25, 20e-6
"""CPU time for one input: a hundred times what it takes, and still far below anything quadratic."""

DECODERS: dict[str, Callable[[], Decoder]] = {
    "messages": MessagesDecoder,
    "chat, strict": lambda: ChatDecoder(False),
    "chat, lenient": lambda: ChatDecoder(True),
    "responses": ResponsesDecoder,
    "ollama": OllamaDecoder,
}
TOOL = ("call_1", "look_up", ['{"city": ', '"Köln"}'])
OLLAMA = [
    {"model": "m", "message": {"role": "assistant", "content": "Grüße "}, "done": False},
    {"model": "m", "message": {"content": "🌍", "thinking": "hm"}, "done": False},
    {"model": "m", "message": {"content": "", "tool_calls": [{"function": {"name": "f", "arguments": {}}}]}},
    {"model": "m", "done": True, "done_reason": "stop", "prompt_eval_count": 3, "eval_count": 2},
]
PIECES = (
    b"\n", b"\r", b"\r\n", b"\n\n", b"\r\r", b"\n\r\n", b"\xef\xbb\xbf", b"\xff", b"\x00", "🌍".encode()[:2],
    "\u2028".encode(), b"data:", b"data: ", b"event: error\n", b": beat\n\n", b"data: [DONE]\n\n", b"[DONE]",
    b"data: null\n\n", b"data: []\n\n", b"data: 1e999\n\n", b"data: NaN\n\n", b'{"error":{}}', b'"', b"\\", b"}",
    b'data: {"error": {"message": "no", "code": 503}}\n\n', b'data: {"type":"error"}\n\n', b"\\ud800", b"\\u0000",
    b"data: " + b"[" * 3000 + b"\n\n", b"9" * 5000, b'{"done":true}\n', b"id\n", b"retry: x\n", b"<html>",
)  # fmt: skip
VALUES: tuple[Any, ...] = (
    None, True, False, 0, -1, 1.5, 10**40, 1e308, "", "x", "null", "429", "context_length_exceeded", [], {}, [[]],
    [None], [1], {"x": None}, {"message": 1}, {"error": {"message": "no", "type": "overloaded_error"}}, [{}],
    "🌍", "\x00", "\u2028", "a\nb", '"', "\\", {"type": "text", "text": 3}, [{"index": {}, "id": []}],
)  # fmt: skip


class BadInputError(AssertionError):
    """An input to which a decoder does something that it must not."""


def corpus() -> dict[str, list[bytes]]:
    """The recordings, if they are beside the checkout, and what our own provider says; by wire."""
    tokens = ["Grüße, ", "Welt", " 🌍", "\n", '"quoted" \\ '] * 3
    scripted = {
        "messages": [anthropic(tokens, thinking=["hm", "m"], tool=TOOL)],
        "chat": [chat(tokens, reasoning=["hm"], tool=TOOL), chat(tokens, done=False)],
        "responses": [responses(tokens)],
    }
    bodies = {
        wire: [b"".join(event.wire for event in events) for events in answers]
        for wire, answers in scripted.items()
    }
    bodies["ollama"] = [b"".join(json.dumps(line).encode() + b"\n" for line in OLLAMA)]
    for path in sorted(RECORDINGS.rglob("*")):
        if path.suffix in (".sse", ".ndjson"):
            wire = "ollama" if path.suffix == ".ndjson" else path.parent.name
            bodies[wire].append(path.read_bytes()[:LONGEST_RECORDING])
    return bodies


def mutate(body: bytes, bodies: list[bytes], rng: random.Random) -> bytes:
    for _ in range(rng.randint(0, 5)):
        body = rng.choice(MUTATIONS)(body, bodies, rng)[:LONGEST_INPUT]
    return body


def _span(body: bytes, rng: random.Random) -> tuple[int, int]:
    begin = rng.randint(0, len(body))
    return begin, min(len(body), begin + int(2 ** rng.uniform(0, 10)))


def _flip(body: bytes, _: list[bytes], rng: random.Random) -> bytes:
    changed = bytearray(body)
    for _number in range(rng.randint(1, 4) if body else 0):
        changed[rng.randrange(len(changed))] = rng.randrange(256)
    return bytes(changed)


def _delete(body: bytes, _: list[bytes], rng: random.Random) -> bytes:
    begin, end = _span(body, rng)
    return body[:begin] + body[end:]


def _repeat(body: bytes, _: list[bytes], rng: random.Random) -> bytes:
    begin, end = _span(body, rng)
    return body[:end] + body[begin:end] * rng.randint(1, 20) + body[end:]


def _insert(body: bytes, _: list[bytes], rng: random.Random) -> bytes:
    at = rng.randint(0, len(body))
    return body[:at] + rng.choice(PIECES) + body[at:]


def _splice(body: bytes, bodies: list[bytes], rng: random.Random) -> bytes:
    other = rng.choice(bodies)
    begin, end = _span(other, rng)
    at = rng.randint(0, len(body))
    return body[:at] + other[begin:end] + body[at:]


def _truncate(body: bytes, _: list[bytes], rng: random.Random) -> bytes:
    return body[: rng.randint(0, len(body))]


def _shuffle(body: bytes, _: list[bytes], rng: random.Random) -> bytes:
    events = body.split(b"\n\n")
    first, second = rng.randrange(len(events)), rng.randrange(len(events))
    events[first], events[second] = events[second], events[first]
    return b"\n\n".join(events)


def _line_ends(body: bytes, _: list[bytes], rng: random.Random) -> bytes:
    ends = [b"\n", b"\r\n", b"\r"]
    one = rng.choice([*ends, None])
    lines = body.split(b"\n")
    return b"".join(line + (one or rng.choice(ends)) for line in lines)


def _value(body: bytes, _: list[bytes], rng: random.Random) -> bytes:
    """Put a value of another type somewhere into the JSON of one line."""
    lines = body.split(b"\n")
    holders = [number for number, line in enumerate(lines) if b"{" in line]
    if not holders:
        return body
    number = rng.choice(holders)
    before, brace, rest = lines[number].partition(b"{")
    try:
        event = json.loads(brace + rest)
    except ValueError:
        return body
    places = list(_places(event))
    if places:
        holder, key = rng.choice(places)
        if rng.random() < 0.2:
            del holder[key]
        else:
            holder[key] = rng.choice(VALUES)
    lines[number] = before + json.dumps(event, ensure_ascii=rng.random() < 0.5).encode("utf-8", "replace")
    return b"\n".join(lines)


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield value, key
        yield from _places(inner)


MUTATIONS = (
    _flip, _delete, _repeat, _insert, _insert, _splice, _truncate, _shuffle, _line_ends, _value, _value, _value,
)  # fmt: skip


def in_pieces(body: bytes, rng: random.Random) -> Iterator[bytes]:
    at, largest = 0, rng.choice((0.0, 3.0, 8.0, 13.0))
    while at < len(body):
        size = int(2 ** rng.uniform(0, largest))
        yield body[at : at + size]
        at += size


def outcome(make: Callable[[], Decoder], pieces: Iterator[bytes]) -> tuple[Any, ...]:
    """What comes of an input, after looking whether it may."""
    decoder, chunks = make(), []
    for piece in pieces:
        chunks += decoder.feed(piece)
        check(len(decoder._framing.head) <= MOST_HEAD, "the head that is kept grew beyond its bound")
    chunks += decoder.finish()
    check(decoder.ended is (decoder.failure is None), "neither whole nor broken, or both")
    check(decoder.failure is None or isinstance(decoder.failure, APIModelError), "a foreign failure")
    check(all(isinstance(chunk, (str, StreamChunk)) for chunk in chunks), "a chunk that is none")
    check("" not in chunks, "an empty text")
    check(decoder.feed(b'data: {"error": 1}\n\n') == [] == decoder.finish(), "something behind the end")
    text = "".join(chunk for chunk in chunks if isinstance(chunk, str))
    text.encode()  # a lone surrogate could be printed nowhere
    others = [chunk for chunk in chunks if isinstance(chunk, StreamChunk)]
    return text, repr(others), decoder.ended, repr(decoder.failure)


def check(holds: bool, what: str) -> None:
    if not holds:
        raise BadInputError(what)


def try_one(body: bytes, name: str, rng: random.Random) -> bool:
    """Whether the answer was whole; raises `BadInputError` for what must not be."""
    begun = time.process_time()
    try:
        at_once = outcome(DECODERS[name], iter([body]))
        piecewise = outcome(DECODERS[name], in_pieces(body, rng))
    except BadInputError:
        raise
    except Exception as error:
        raise BadInputError(f"it raised {error!r}") from error
    spent = time.process_time() - begun
    check(at_once == piecewise, f"cut otherwise it is something else: {at_once!r} and {piecewise!r}")
    check(spent <= MOST_SECONDS + MOST_SECONDS_PER_BYTE * len(body), f"it took {spent:.2f} s")
    return bool(at_once[2])


def long_inputs(size: int) -> Iterator[tuple[str, bytes, int]]:
    """What would show that something is looked at again and again: name, body, size of its pieces."""
    delta = b'data: {"choices":[{"index":0,"delta":{"content":"a"}}]}'
    yield "no line end at all", b"data: " + b"x" * size, 700
    yield "one event, byte by byte", b'data: {"x": "' + b"y" * (size // 8) + b'"}\n\n', 1
    yield "line feeds", b"\n" * size, 1000
    yield "carriage returns", b"\r" * size, 1000
    yield "line ends, byte by byte", b"\r\n" * (size // 16), 1
    yield "comments", b": beat\n\n" * (size // 8), 700
    yield "lines of one event", b"data: x\n" * (size // 8), 700
    yield "lines of one event, CR", b"data: x\r" * (size // 8), 700
    yield "a page", b"<p>" * (size // 3), 10
    yield "tokens", (delta + b"\n\n") * (size // len(delta)), 60
    yield "tokens with CRLF", (delta + b"\r\n\r\n") * (size // len(delta)), 60
    yield "tokens, all at once", (delta + b"\n\n") * (size // len(delta)), size
    yield "byte order marks", b"\xef\xbb\xbf" * (size // 3), 1000
    yield "lines of JSON", b'{"message":{"content":"a"}}\n' * (size // 28), 60


def try_long_ones(size: int) -> Iterator[tuple[str, str, float]]:
    """Microseconds a byte for each long input, for each decoder, at a size and at four times that."""
    for name, make in DECODERS.items():
        for (what, small, piece), (_, large, _) in zip(long_inputs(size), long_inputs(4 * size), strict=True):
            costs = []
            for body in (small, large):
                begun = time.process_time()
                outcome(make, (body[at : at + piece] for at in range(0, len(body), piece)))
                costs.append((time.process_time() - begun) / len(body) * 1e6)
            check(
                costs[1] < 3 * costs[0] + 1.0,
                f"{name}: {what}: {costs[0]:.2f}, then {costs[1]:.2f} us a byte",
            )
            yield name, what, costs[1]


def run(inputs: int, seed: int, only: int | None = None) -> Counter[str]:
    """Try so many inputs; what became of them, by decoder."""
    counts, by_wire = Counter[str](), corpus()
    bodies = [body for answers in by_wire.values() for body in answers]
    names = list(DECODERS)
    for number in range(inputs) if only is None else (only,):
        rng = random.Random(f"{seed}:{number}")
        name = names[number % len(names)]
        own = by_wire[name.partition(",")[0]] if rng.random() < 0.8 else bodies
        body = mutate(rng.choice(own), bodies, rng)
        try:
            whole = try_one(body, name, rng)
        except BadInputError as error:
            raise BadInputError(
                f"--seed {seed} --only {number} ({name}): {error}\n{body[:2000]!r}"
            ) from error
        counts[f"{name}: {'whole' if whole else 'broken'}"] += 1
        counts["bytes"] += len(body)
    return counts


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--inputs", type=int, default=200_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", type=int, help="the number of one input")
    given = parser.parse_args()
    begun = time.monotonic()
    counts = run(given.inputs, given.seed, given.only)
    print(
        f"{sum(counts.values()) - counts['bytes']} inputs, {counts.pop('bytes'):,} bytes, each decoded twice"
    )
    for name, count in sorted(counts.items()):
        print(f"  {name:<24} {count:>8}")
    print(f"  nothing raised, nothing slow, in {time.monotonic() - begun:.0f} s")
    if given.only is None:
        costs = [*try_long_ones(400_000)]
        decoder, what, most = max(costs, key=lambda cost: cost[2])
        print(f"{len(costs)} long inputs: at most {most:.2f} us a byte ({decoder}: {what})")
    return 0


if __name__ == "__main__":
    sys.exit(main())
