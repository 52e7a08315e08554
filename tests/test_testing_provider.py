"""The misbehaving provider does each misdeed exactly as told, sees all that happens, and leaves nothing."""

from __future__ import annotations

import http.client
import json
import select
import socket
import subprocess
import sys
import threading
import time
import zlib
from contextlib import contextmanager

import pytest

from api_models.testing import Provider, Reply, chat, comment, error_reply, plain_sse

TIMEOUT = 10
TOKENS = chat(["Hel", "lo"])
BODY = b"".join(event.wire for event in TOKENS)
FOREVER = float("inf")


@contextmanager
def asked(provider, path="/v1/x", body=b'{"a": 1}', **headers):
    """A raw connection on which one request was sent."""
    with socket.create_connection(("127.0.0.1", provider.port), TIMEOUT) as line:
        send(line, path, body, **headers)
        yield line


def send(line, path="/v1/x", body=b'{"a": 1}', **headers):
    named = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
    line.sendall(f"POST {path} HTTP/1.1\r\nContent-Length: {len(body)}\r\n{named}\r\n".encode() + body)


def read_all(line):
    """All that comes until the server closes."""
    received = b""
    while piece := line.recv(65536):
        received += piece
    return received


def read_until(line, end):
    received = b""
    while not received.endswith(end):
        piece = line.recv(1)
        assert piece, f"the server closed after {received!r}"
        received += piece
    return received


def is_silent(line, seconds=0.1):
    return not select.select([line], [], [], seconds)[0]


@contextmanager
def answered(reply, **options):
    """The answer to one request, read by the standard library's client; and the provider."""
    with Provider(reply, **options) as provider:
        client = http.client.HTTPConnection("127.0.0.1", provider.port, timeout=TIMEOUT)
        try:
            client.request("POST", "/v1/x", b"{}")
            yield client.getresponse(), provider
        finally:
            client.close()


def chunks_of(wire):
    """The HTTP chunks of a raw answer, the empty last one included."""
    _, _, rest = wire.partition(b"\r\n\r\n")
    chunks = []
    while rest:
        size, _, rest = rest.partition(b"\r\n")
        chunks.append(rest[: int(size, 16)])
        assert rest[int(size, 16) :][:2] == b"\r\n"
        rest = rest[int(size, 16) + 2 :]
    return chunks


def gaps(connection):
    """Seconds between the pieces of the body, as the server sent them."""
    return [after - before for before, after in zip(connection.sent_at, connection.sent_at[1:], strict=False)]


def test_the_body_is_the_events_one_chunk_each():
    """With the headers of a stream of events."""
    with Provider(Reply(TOKENS, keep_alive=False)) as provider, asked(provider) as line:
        wire = read_all(line)
    assert wire.startswith(b"HTTP/1.1 200 ")
    assert b"Content-Type: text/event-stream" in wire
    assert chunks_of(wire) == [*(event.wire for event in TOKENS), b""]


def test_events_may_be_plain_bytes():
    with answered(Reply([b"a", TOKENS[0], b"b"])) as (response, _):
        assert response.read() == b"a" + TOKENS[0].wire + b"b"


@pytest.mark.parametrize("size", [1, 7, 10_000])
def test_a_slice_size_cuts_where_it_likes(size):
    """Through events and letters; nothing is lost."""
    with Provider(Reply(TOKENS, slice_size=size, keep_alive=False)) as provider, asked(provider) as line:
        chunks = chunks_of(read_all(line))
    assert b"".join(chunks) == BODY
    assert {len(chunk) for chunk in chunks[:-2]} <= {size}


def test_a_request_is_recorded_as_it_came():
    with Provider(Reply(TOKENS, keep_alive=False)) as provider:
        before = time.monotonic()
        with asked(provider, "/v1/y?z=1", b'{"b": [2]}', X_Test="yes") as line:
            read_all(line)
        (request,) = provider.requests
        assert (request.method, request.path) == ("POST", "/v1/y?z=1")
        assert request.headers["x-test"] == "yes"
        assert (request.body, request.json) == (b'{"b": [2]}', {"b": [2]})
        assert before <= request.received_at <= time.monotonic()
        assert request.connection is provider.connections[0]


def test_a_body_that_comes_in_pieces_is_one_request():
    with Provider(Reply(TOKENS, keep_alive=False)) as provider:
        with socket.create_connection(("127.0.0.1", provider.port), TIMEOUT) as line:
            for piece in (b"POST / HT", b"TP/1.1\r\nContent-Length: 4\r\n", b"\r\nab", b"cd"):
                assert provider.requests == []  # nothing is a request before its last piece is sent
                line.sendall(piece)
            assert read_all(line)
        assert provider.requests[0].body == b"abcd"


def test_each_request_takes_the_next_reply_of_the_plan():
    """Then the one for all the others; on one connection, which is kept."""
    plan = [error_reply(503), lambda request: Reply([request.body])]
    with Provider(Reply([b"rest"]), plan=plan) as provider:
        client = http.client.HTTPConnection("127.0.0.1", provider.port, timeout=TIMEOUT)
        answers = []
        for number in range(4):
            client.request("POST", "/", str(number))
            response = client.getresponse()
            answers.append((response.status, response.read()))
        client.close()
        assert answers[0][0] == 503
        assert answers[1:] == [(200, b"1"), (200, b"rest"), (200, b"rest")]
        assert (len(provider.requests), len(provider.connections)) == (4, 1)


def test_without_a_reply_the_answer_is_an_error():
    with answered(None) as (response, _):
        assert response.status == 500


def test_an_error_reply_has_its_status_its_body_and_its_headers():
    """JSON by default; bytes go as they are."""
    reply = error_reply(429, {"error": "slow"}, retry_after="2", x_request_id="r1")
    with answered(reply) as (response, _):
        assert response.status == 429
        assert response.headers["Retry-After"] == "2"
        assert response.headers["X-Request-Id"] == "r1"
        assert response.headers["Content-Type"] == "application/json"
        assert json.loads(response.read()) == {"error": "slow"}
    with answered(error_reply(502, b"<html>")) as (response, _):
        assert (response.status, response.read()) == (502, b"<html>")
    with answered(error_reply(500)) as (response, _):
        assert json.loads(response.read())["error"]["message"] == "scripted 500"


def test_pace_passes_before_each_event_but_the_first():
    with answered(Reply(TOKENS[:3], pace=0.2)) as (response, provider):
        response.read()
        (connection,) = provider.connections
        assert connection.sent_at[0] - provider.requests[0].received_at < 0.2
        assert len(gaps(connection)) == 2
        assert min(gaps(connection)) >= 0.199


def test_naps_pass_before_single_events():
    with answered(Reply(TOKENS, naps={2: 0.3})) as (response, provider):
        response.read()
        waits = gaps(provider.connections[0])
        assert waits[1] >= 0.299
        assert max(waits[0], *waits[2:]) < 0.3


def test_a_delay_passes_before_the_head():
    with Provider(Reply(TOKENS, delay=FOREVER)) as provider, asked(provider) as line:
        assert provider.wait_for_requests(1)
        assert provider.connections[0].stalled.wait(TIMEOUT)
        assert is_silent(line)


@pytest.mark.parametrize("after", [0, 1, 3, len(TOKENS)])
def test_a_stall_falls_silent_after_so_many_events(after):
    """The head is there even when no event is; and the body has no end."""
    with Provider(Reply(TOKENS, stall_after=after)) as provider, asked(provider) as line:
        assert provider.wait_for_requests(1)
        assert provider.connections[0].stalled.wait(TIMEOUT)
        assert provider.connections[0].bytes_sent == len(b"".join(event.wire for event in TOKENS[:after]))
        end = TOKENS[after - 1].wire + b"\r\n" if after else b"\r\n\r\n"
        read_until(line, end)
        assert is_silent(line)


def test_a_stall_that_ends_goes_on_where_it_stopped():
    with answered(Reply(TOKENS, stall_after=2, stall_for=0.1)) as (response, provider):
        assert response.read() == BODY
        assert gaps(provider.connections[0])[1] >= 0.099


def test_a_stall_may_have_a_heartbeat():
    """Comments, at their own pace, and no event between them."""
    beat = comment("ping")
    reply = Reply(TOKENS, stall_after=2, stall_for=0.3, heartbeat=beat, beat_every=0.02)
    with answered(reply) as (response, _):
        body = response.read()
    assert body.replace(beat.wire, b"") == BODY
    assert 2 <= body.count(beat.wire) <= 16
    first = len(b"".join(event.wire for event in TOKENS[:2]))
    assert body[first:].startswith(beat.wire * 2)


@pytest.mark.parametrize("cut_at", [1, len(TOKENS[0].wire), len(TOKENS[0].wire) + 5, len(BODY) - 1])
def test_a_cut_ends_the_body_at_the_byte(cut_at):
    """By closing: the client sees that the body is not whole."""
    with answered(Reply(TOKENS, cut_at=cut_at)) as (response, provider):
        with pytest.raises(http.client.IncompleteRead) as caught:
            response.read()
        assert caught.value.partial == BODY[:cut_at]
        assert provider.connections[0].bytes_sent == cut_at


def test_a_cut_by_reset_is_a_reset():
    with Provider(Reply(TOKENS, cut_at=40, cut_how="rst")) as provider, asked(provider) as line:
        with pytest.raises(ConnectionResetError):
            read_all(line)
        assert provider.connections[0].bytes_sent == 40


def test_a_clean_cut_is_a_whole_body_of_half_an_answer():
    with answered(Reply(TOKENS, cut_at=40, cut_how="clean")) as (response, _):
        assert response.read() == BODY[:40]


def test_a_request_may_be_reset_unanswered():
    with Provider(Reply(reset_unanswered=True)) as provider, asked(provider) as line:
        with pytest.raises(ConnectionResetError):
            read_all(line)
        assert len(provider.requests) == 1


@pytest.mark.parametrize("framing", ["chunked", "length", "close"])
def test_the_body_may_be_framed_in_three_ways(framing):
    with answered(Reply(TOKENS, framing=framing)) as (response, _):
        assert response.read() == BODY
        assert response.headers.get("Transfer-Encoding") == ("chunked" if framing == "chunked" else None)
        assert response.headers.get("Content-Length") == (str(len(BODY)) if framing == "length" else None)
        assert response.headers["Connection"] == ("close" if framing == "close" else "keep-alive")


def test_a_length_that_is_not_reached_is_the_length_of_the_whole():
    with answered(Reply(TOKENS, framing="length", cut_at=40)) as (response, _):
        assert response.headers["Content-Length"] == str(len(BODY))
        with pytest.raises(http.client.IncompleteRead) as caught:
            response.read()
        assert caught.value.partial == BODY[:40]


def test_gzip_is_flushed_with_each_event():
    """What was sent can be read, although the body goes on."""
    with answered(Reply(TOKENS, gzip=True)) as (response, _):
        assert response.headers["Content-Encoding"] == "gzip"
        assert zlib.decompress(response.read(), wbits=31) == BODY
    with answered(Reply(TOKENS, gzip=True, stall_after=2)) as (response, provider):
        unzip, plain = zlib.decompressobj(wbits=31), b""
        while plain != b"".join(event.wire for event in TOKENS[:2]):
            plain += unzip.decompress(response.read1())
        assert provider.connections[0].stalled.wait(TIMEOUT)


def test_headers_and_status_may_be_anything():
    reply = Reply([b"hi"], 418, {"X-Tea": "yes", "Content-Type": "text/plain"})
    with answered(reply) as (response, _):
        assert (response.status, response.headers["X-Tea"]) == (418, "yes")
        assert response.headers.get_all("Content-Type") == ["text/plain"]


@pytest.mark.parametrize(
    ("options", "announced"), [({"keep_alive": False}, b"close"), ({"close_silently": True}, b"keep-alive")]
)
def test_a_connection_may_be_closed_announced_or_not(options, announced):
    with Provider(Reply(TOKENS, **options)) as provider, asked(provider) as line:
        wire = read_all(line)
        assert b"Connection: " + announced + b"\r\n" in wire
        assert wire.endswith(b"0\r\n\r\n")


def test_patience_gives_up_on_a_client_that_reads_nothing():
    """As a provider does with a stream that was paused by not reading it."""
    with Provider(Reply([b"x" * 65536] * 400, patience=0.1)) as provider, asked(provider) as line:
        deadline = time.monotonic() + TIMEOUT
        while not (provider.connections and provider.connections[0].gave_up):
            assert time.monotonic() < deadline, "the server waits for ever"
            threading.Event().wait(0.01)
        assert 0 < provider.connections[0].bytes_sent < 400 * 65536
        with pytest.raises(ConnectionResetError):
            read_all(line)


def test_patience_bears_a_client_that_is_slow():
    """The clock begins again with every byte that it takes."""
    size = 3_000_000
    with Provider(Reply([b"x" * 65536] * (size // 65536), patience=0.5, keep_alive=False)) as provider:
        with asked(provider) as line:
            for _ in range(5):
                threading.Event().wait(0.15)
                assert line.recv(200_000)
            read_all(line)
        assert not provider.connections[0].gave_up
        assert provider.connections[0].bytes_sent == size // 65536 * 65536


@pytest.mark.parametrize(
    "reply", [Reply(TOKENS, stall_after=1), Reply(delay=FOREVER), Reply(TOKENS * 1000, pace=0.01)]
)
def test_the_moment_a_client_leaves_is_recorded(reply):
    """In a stall, before the head and in the middle of a paced body."""
    with Provider(reply) as provider:
        with asked(provider):
            assert provider.wait_for_requests(1)
            assert provider.connections[0].closed_at is None
            left = time.monotonic()
        closed_at = provider.wait_for_close()
        assert closed_at is not None
        assert 0 <= closed_at - left < 2


def test_waiting_for_what_does_not_happen_ends():
    with Provider(Reply(TOKENS, stall_after=1)) as provider, asked(provider):
        assert provider.wait_for_requests(1)
        assert not provider.wait_for_requests(2, timeout=0.05)
        assert provider.wait_for_close(timeout=0.05) is None


def test_a_mute_provider_accepts_and_says_nothing():
    with Provider(mute=True) as provider, asked(provider) as line:
        assert is_silent(line)
        assert provider.requests == []
        assert len(provider.connections) == 1


def test_many_clients_are_served_at_once():
    """Each on its own connection; one that stalls holds up nobody."""
    with Provider(Reply([b"ok"], keep_alive=False), plan=[Reply(TOKENS, stall_after=1)]) as provider:
        with asked(provider):
            assert provider.wait_for_requests(1)
            for _ in range(5):
                with asked(provider) as line:
                    assert b"ok" in read_all(line)
        assert len(provider.connections) == 6


@pytest.mark.parametrize(
    "options",
    [{"mute": True}, {"reply": Reply(TOKENS, stall_after=1)}, {"reply": Reply([b"x" * 65536] * 400)}],
    ids=["mute", "stall", "write"],
)
def test_it_stops_by_itself_and_leaves_no_thread(options):
    """Whatever its clients are doing; and nobody listens there any more."""
    with Provider(**options) as provider, asked(provider) as line:
        if "mute" not in options:
            assert provider.wait_for_requests(1)
        mine = f"-{provider.port}"
        assert any(thread.name.endswith(mine) for thread in threading.enumerate())
        begun = time.monotonic()
        provider.close()
        assert time.monotonic() - begun < 2
        assert not any(thread.name.endswith(mine) for thread in threading.enumerate())
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", provider.port), TIMEOUT)
        line.close()


def test_it_listens_on_this_machine_alone():
    with Provider(Reply([b"hi"])) as provider:
        assert provider.url == f"http://127.0.0.1:{provider.port}"
        assert provider._listener.getsockname()[0] == "127.0.0.1"


def test_a_program_that_forgets_to_close_it_ends_all_the_same():
    program = "from api_models.testing import Provider, Reply; print(Provider(Reply()).port)"
    ended = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=TIMEOUT, check=False
    )
    assert (ended.returncode, ended.stderr) == (0, "")
    assert int(ended.stdout) > 0


def test_plain_events_may_stand_in_any_stream():
    """Text of any wire, for a server that nobody has seen yet."""
    with answered(Reply(plain_sse(["a", "b"]))) as (response, _):
        body = response.read()
    assert [line for line in body.splitlines() if line.startswith(b"data:")]
