"""Policies in a stream: their order, what passes beside the text, and the ends."""

from __future__ import annotations

import copy
import logging
import pickle
import re
import time
from pathlib import Path

import pytest
from fakes import RecordingHandler, ScriptedSource, finish, outcome, run, start
from hypothesis import given
from hypothesis import strategies as st

from api_models.exceptions import PolicyViolationError, RateLimitError
from api_models.stages import StagedSource, map_text
from api_models.stages.policies import ban_phrases, cap_length, json_only, judge_text, redact, redact_keys
from api_models.stages.policy import Block, Replace
from api_models.stages.policy_chain import PolicyChain, ReplacedText
from api_models.streaming.exceptions import StreamCancelledError, StreamTimeoutError
from api_models.streaming.stream_events import ResetNotice, RetryNotice, StreamChunk, TokenUsage, ToolCall

CALL = ToolCall("c1", "look", {"at": "it"}, '{"at":"it"}')
CALL_CHUNK = StreamChunk(tool_call=CALL)
USAGE = TokenUsage(3, 4, source="reported")
KEY = "sk-" + "a1B2" * 6


def broken(text):
    raise ValueError("a bug in a policy")


def text_of(chunks):
    return "".join(chunk if isinstance(chunk, str) else getattr(chunk, "text", "") for chunk in chunks)


def test_the_first_policy_is_asked_first():
    first, second = (
        judge_text(lambda text: text + "1", window=0),
        judge_text(lambda text: text + "2", window=0),
    )
    assert list(PolicyChain(first, second)(["a"])) == ["a12"]
    assert list(PolicyChain(second, first)(["a"])) == ["a21"]


def test_a_chain_of_none_changes_nothing():
    chunks = ["a", StreamChunk(tool_call=CALL), "b"]
    assert list(PolicyChain()(chunks)) == chunks


def test_a_chain_is_a_stage_among_others():
    chain = PolicyChain(ban_phrases("BAD"))
    assert list((map_text(str.upper) | chain)(["go", "od "])) == ["GO", "OD "]
    with pytest.raises(PolicyViolationError):
        list((map_text(str.upper) | chain)(["b", "ad"]))


def test_b3_1_a_guard_that_fails_blocks():
    """Closed unless declared open: an exception inside it is no way through."""
    with pytest.raises(PolicyViolationError) as caught:
        list(PolicyChain(judge_text(broken, window=0))(["a"]))
    assert caught.value.policy == "broken"
    assert "a bug in a policy" in caught.value.reason
    assert isinstance(caught.value.__cause__, ValueError)


def test_b3_1_a_cosmetic_policy_that_fails_lets_the_text_through(caplog):
    """All of it, once, also what it held back; and the failure is in the log."""

    def at_c(text):
        return text[:-3] if "c" not in text else broken(text)

    for window, function in ((0, broken), (5, at_c), ("whole", broken), ("sentence", broken)):
        caplog.clear()
        chain = PolicyChain(judge_text(function, window, fail_mode="open"))
        chunks = ["ab", StreamChunk(tool_call=CALL), "cde", "f. g"]
        assert text_of(chain(chunks)) == "abcdef. g"
        assert [record.levelno for record in caplog.records] == [logging.WARNING]
        assert caplog.records[0].exc_info


def test_b3_2_all_but_the_text_passes_untouched():
    """Roles, reasons, usage and calls: a policy sees text, and the envelope is put around what it gives."""
    ends = StreamChunk(stop_reason="tool_calls", raw_stop_reason="tool_use", usage=USAGE)
    chunks = [
        StreamChunk(model="m", response_id="r"),
        StreamChunk(thinking="bad thoughts"),
        StreamChunk(text="a bad", refusal="no bad", citation={"at": "bad"}),
        CALL_CHUNK,
        RetryNotice(1, 0.0, RateLimitError("x")),
        ends,
    ]
    through = list(PolicyChain(redact("bad", 3, "good"))(chunks))
    assert text_of(through) == "a good"
    others = [chunk for chunk in through if not isinstance(chunk, (str, RetryNotice))]
    assert others == [
        chunks[0], chunks[1], StreamChunk(refusal="no bad", citation={"at": "bad"}), CALL_CHUNK, ends,
    ]  # fmt: skip
    assert chunks[4] in through


def test_b3_3_a_pattern_that_a_border_cuts_is_found():
    chain = PolicyChain(redact(r"\d{3}-\d{4}", 8, "###"))
    assert text_of(chain(["call 555-", "1234 now"])) == "call ### now"


def test_text_on_both_sides_of_a_tool_call_is_one_text():
    """A pattern is found across it, and the call keeps its place behind the text before it."""
    halves = [KEY[:10], StreamChunk(tool_call=CALL), KEY[10:], "."]
    assert list(PolicyChain(redact_keys())(halves)) == ["[key]", StreamChunk(tool_call=CALL), "."]
    apart = ["pass s", StreamChunk(tool_call=CALL), "o"]
    assert list(PolicyChain(redact_keys())(apart)) == ["pass ", "s", StreamChunk(tool_call=CALL), "o"]


TEXTS = st.lists(st.sampled_from(["cat", "dog ", KEY, "s", "k-", " ", "x"]), max_size=8)
MARKS = st.lists(st.integers(0, 60), max_size=4)


@given(TEXTS, MARKS)
def test_what_is_no_text_keeps_its_place(pieces, marks):
    """Behind all that passed of the text before it, and before all that came after it."""
    text = "".join(pieces)
    chunks = list(text)
    for mark in sorted(marks, reverse=True):
        chunks.insert(min(mark, len(text)), StreamChunk(model=str(min(mark, len(text)))))
    passing = PolicyChain(judge_text(lambda text: text[:-4], window=4), judge_text(str, window="sentence"))
    through = list(passing(chunks))
    assert text_of(through) == text
    seen = 0
    for chunk in through:
        if isinstance(chunk, str):
            seen += len(chunk)
        else:
            assert seen == int(chunk.model)


def test_thinking_and_text_of_one_chunk_keep_their_order():
    through = list(PolicyChain(redact("x", 1))([StreamChunk(text="a", thinking="hm", model="m"), "b"]))
    assert through == [StreamChunk(thinking="hm"), "a", StreamChunk(model="m"), "b"]


def test_b3_6_looking_at_a_chain_or_a_stream_uses_nothing_up():
    """Neither a copy, nor a log line, nor a second run takes anything from a first."""
    chain = PolicyChain(redact_keys(), cap_length(100))
    through = chain(iter(["a", "b", "c"]))
    assert next(through) == "a"
    repr(through), str(chain), copy.copy(chain), copy.deepcopy(PolicyChain(cap_length(1)))
    assert list(through) == ["b", "c"]
    assert list(chain(["d"])) == list(copy.copy(chain)(["d"])) == ["d"]


def test_b3_7_a_stream_is_cancelled_and_timed_out_through_its_policies():
    """Also while a policy holds everything back: the source is let go, and the partial text is nothing."""
    source, handler = ScriptedSource("{", '"a"'), RecordingHandler()
    stream = start(StagedSource(source, PolicyChain(json_only())), handler)
    source.wait_until_blocked()
    assert stream.cancel_stream()
    finish(stream)
    assert isinstance(outcome(stream), StreamCancelledError)
    assert (source.closes, handler.check("cancelled").tokens) == (1, [])

    source = ScriptedSource("{")
    timed = start(StagedSource(source, PolicyChain(json_only())), idle_timeout=0.05)
    assert isinstance(outcome(timed), StreamTimeoutError)
    assert source.closes == 1


def test_b3_8_after_a_violation_nobody_is_told_of_success():
    """One end, an error, behind all that was let through."""
    handler = RecordingHandler()
    source = ScriptedSource("fine, ", "then ba", "d", " more").end()
    stream = run(StagedSource(source, PolicyChain(ban_phrases("bad"))), handler)
    error = outcome(stream)
    assert isinstance(error, PolicyViolationError)
    assert handler.check("error").ending is error
    assert (handler.text, error.partial_text) == ("fine, then ", "fine, then ")
    assert (error.policy, error.reason) == ("ban_phrases", "it says 'bad'")


def test_b3_9_text_that_is_dropped_leaves_no_hole():
    """Indices go up by one, and the first and the last chunk keep what they carry."""
    handler = RecordingHandler()
    chunks = [StreamChunk(text="x", model="m"), "a", "x", "b", StreamChunk(text="x", stop_reason="stop")]
    dropping = judge_text(lambda text: "" if text == "x" else text, window=0)
    result = run(StagedSource(ScriptedSource(*chunks).end(), PolicyChain(dropping)), handler).result()
    assert (handler.tokens, handler.indices) == (["a", "b"], [0, 1])
    assert (result.text, result.model, result.stop_reason) == ("ab", "m", "stop")


def test_b3_10_a_policy_that_blocks_closes_the_source():
    """At once: nothing more is read."""
    source = ScriptedSource("a", "b", "c", "d")  # and then it would wait for ever
    with pytest.raises(PolicyViolationError) as caught:
        list(PolicyChain(cap_length(2))(source))
    assert (source.closes, source.reads) == (1, 3)
    assert caught.value.partial_text == "ab"


def test_b3_10_what_a_policy_puts_in_is_told_apart():
    """In the stage and in the stream: the text says whose it is."""
    heard = []

    class Listener(RecordingHandler):
        def on_event(self, event):
            heard.append(getattr(event, "text", None))

    run(StagedSource(ScriptedSource("my ", KEY, "!").end(), PolicyChain(redact_keys())), Listener())
    marked = [text for text in heard if isinstance(text, ReplacedText)]
    assert (marked, marked[0].policy) == (["[key]"], "redact_keys")
    assert not isinstance(heard[1], ReplacedText)
    assert pickle.loads(pickle.dumps(str(marked[0]))) == "[key]"


def test_b3_11_no_document_praises_itself():
    """Nothing is called ready for production, and no figure of coverage stands for proof."""
    root = Path(__file__).parents[2]
    for path in [root / "README.md", root / "CHANGELOG.md", *(root / "docs").rglob("*.md")]:
        said = path.read_text(encoding="utf-8")
        assert not re.search(
            r"production[- ]ready|ready for production|\d+ ?% coverage", said, re.IGNORECASE
        ), path


@pytest.mark.parametrize(
    ("policy", "text"),
    [(redact_keys(), "a s"), (json_only(), ""), (judge_text(str, "whole"), "a s"), (ban_phrases("a s"), "")],
    ids=["redact", "json", "whole", "banned"],
)
def test_a_source_that_fails_is_the_error_that_the_user_sees(policy, text):
    """Text that was held back is judged first: what does not pass is not let go."""
    error, through = RateLimitError("slow down"), []
    source = ScriptedSource("a ", "s").fail(error)
    with pytest.raises(RateLimitError) as caught:
        for chunk in PolicyChain(policy)(source):
            through.append(chunk)  # noqa: PERF402  # what came before the error counts
    assert caught.value is error
    assert "".join(through) == text
    assert source.closes == 1


def test_a_violation_upstream_lets_nothing_go_that_was_held():
    """What was let through is the same however the stream was cut."""
    chain = PolicyChain(ban_phrases("bad"), judge_text(str, "sentence"))
    for chunks in (["One. Two bad"], list("One. Two bad")):
        with pytest.raises(PolicyViolationError) as caught:
            list(chain(chunks))
        assert caught.value.partial_text == "One. "


def test_a_reset_begins_anew():
    """The held text is forgotten, and the policies know nothing of what came before."""
    chain = PolicyChain(cap_length(5), redact_keys())
    reset = ResetNotice("again")
    assert list(chain(["abc s", reset, "def s"])) == ["abc ", reset, "def ", "s"]
    with pytest.raises(PolicyViolationError) as caught:
        list(chain(["abc", reset, "defghi"]))
    assert caught.value.partial_text == "defgh"


def test_closing_a_chain_asks_nobody_and_closes_the_source():
    asked = []
    source = ScriptedSource("a", "b", "c").end()
    through = PolicyChain(judge_text(lambda text: asked.append(text) or text, "whole"))(source)
    through.close()
    assert (asked, source.closes) == ([], 1)


def test_verdicts_are_values():
    assert Block("a") == Block("a")
    assert Replace("a") == Replace("a", None)


@pytest.mark.parametrize("texts", [["One. Two. Thr", "ee."], ["One. Two. Three."], list("One. Two. Three.")])
def test_an_open_policy_that_fails_loses_none_of_the_sentences_that_wait(texts):
    def fail(text):
        raise ValueError(text)

    assert "".join(PolicyChain(judge_text(fail, fail_mode="open"))(texts)) == "One. Two. Three."


def test_a_sentence_that_does_not_end_is_not_looked_at_again_with_each_token():
    """A hundred thousand characters; copied for each token they would take seconds."""
    begun = time.process_time()
    assert "".join(PolicyChain(judge_text(lambda text: text))(["word "] * 20_000)) == "word " * 20_000
    assert time.process_time() - begun < 2
