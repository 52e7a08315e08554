"""What a token costs, from a loopback server to the handler: CPU, as a multiple of a raw socket.

    python -m benchmarks.throughput [--events 10000] [--repeats 7]

Every event is an HTTP chunk, as providers send them; the bodies are prepared before. Rounds are
interleaved (A B C A B C ...), ratios taken round by round, medians printed. The floor is a socket
and jiter and nothing else: it is no client, it knows these bodies. Peers that are installed (both
SDKs always are) run beside ours.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import multiprocessing
import socket
import statistics
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit

import jiter

from api_models import APIModelManager, StreamHandler
from api_models.testing import anthropic, chat, responses

WIRES: dict[str, tuple[str, Callable[..., Any]]] = {
    "messages": ("/v1/messages", anthropic),
    "chat": ("/v1/chat/completions", chat),
    "responses": ("/v1/responses", responses),
}
Stream = Callable[[Callable[[str], None]], None]


class Tell(StreamHandler):
    def __init__(self, on_text: Callable[[str], None]) -> None:
        self._on_text = on_text

    def on_token_received(self, token: str, index: int) -> None:
        self._on_text(token)


def serve(wire: str, events: int, pipe: Any) -> None:
    """The server, in a process of its own so that its CPU is not counted."""
    words = [f"word{number % 97} " for number in range(events)]
    chunks = [b"%x\r\n%s\r\n" % (len(one.wire), one.wire) for one in WIRES[wire][1](words)]
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
    answer = head + b"".join(chunks) + b"0\r\n\r\n"
    listener = socket.create_server(("127.0.0.1", 0))
    pipe.send(f"http://127.0.0.1:{listener.getsockname()[1]}")
    while True:
        line, _ = listener.accept()
        threading.Thread(target=answer_all, args=(line, answer), daemon=True).start()


def answer_all(line: socket.socket, answer: bytes) -> None:
    """Answer each request of one connection; a request is small enough to come in one piece."""
    with line, contextlib.suppress(OSError):
        while line.recv(65536):
            line.sendall(answer)


@contextlib.contextmanager
def served(wire: str, events: int) -> Iterator[str]:
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=serve, args=(wire, events, theirs), daemon=True)
    process.start()
    try:
        yield ours.recv()
    finally:
        process.terminate()
        process.join()


def floor(url: str, wire: str) -> Stream:
    path = WIRES[wire][0]
    parts = urlsplit(url)
    head = f"POST {path} HTTP/1.1\r\nHost: {parts.netloc}\r\nContent-Length: 2\r\n\r\n".encode()

    def text_of(event: Any) -> str | None:
        if wire == "messages":
            return event["delta"].get("text") if event.get("type") == "content_block_delta" else None
        if wire == "responses":
            return event["delta"] if event.get("type") == "response.output_text.delta" else None
        return event["choices"][0]["delta"].get("content") if event.get("choices") else None

    def stream(on_text: Callable[[str], None]) -> None:
        with socket.create_connection((parts.hostname, parts.port)) as line:
            line.sendall(head + b"{}")
            kept = b""
            while not kept.endswith(b"\r\n0\r\n\r\n"):
                *events, kept = (kept + line.recv(65536)).split(b"\n\n\r\n")  # each event is one chunk
                for each in events:
                    at = each.find(b"data: ") + 6
                    if each[at:] != b"[DONE]" and (text := text_of(jiter.from_json(each[at:]))):
                        on_text(text)
                if kept == b"0\r\n\r\n":
                    return

    return stream


def ours(model: str, provider: str, **entry: Any) -> Callable[[str, str], Stream]:
    def make(url: str, wire: str) -> Stream:
        base_url = url if provider == "anthropic" else url + "/v1"
        config = {"providers": {provider: {"api_key": "sk-bench-key", "base_url": base_url, **entry}}}
        manager = APIModelManager(config)

        def stream(on_text: Callable[[str], None]) -> None:
            manager.generate_stream_with_handlers("hi", model, {"max_tokens": 9}, [Tell(on_text)]).result()

        return stream

    return make


def sdk_anthropic(url: str, wire: str) -> Stream:
    import anthropic as sdk

    client = sdk.Anthropic(api_key="k", base_url=url, max_retries=0)

    def stream(on_text: Callable[[str], None]) -> None:
        message = [{"role": "user", "content": "hi"}]
        for event in client.messages.create(model="m", max_tokens=9, messages=message, stream=True):
            if event.type == "content_block_delta" and event.delta.type == "text_delta":
                on_text(event.delta.text)

    return stream


def sdk_openai(url: str, wire: str) -> Stream:
    import openai as sdk

    client = sdk.OpenAI(api_key="k", base_url=url + "/v1", max_retries=0)

    def chat_stream(on_text: Callable[[str], None]) -> None:
        message = [{"role": "user", "content": "hi"}]
        for chunk in client.chat.completions.create(model="m", messages=message, stream=True):
            if chunk.choices and chunk.choices[0].delta.content:
                on_text(chunk.choices[0].delta.content)

    def responses_stream(on_text: Callable[[str], None]) -> None:
        for event in client.responses.create(model="m", input="hi", stream=True):
            if event.type == "response.output_text.delta":
                on_text(event.delta)

    return chat_stream if wire == "chat" else responses_stream


def requests_sseclient(url: str, wire: str) -> Stream:
    import requests
    import sseclient

    session = requests.Session()

    def stream(on_text: Callable[[str], None]) -> None:
        response = session.post(url + WIRES[wire][0], json={}, stream=True)
        for event in sseclient.SSEClient(response.iter_content(None)).events():
            if event.data != "[DONE]" and (choices := json.loads(event.data).get("choices")):
                text = choices[0]["delta"].get("content")
                if text:
                    on_text(text)

    return stream


CLIENTS: dict[str, dict[str, Callable[[str, str], Stream]]] = {
    "messages": {"floor": floor, "ours": ours("anthropic:m", "anthropic"), "anthropic create": sdk_anthropic},
    "chat": {
        "floor": floor,
        "ours, openai": ours("openai:m", "openai", api="chat_completions"),
        "ours, http": ours("lab:m", "lab", kind="openai_compatible"),
        "requests + sseclient": requests_sseclient,
        "openai create": sdk_openai,
    },
    "responses": {
        "floor": floor,
        "ours": ours("openai:m", "openai", api="responses"),
        "openai create": sdk_openai,
    },
}


def cost(stream: Stream, events: int) -> float:
    """Microseconds of CPU an event, all threads of this process."""
    seen: list[str] = []
    begun = time.process_time()
    stream(seen.append)
    spent = time.process_time() - begun
    if len(seen) != events:
        raise RuntimeError(f"{len(seen)} of {events} tokens came")
    return spent / events * 1e6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=10_000)
    parser.add_argument("--repeats", type=int, default=7)
    options, _ = parser.parse_known_args()
    for wire, makers in CLIENTS.items():
        with served(wire, options.events) as url:
            streams = {name: make(url, wire) for name, make in makers.items()}
            rounds = []
            for number in range(options.repeats + 1):
                figures = {name: cost(stream, options.events) for name, stream in streams.items()}
                if number:  # the first one warms up
                    rounds.append(figures)
        for name in makers:
            spent = [figures[name] for figures in rounds]
            ratio = statistics.median(figures[name] / figures["floor"] for figures in rounds)
            low, high = min(spent), max(spent)
            print(
                f"{wire:<10} {name:<22} {statistics.median(spent):8.2f} us an event "
                f"({low:.2f} to {high:.2f})  {ratio:6.2f} x the floor",
                flush=True,
            )


if __name__ == "__main__":
    main()
