"""How long Stop takes: until the call returned, the worker is out, and the server saw the close.

    python -m benchmarks.cancel [--rounds 200] [--no-peers]

Ours in each phase, for each client, over TCP and TLS; then the peers with their own way of stopping,
while the server is silent. A peer that goes on for longer than the cap is printed as `> 10 s`. Peers
that are not installed are left out, and said so.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import ssl
import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from api_models import APIModelManager, StreamHandler
from api_models.testing import Provider, Reply, anthropic, chat, error_reply, responses, unanswered_port
from api_models.testing.reply import FOREVER

from .peers import is_installed

CAP = 10.0
WORDS = [f"word{number} " for number in range(2000)]
CLIENTS: dict[str, tuple[str, dict[str, Any], Callable[..., Any]]] = {
    "anthropic": ("anthropic", {}, anthropic),
    "openai chat": ("openai", {"api": "chat_completions"}, chat),
    "openai responses": ("openai", {"api": "responses"}, responses),
    "http": ("lab", {"kind": "openai_compatible"}, chat),
}
PHASES = ("connecting", "before headers", "silent", "flowing", "paused", "retry sleep", "throttled")

Row = tuple[float, float, float | None]


class Watch(StreamHandler):
    """Lets the benchmark wait for the first tokens."""

    def __init__(self) -> None:
        self.seen = threading.Semaphore(0)

    def on_token_received(self, token: str, index: int) -> None:
        self.seen.release()


def reply_for(phase: str, render: Callable[..., Any]) -> Reply:
    if phase == "before headers":
        return Reply(delay=FOREVER)
    if phase == "retry sleep":
        return error_reply(429, retry_after="20")
    if phase in ("flowing", "paused"):
        return Reply(render(WORDS), pace=0.001)
    events = render(WORDS[:6])
    spoken = [number for number, event in enumerate(events) if event.text]
    return Reply(events, stall_after=spoken[2] + 1)


def bring_into(phase: str, manager: Any, model: str, provider: Provider | None) -> Any:
    """A stream in the phase, about to be cancelled."""
    watch = Watch()
    config = {"tokens_per_second": 1.0} if phase == "throttled" else None
    before = len(provider.requests) if provider else 0
    stream = manager.generate_stream_with_handlers("hi", model, {"max_tokens": 9}, [watch], config)
    if provider is not None:
        provider.wait_for_requests(before + 1)
    if phase in ("silent", "flowing", "paused", "throttled"):
        for _ in range(1 if phase == "throttled" else 3):
            watch.seen.acquire(timeout=CAP)
    elif phase == "before headers" and provider is not None:
        provider.connections[-1].stalled.wait(CAP)
    if phase in ("connecting", "retry sleep", "throttled"):
        threading.Event().wait(0.02)  # until the worker is in its wait: nothing outside shows when
    if phase == "paused":
        stream.pause_stream()
    return stream


def cancel_once(phase: str, manager: Any, model: str, provider: Provider | None) -> Row:
    threads = set(threading.enumerate())
    stream = bring_into(phase, manager, model, provider)
    workers = [thread for thread in threading.enumerate() if thread not in threads and is_worker(thread)]
    begun = time.monotonic()
    stream.cancel_stream()
    called = time.monotonic() - begun
    for worker in workers:
        worker.join(CAP)
    gone = time.monotonic() - begun
    closed = None
    if provider is not None and phase != "retry sleep":
        seen = provider.wait_for_close(timeout=CAP)
        closed = CAP if seen is None else max(0.0, seen - begun)
    return called, gone, closed


def is_worker(thread: threading.Thread) -> bool:
    return thread.name.startswith("api-models-") and not thread.name.startswith("api-models-testing")


def manager_for(client: str, url: str) -> tuple[APIModelManager, str]:
    name, more, _ = CLIENTS[client]
    base_url = url if name == "anthropic" else url + "/v1"
    entry = {"api_key": "sk-benchmark-key", "base_url": base_url, "model": "m", **more}
    return APIModelManager({"providers": {name: entry}}), f"{name}:m"


def measure(client: str, phase: str, tls: ssl.SSLContext | None, rounds: int) -> tuple[list[Row], int]:
    """The rows, and how many requests were sent again after a cancel."""
    render = CLIENTS[client][2]
    if phase == "connecting":
        with unanswered_port() as port:
            scheme = "https" if tls else "http"
            manager, model = manager_for(client, f"{scheme}://127.0.0.1:{port}")
            with manager:
                return [cancel_once(phase, manager, model, None) for _ in range(rounds)], 0
    with Provider(reply_for(phase, render), tls=tls) as provider:
        manager, model = manager_for(client, provider.url)
        with manager:
            rows = [cancel_once(phase, manager, model, provider) for _ in range(rounds)]
        return rows, len(provider.requests) - rounds


def cell(values: list[float]) -> str:
    ordered = sorted(values)
    p99 = ordered[min(len(ordered) - 1, int(0.99 * len(ordered)))]
    return f"{statistics.median(ordered) * 1000:7.2f} /{p99 * 1000:7.2f}"


def show_ours(rounds: int, tls: ssl.SSLContext) -> None:
    columns = f"{'the call':>27}{'worker out':>18}{'server saw it':>19}   again"
    print(f"{rounds} cancels a row; ms, p50 / p99{columns}")
    for client in CLIENTS:
        for name, context in (("tcp", None), ("tls", tls)):
            measure(client, "flowing", context, 2)  # imports and first connections are behind us
            for phase in PHASES:
                rows, again = measure(client, phase, context, rounds)
                called, gone, closed = zip(*rows, strict=True)
                seen = [value for value in closed if value is not None]
                print(
                    f"{client:<17}{name:<4}{phase:<16}  {cell(list(called))}  {cell(list(gone))}  "
                    f"{cell(seen) if seen else ' ' * 16}   {again}",
                    flush=True,
                )


def peers() -> dict[str, tuple[str, Callable[[str], tuple[Callable[[], None], Callable[[], None]]]]]:
    """Name -> (wire, what makes `read` and `stop` for a server's address)."""

    def with_anthropic(url: str) -> Any:
        import anthropic as sdk

        client = sdk.Anthropic(api_key="k", base_url=url, max_retries=0)
        message = [{"role": "user", "content": "hi"}]
        stream = client.messages.create(model="m", max_tokens=9, messages=message, stream=True)
        return lambda: [None for _ in stream], stream.close

    def with_openai(url: str) -> Any:
        import openai as sdk

        client = sdk.OpenAI(api_key="k", base_url=url + "/v1", max_retries=0)
        message = [{"role": "user", "content": "hi"}]
        stream = client.chat.completions.create(model="m", messages=message, stream=True)
        return lambda: [None for _ in stream], stream.close

    def with_requests(url: str) -> Any:
        import requests

        response = requests.post(url + "/v1/chat/completions", json={"stream": True}, stream=True, timeout=60)
        return lambda: [None for _ in response.iter_content(None)], response.close

    def with_langchain(url: str) -> Any:
        from langchain_openai import ChatOpenAI

        model = ChatOpenAI(model="m", api_key="k", base_url=url + "/v1", max_retries=0)
        stream = model.stream("hi")
        return lambda: [None for _ in stream], stream.close

    found = {
        "anthropic Stream.close()": ("anthropic", "anthropic", with_anthropic),
        "openai Stream.close()": ("openai", "chat", with_openai),
        "requests Response.close()": ("requests", "chat", with_requests),
        "langchain generator.close()": ("langchain-openai", "chat", with_langchain),
    }
    here = {}
    for name, (package, wire, make) in found.items():
        if is_installed(name, package):
            here[name] = (wire, make)
    return here


def show_peers() -> None:
    print(f"\npeers, one stop each while the server is silent (cap {CAP:.0f} s)")
    for name, (wire, make) in peers().items():
        render = anthropic if wire == "anthropic" else chat
        with Provider(reply_for("silent", render)) as provider:
            read, stop = make(provider.url)
            reader = threading.Thread(target=quietly, args=(read,), daemon=True)
            reader.start()
            provider.wait_for_requests(1)
            provider.connections[-1].stalled.wait(CAP)
            threading.Event().wait(0.5)  # until the reader has worked off what came, and is blocked
            stopper = threading.Thread(target=quietly, args=(stop,), daemon=True)
            begun = time.monotonic()
            stopper.start()
            stopper.join(CAP)
            called = time.monotonic() - begun
            reader.join(max(0.0, CAP - called))
            gone = None if reader.is_alive() else time.monotonic() - begun
            seen = provider.connections[-1].closed_at
            print(
                f"{name:<30} the call {shown(called if not stopper.is_alive() else None)}, "
                f"reader out {shown(gone)}, server saw it {shown(seen and max(0.0, seen - begun))}"
            )


def quietly(work: Callable[[], object]) -> None:
    with contextlib.suppress(Exception):
        work()


def shown(seconds: float | None) -> str:
    return f"> {CAP:.0f} s" if seconds is None else f"{seconds * 1000:.1f} ms"


def trusted_context() -> ssl.SSLContext:
    """A server's context for 127.0.0.1, trusted by this process."""
    import trustme

    authority = trustme.CA()
    bundle = Path(tempfile.mkdtemp()) / "authority.pem"
    authority.cert_pem.write_to_path(str(bundle))
    os.environ["SSL_CERT_FILE"] = str(bundle)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    return context


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--no-peers", action="store_true")
    options, _ = parser.parse_known_args(arguments)
    show_ours(options.rounds, trusted_context())
    if not options.no_peers:
        show_peers()


if __name__ == "__main__":
    main()
