"""Whatever the text, its cuts and the stages: joined, what comes out is what the function of the whole gives."""

from __future__ import annotations

import re
import threading

from fakes import RecordingHandler, ScriptedSource, run
from hypothesis import given, settings
from hypothesis import strategies as st

from api_models.stages import (
    StagedSource,
    batch,
    combine,
    compose,
    emulate_stream,
    filter_text,
    flat_map_text,
    map_text,
    recut,
    smooth,
    take_until,
    tee,
    throttle,
)
from api_models.streaming.stream_events import StreamChunk, TokenUsage
from api_models.streaming.stream_source import text_of

LETTERS = st.one_of(st.sampled_from("abX .!?\n\r\u0301\U0001f1e9\u200d"), st.characters())
TEXTS = st.text(LETTERS, max_size=80)
TABLE = str.maketrans("ab", "ba", "!")


def same(text):
    return text


# Stages, each with what it does to a whole text.
STAGES = {
    "grapheme": (recut("grapheme"), same),
    "word": (recut("word"), same),
    "line": (recut("line"), same),
    "sentence": (recut("sentence"), same),
    "regex": (recut(re.compile(r"\s+|a.*?b")), same),
    "pieces": (batch(3), same),
    "characters": (batch(characters=5), same),
    "tee": (tee(lambda text: None), same),
    "translate": (map_text(lambda text: text.translate(TABLE)), lambda text: text.translate(TABLE)),
    "letters": (flat_map_text(list), same),
    "without X": (flat_map_text(list) | filter_text(lambda text: text != "X"), lambda text: text.replace("X", "")),
    "until": (take_until(". "), lambda text: text.partition(". ")[0]),
    "including": (take_until("aX", inclusive=True), lambda text: "".join(text.partition("aX")[:2])),
    "function": (lambda chunks: (chunk for chunk in chunks), same),
}  # fmt: skip
TIMED = {
    "seconds": (batch(seconds=0.001), same),
    "smooth": (smooth(1e9), same),
    "throttle": (throttle(1e9), same),
}
END = StreamChunk(usage=TokenUsage(1, 2))


@st.composite
def cut(draw, text):
    """A text in pieces, some of them empty or in a chunk, in batches, some of them empty."""
    cuts = sorted(draw(st.lists(st.integers(0, len(text)), max_size=12)))
    pieces = [text[start:end] for start, end in zip([0, *cuts], [*cuts, len(text)], strict=True)]
    chunks = [draw(st.sampled_from([piece, StreamChunk(piece, model="m")])) for piece in pieces]
    borders = sorted(draw(st.lists(st.integers(0, len(chunks)), max_size=4)))
    return [chunks[start:end] for start, end in zip([0, *borders], [*borders, len(chunks)], strict=True)]


def check(text, batches, names, stages):
    chosen = [stages[name] for name in names]
    chain, whole = compose(*(stage for stage, _ in chosen)), text
    for _, function in chosen:
        whole = function(whole)
    alone = list(chain([chunk for each in batches for chunk in each]))
    assert "".join(map(text_of, alone)) == whole
    source, heard = ScriptedSource(), RecordingHandler()
    for each in batches:
        source.push_batch(*each)
    source.push(END).end()
    result = run(StagedSource(source, chain), heard).result()
    assert (result.text, heard.text, source.closes) == (whole, whole, 1)
    if not {"until", "including"} & set(names):
        assert result.usage == END.usage
    return result


@settings(deadline=None, max_examples=300)
@given(st.data(), TEXTS, st.lists(st.sampled_from(sorted(STAGES)), max_size=5))
def test_any_chain_gives_what_the_whole_text_would(data, text, names):
    check(text, data.draw(cut(text)), names, STAGES)


@settings(deadline=None, max_examples=60)
@given(
    st.data(),
    TEXTS,
    st.lists(st.sampled_from(sorted({**STAGES, **TIMED})), max_size=4),
    st.sampled_from(sorted(TIMED)),
)
def test_so_does_one_that_goes_by_the_clock(data, text, names, timed):
    before = set(threading.enumerate())
    check(text, data.draw(cut(text)), [*names, timed], {**STAGES, **TIMED})
    left = {thread for thread in set(threading.enumerate()) - before if "clocks" not in thread.name}
    assert not left


@settings(deadline=None, max_examples=100)
@given(TEXTS, st.integers(1, 9), st.lists(st.sampled_from(sorted(STAGES)), max_size=3))
def test_so_does_one_over_an_emulated_stream(text, size, names):
    chosen, whole = [STAGES[name] for name in names], text
    for _, function in chosen:
        whole = function(whole)
    chunks = list(compose(*(stage for stage, _ in chosen))(emulate_stream(text, chunk_size=size)))
    assert "".join(map(text_of, chunks)) == whole


@settings(deadline=None, max_examples=100)
@given(TEXTS)
def test_pieces_are_what_their_name_says(text):
    """Words and lines end where they are said to end, and nowhere else."""
    assert all(re.search(r"\s$", piece) for piece in [*recut("word")([text])][:-1])
    assert all(re.search(r"[\r\n]$", piece) for piece in [*recut("line")([text])][:-1])
    assert "".join(recut("line")([text])) == text


@settings(deadline=None, max_examples=25)
@given(TEXTS, TEXTS, st.sampled_from(sorted(STAGES)), st.sampled_from(["arrival", "sequence", "priority"]))
def test_combined_chains_give_what_each_would(one, other, name, order):
    stage, function = STAGES[name]
    tagged = list(combine([compose(stage)([text] if text else []) for text in (one, other)], order))
    for number, text in enumerate((one, other)):
        assert "".join(text_of(chunk) for source, chunk in tagged if source == number) == function(text)
