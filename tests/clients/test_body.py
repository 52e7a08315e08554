"""The body of an answer comes off the wire whole, whatever HTTP and TCP cut it into."""

from __future__ import annotations

import http.client
import io
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api_models.clients.body import StreamedResponse

BODY = b"".join(b"data: %d\n\n" % number for number in range(40))


class Line:
    """A socket that gives its bytes in the pieces of the script."""

    def __init__(self, pieces):
        self._raw = Pieces(list(pieces))

    def makefile(self, mode):
        return io.BufferedReader(self._raw)

    def recv(self, size):
        return self._raw.read(size)


class Pieces(io.RawIOBase):
    def __init__(self, pieces):
        self._pieces = pieces

    def readable(self):
        return True

    def readinto(self, buffer):
        if not self._pieces:
            return 0
        piece = self._pieces.pop(0)
        taken, rest = piece[: len(buffer)], piece[len(buffer) :]
        if rest:
            self._pieces.insert(0, rest)
        buffer[: len(taken)] = taken
        return len(taken)


def chunked(body, sizes, trailers=b""):
    coded, at = b"", 0
    for size in sizes:
        piece = body[at : at + size]
        if piece:
            coded += b"%x;note=1\r\n%s\r\n" % (len(piece), piece)
        at += size
    rest = body[at:]
    if rest:
        coded += b"%X\r\n%s\r\n" % (len(rest), rest)
    return coded + b"0\r\n" + trailers + b"\r\n"


def response(*pieces):
    answer = StreamedResponse(Line(pieces), method="POST")
    answer.begin()
    return answer


def received(answer):
    """All of the body, and the pieces in which it came."""
    pieces = []
    while piece := answer.receive():
        pieces.append(piece)
    return b"".join(pieces), pieces


def cut(wire, rng):
    pieces, at = [], 0
    while at < len(wire):
        size = rng.randint(1, 30)
        pieces.append(wire[at : at + size])
        at += size
    return pieces


HEAD = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


@given(
    st.lists(st.integers(1, 60), max_size=12),
    st.randoms(use_true_random=False),
    st.sampled_from([b"", b"A: b\r\n"]),
)
def test_chunks_come_to_the_body_however_they_are_cut(sizes, rng, trailers):
    """Cut by HTTP anywhere and by TCP anywhere else, trailers or none: the body is the same."""
    answer = response(*cut(HEAD + chunked(BODY, sizes, trailers), rng))
    assert received(answer)[0] == BODY
    assert answer.isclosed()


def test_many_chunks_that_arrived_together_come_together():
    """One read of the socket is one piece, not one a chunk."""
    answer = response(HEAD, chunked(BODY, [9] * 40))
    assert len(received(answer)[1]) == 1


def test_a_chunk_is_given_before_it_is_whole():
    """The first bytes do not wait for the rest of their chunk."""
    answer = response(HEAD, b"e\r\nfirst ", b"half 123\r\n0\r\n\r\n")
    assert received(answer)[1] == [b"first ", b"half 123"]


@pytest.mark.parametrize("end", range(1, 40, 3))
def test_a_connection_that_ends_inside_the_body_is_an_error(end):
    wire = chunked(BODY, [50])
    answer = response(HEAD, wire[: len(wire) - end])
    if end <= 2:  # all but the last line end has come: the body itself is whole
        assert answer.receive() == BODY
    with pytest.raises(http.client.IncompleteRead):
        received(answer)


def test_a_length_is_kept():
    head = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n"
    assert received(response(head % len(BODY), BODY))[0] == BODY
    with pytest.raises(http.client.IncompleteRead):
        received(response(head % (len(BODY) + 1), BODY))


def test_a_body_may_end_with_its_connection():
    assert received(response(b"HTTP/1.1 200 OK\r\n\r\n", BODY))[0] == BODY


@pytest.mark.parametrize("wrong", [b"zz\r\n", b"-1\r\nx\r\n", b"1" * 5000])
def test_what_is_no_chunk_is_an_error(wrong):
    with pytest.raises(http.client.HTTPException):
        received(response(HEAD, wrong + b"x" * 9))


def test_random_cuts_of_a_long_body():
    """A megabyte in thousands of chunks comes out as it went in."""
    rng = random.Random(7)
    body = bytes(rng.randrange(256) for _ in range(200_000))
    sizes = [rng.randint(1, 400) for _ in range(600)]
    wire = HEAD + chunked(body, sizes)
    assert received(response(*[wire[at : at + 1460] for at in range(0, len(wire), 1460)]))[0] == body
