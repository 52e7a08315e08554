"""Events that differ in their text alone are known without being parsed, and mean the same."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from api_models.clients.template import Template
from api_models.clients.wire_chat import ChatDecoder
from api_models.clients.wire_messages import MessagesDecoder
from api_models.clients.wire_responses import ResponsesDecoder


def read(frame):
    return json.loads(frame)["text"]


def test_a_pattern_is_learnt_from_one_event():
    template = Template()
    template.learn(b'{"a": 1, "text": "x", "b": 2}', "x", read)
    assert template.before == b'{"a": 1, "text": "' and template.behind == b'", "b": 2}'


def test_an_event_in_which_the_text_stands_twice_teaches_nothing():
    template = Template()
    template.learn(b'{"text": "x", "copy": "x"}', "x", read)
    assert template.before not in b'{"text": "'


def test_a_text_that_stands_elsewhere_teaches_nothing():
    """The one place where the text stands as it is may be the wrong one."""
    template = Template()
    template.learn(b'{"text": "\\u0078", "other": "x"}', "x", read)
    assert not b'{"text": "\\u0078", "other": "'.startswith(template.before)


def test_a_stream_that_never_repeats_itself_is_given_up():
    template = Template()
    for number in range(100):
        template.learn(b'{"n": %d, "text": "x"}' % number, "x", read)
    assert not b'{"n": 99, "text": "'.startswith(template.before)


def chat_event(text, **more):
    return {"id": "c", "model": "m", "choices": [{"index": 0, "delta": {"content": text, **more}}]}


def messages_event(text):
    return {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": text}}


def responses_event(text):
    return {"type": "response.output_text.delta", "item_id": "i", "delta": text}


WIRES = [
    (lambda: ChatDecoder(True), chat_event),
    (MessagesDecoder, messages_event),
    (ResponsesDecoder, responses_event),
]


@given(
    st.sampled_from(WIRES),
    st.lists(st.text(max_size=8), min_size=1, max_size=12),
    st.booleans(),
    st.integers(1, 50),
)
def test_known_events_mean_what_parsed_ones_mean(wire, texts, ascii_only, size):
    """Any texts, escaped or not, in any pieces of the body: their concatenation, byte for byte."""
    make, event = wire
    texts = [text.encode("utf-8", "ignore").decode() for text in texts]
    body = "".join(f"data: {json.dumps(event(text), ensure_ascii=ascii_only)}\n\n" for text in texts).encode()
    decoder = make()
    chunks = [chunk for at in range(0, len(body), size) for chunk in decoder.feed(body[at : at + size])]
    assert chunks == [text for text in texts if text]
    assert decoder.failure is None


def test_a_known_event_with_something_new_in_it_is_parsed():
    """A call, a stop reason or an error behind the text is not overlooked."""
    decoder = ChatDecoder(False)

    def feed(event):
        return decoder.feed(f"data: {json.dumps(event)}\n\n".encode())

    assert feed(chat_event("a")) == ["a"] and feed(chat_event("b")) == ["b"]
    call = {"index": 0, "id": "t", "function": {"name": "f", "arguments": "{}"}}
    assert feed(chat_event("c", tool_calls=[call]))[0] == "c"
    event = chat_event("d")
    event["choices"][0]["finish_reason"] = "tool_calls"
    assert feed(event) == ["d"]
    last = decoder.feed(b"data: [DONE]\n\n")
    assert [chunk.tool_call.name for chunk in last if chunk.tool_call] == ["f"]
    assert last[-1].stop_reason == "tool_calls"
