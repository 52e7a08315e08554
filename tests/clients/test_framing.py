"""Bytes become events by the rules of WHATWG, whatever the transport makes of them."""

from __future__ import annotations

import re
import time
from pathlib import Path

import pytest
import sseclient
from hypothesis import given
from hypothesis import strategies as some

from api_models.clients.framing import LineFraming, SSEFraming

CORPUS = Path(__file__).resolve().parents[2].parent / "shared" / "wire"
MARK = b"\xef\xbb\xbf"


def payloads(framing, *pieces):
    """What the events carry that come whole."""
    frames = [frame for piece in pieces for frame in framing.feed(piece)]
    return [payload for frame in frames if (payload := framing.payload(frame)) is not None]


def events(*pieces):
    return payloads(SSEFraming(), *pieces)


def pieces_of(body, size):
    return [body[at : at + size] for at in range(0, len(body), size)]


def rest(framing, *pieces):
    """What is left when the body ends."""
    for piece in pieces:
        framing.feed(piece)
    return framing.payload(framing.finish())


# -- what an event is


def test_an_event_ends_at_its_blank_line():
    assert events(b"data: a\n\ndata: b\n\n") == [b"a", b"b"]


def test_an_event_without_its_blank_line_is_not_there_yet():
    assert events(b"data: a\n\ndata: b\n") == [b"a"]


def test_the_name_of_an_event_does_not_matter():
    assert events(b"event: ping\nid: 7\ndata: a\n\n") == [b"a"]
    assert events(b"data: a\nevent: ping\n\n") == [b"a"]


def test_one_space_behind_the_colon_is_no_data():
    assert events(b"data:a\n\ndata: b\n\ndata:  c\n\n") == [b"a", b"b", b" c"]


def test_several_data_lines_are_joined_by_a_line_end():
    assert events(b"data: a\ndata: b\ndata:\ndata: c\n\n") == [b"a\nb\n\nc"]


@pytest.mark.parametrize(
    "comments",
    [b": keep-alive\n\n", b":\n\n:\n\n", b": about the event\n", b"event: x\n: between\n", b"\n\n\n"],
)
def test_comments_and_blank_lines_are_dropped(comments):
    assert events(comments + b"data: a\n\n") == [b"a"]
    assert events(b"data: first\n\n" + comments + b"data: a\n\n") == [b"first", b"a"]


def test_a_comment_within_an_event_is_dropped():
    assert events(b"data: a\n: data: b\ndata: c\n\n") == [b"a\nc"]


def test_an_event_that_carries_no_data_is_none():
    assert events(b"event: ping\n\nid: 3\nretry: 10\n\nmetadata: x\n\n") == []


# -- line ends


@pytest.mark.parametrize("newline", [b"\n", b"\r\n", b"\r"])
def test_lines_end_at_lf_crlf_and_cr(newline):
    body = b"event: x@data: a@@: c@data: b@data: c@@".replace(b"@", newline)
    for size in range(1, len(body) + 1):
        assert events(*pieces_of(body, size)) == [b"a", b"b\nc"], size


@pytest.mark.parametrize("delimiter", [b"\n\r\n", b"\r\n\n", b"\n\r", b"\r\r\n", b"\r\n\r"])
def test_mixed_delimiters_part_two_events(delimiter):
    """Where sseclient-py alone makes one event of two."""
    body = b"data: 1" + delimiter + b"data: 2" + delimiter + b"data: 3\n\n"
    for size in range(1, len(body) + 1):
        assert events(*pieces_of(body, size)) == [b"1", b"2", b"3"], size


@pytest.mark.parametrize("character", ["\u2028", "\u2029", "\x85", "\x0b", "\x0c", "\x1c", "\x1e"])
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_lines_end_nowhere_else(character, newline):
    """Not at U+2028, at which `str.splitlines` and httpx part lines."""
    text = f'{{"a": "before{character}behind"}}'
    body = f"data: {text}{newline}{newline}".encode()
    for size in range(1, len(body) + 1):
        assert events(*pieces_of(body, size)) == [text.encode()], size


def test_a_crlf_may_be_cut_between_two_reads():
    assert events(b"data: a\r", b"\ndata: b\r", b"\n", b"\r", b"\ndata: c\r\n\r\n") == [b"a\nb", b"c"]


def test_an_event_that_ends_in_cr_is_handed_on_before_the_next_byte():
    """The CR may be half of a CRLF, but the line ended there in any case."""
    assert events(b"data: a\r\n\r") == [b"a"]
    assert events(b"data: a\r\n\r", b"\ndata: b\r\n\r\n") == [b"a", b"b"]


def test_an_emoji_may_be_cut_between_two_reads():
    body = 'data: {"a": "\N{GRINNING FACE}"}\r\n\r\n'.encode()
    for at in range(len(body)):
        assert events(body[:at], body[at:]) == [body[6:-4]], at


# -- the beginning


def test_a_byte_order_mark_is_dropped():
    """Where sseclient-py and the SDK of OpenAI lose the first event."""
    body = MARK + b"data: a\n\ndata: b\n\n"
    for size in range(1, len(body) + 1):
        assert events(*pieces_of(body, size)) == [b"a", b"b"], size


def test_one_byte_order_mark_is_dropped_and_no_other():
    assert events(MARK + MARK + b"data: a\n\ndata: b\n\n") == [b"b"]
    assert events(b"data: a\n\n" + MARK + b"data: b\n\n") == [b"a"]
    assert events(b"data: " + MARK + b"\n\n") == [MARK]


# -- the end


@pytest.mark.parametrize("end", [b"", b"\n", b"\r\n", b"\r"])
def test_an_unterminated_event_is_given_at_the_end_of_the_body(end):
    assert rest(SSEFraming(), b"data: a\n\nevent: x\nda", b"ta: b" + end) == b"b"


@pytest.mark.parametrize("end", [b"", b"\n", b"event: x", b": comment", b"dat"])
def test_there_is_no_unterminated_event_without_data(end):
    assert rest(SSEFraming(), b"data: a\n\n" + end) is None


# -- what came instead of events


def test_the_head_of_a_body_without_events_is_kept():
    framing = SSEFraming()
    assert payloads(framing, b"<html>\n", b"<body>no", b"\n\n</body>") == []
    assert framing.head == b"<html>\n<body>no\n\n</body>"


def test_the_head_is_kept_to_its_limit():
    framing = SSEFraming()
    for _ in range(3):
        framing.feed(b"x" * 30_000 + b"\n")
    assert framing.head == (b"x" * 30_000 + b"\n" + b"x" * 30_000 + b"\n" + b"x" * 30_000)[:65_536]


def test_the_head_is_let_go_with_the_first_event():
    framing = SSEFraming()
    assert payloads(framing, b": hello\n\n") == []
    assert framing.head
    assert payloads(framing, b"data: a\n\n", b": more\n\n") == [b"a"]
    assert framing.head == b""


# -- lines


def test_a_line_is_an_event_of_newline_delimited_json():
    assert payloads(LineFraming(), b'{"a": 1}\n{"b"', b': 2}\r\n\n{"c": 3}') == [b'{"a": 1}', b'{"b": 2}']
    assert rest(LineFraming(), b'{"a": 1}\n{"c": 3}') == b'{"c": 3}'
    assert rest(LineFraming(), b'{"a": 1}\n \n') is None


def test_a_line_may_hold_what_other_libraries_take_for_a_line_end():
    line = '{"a": "\u2028\x85\x0c"}'.encode()
    assert payloads(LineFraming(), *pieces_of(line + b"\n", 1)) == [line]


# -- any body

LINES = [b"data: a", b"data:b", b"data: ", b"data:", b"data: \xe2\x80\xa8", b"data: \xf0\x9f\x98\x80",
         b"event: x", b": comment", b":", b"id: 1", b"datum: c", b"", b"", b"", b""]  # fmt: skip


def read_by_the_letter(body):
    """The specification, step by step, on a whole body: slow, and plain to see right."""
    found, data = [], []
    for line in re.split(rb"\r\n|\n|\r", body.removeprefix(MARK))[:-1]:
        name, _, value = line.partition(b":")
        if not line and data:
            found.append(b"\n".join(data))
        if not line:
            data = []
        elif name == b"data":
            data.append(value.removeprefix(b" "))
    return found


bodies = some.lists(some.tuples(some.sampled_from(LINES), some.sampled_from([b"\n", b"\n", b"\r\n", b"\r"])))
sizes = some.lists(some.integers(1, 9), min_size=1)


@given(begin=some.sampled_from([b"", MARK]), lines=bodies, sizes=sizes)
def test_any_body_is_read_by_the_letter_however_it_is_cut(begin, lines, sizes):
    body = begin + b"".join(line + newline for line, newline in lines)
    pieces, at = [], 0
    for size in sizes:
        pieces.append(body[at : at + size])
        at += size
    assert events(*pieces, body[at:]) == read_by_the_letter(body)


@pytest.mark.parametrize(
    "path", sorted(CORPUS.rglob("*.sse")), ids=lambda path: str(path.relative_to(CORPUS))
)
def test_a_recording_is_read_as_sseclient_reads_it(path):
    """Without the line ends that sseclient-py does not know."""
    body = path.read_bytes()
    plain = re.sub(rb"\r\n?", b"\n", body.removeprefix(MARK))
    terminated = plain[: plain.rindex(b"\n\n") + 2]
    theirs = [event.data.encode() for event in sseclient.SSEClient(iter([terminated])).events()]
    for size in (1, 5, len(body)):
        assert events(*pieces_of(body, size)) == theirs


# -- speed

SLOW = 2.0  # seconds; what is linear here takes a tenth of it on a slow machine


@pytest.mark.parametrize("size", [1, 7])
def test_a_long_event_in_tiny_pieces_is_not_read_again_and_again(size):
    body = b'data: "' + b"x" * 300_000 + b'"\n\n'
    begun = time.process_time()
    assert events(*pieces_of(body, size)) == [body[6:-2]]
    assert time.process_time() - begun < SLOW
