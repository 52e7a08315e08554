"""Where an event ends: as WHATWG has it, cut anywhere, and never looked at twice."""

from __future__ import annotations

import pytest
import sseclient
from corpus import body_of, entries, is_ndjson, shuffled
from hypothesis import given
from hypothesis import strategies as st

from api_models.clients.framing import LineFraming, SSEFraming


def payloads(framing, pieces):
    frames = [frame for piece in pieces for frame in framing.feed(piece)]
    found = [framing.payload(frame) for frame in frames]
    return [payload for payload in found if payload is not None]


def sse(*pieces):
    return payloads(SSEFraming(), pieces)


@pytest.mark.parametrize("end", [b"\n\n", b"\r\n\r\n", b"\r\r", b"\n\r\n", b"\r\n\n"], ids=repr)
def test_any_two_line_ends_make_an_event(end):
    """M9: mixed delimiters do not merge two events into one."""
    assert sse(b"data: 1" + end + b"data: 2" + end + b"data: 3" + end) == [b"1", b"2", b"3"]


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"], ids=repr)
def test_fields_and_comments_around_the_data_are_left_out(end):
    lines = [
        b": hello",
        b"event: x",
        b"id: 7",
        b"data: 1",
        b"retry: 5",
        b"",
        b": ping",
        b"",
        b"data:2",
        b"",
        b"",
    ]
    assert sse(end.join(lines)) == [b"1", b"2"]


def test_several_data_lines_are_joined():
    assert sse(b"data: a\ndata: b\ndata:c\n\n") == [b"a\nb\nc"]


def test_one_space_behind_the_colon_is_no_data():
    assert sse(b"data:  two\n\ndata:none\n\n") == [b" two", b"none"]


def test_a_byte_order_mark_costs_no_event():
    """M9: the first event behind one is not lost, whole or in pieces."""
    assert sse(b"\xef\xbb\xbfdata: 1\n\n") == [b"1"]
    assert sse(b"\xef", b"\xbb", b"\xbf", b"data: 1\n\n") == [b"1"]
    assert sse(b"\xef\xbb", b"data: 1\n\ndata: 2\n\n") == [b"2"]  # no mark, but a broken first line


def test_other_separators_are_text():
    """M9: U+2028, U+2029, U+0085 and a vertical tab end no line."""
    text = "a\u2028b\u2029c\x85d\x0be"
    assert sse(f"data: {text}\n\n".encode()) == [text.encode()]


def test_an_emoji_cut_in_half_is_whole_again():
    wire = "data: 👩‍👩‍👧\n\n".encode()
    assert sse(*[wire[at : at + 1] for at in range(len(wire))]) == ["👩‍👩‍👧".encode()]


def test_the_rest_is_given_at_the_end():
    framing = SSEFraming()
    assert payloads(framing, [b"data: 1\n\ndata: 2"]) == [b"1"]
    assert framing.payload(framing.finish()) == b"2"
    assert framing.payload(framing.finish()) is None


def test_the_head_is_kept_until_the_first_event():
    framing = SSEFraming()
    payloads(framing, [b"<html>", b"<body>", b"x" * 100_000])
    assert framing.head.startswith(b"<html><body>") and len(framing.head) == 65536
    payloads(framing, [b"\n\ndata: 1\n\n"])
    assert framing.head == b""


def test_lines_are_lines():
    assert payloads(LineFraming(), [b'{"a":', b'1}\r\n\n{"b"', b":2}\n{"]) == [b'{"a":1}', b'{"b":2}']


def test_an_event_in_a_million_pieces_is_joined_once():
    """2 MB in pieces of two bytes: quadratic work would take minutes."""
    wire = b"data: " + b"x" * 2_000_000 + b"\n\n"
    assert len(sse(*[wire[at : at + 2] for at in range(0, len(wire), 2)])[0]) == 2_000_000


EVENTS = [entry for entry in entries() if not is_ndjson(entry)]


@pytest.mark.parametrize("entry", EVENTS, ids=[entry["file"] for entry in EVENTS])
def test_recordings_are_read_as_sseclient_reads_them(entry):
    """On what providers really send, the library and our short path agree."""
    theirs = [event.data.encode() for event in sseclient.SSEClient(iter([body_of(entry) + b"\n\n"])).events()]
    framing = SSEFraming()
    ours = payloads(framing, shuffled(entry, 1))
    last = framing.payload(framing.finish())
    assert ours + ([last] if last is not None else []) == theirs


lines = st.sampled_from(
    [b"data: {1}", b"data:", b"data: x", b": note", b"event: e", b"id", b"", "data: é".encode()]
)
ends = st.sampled_from([b"\n", b"\r\n", b"\r"])


@given(st.lists(st.tuples(lines, ends), max_size=20), st.lists(st.integers(1, 9), min_size=1))
def test_the_cuts_of_the_transport_change_nothing(written, sizes):
    """Any lines, any line ends, any pieces: the payloads of the whole."""
    body = b"".join(line + end for line, end in written) + b"\n\ndata: last\n\n"
    pieces, at = [], 0
    while at < len(body):
        size = sizes[len(pieces) % len(sizes)]
        pieces.append(body[at : at + size])
        at += size
    assert sse(*pieces) == sse(body)
