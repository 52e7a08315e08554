"""Answers are found again, whatever cut off the program that wrote them."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api_models.exceptions import ConfigurationError
from api_models.structured.answer_store import AnswerStore, key_of

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
)


def kept(path, answers):
    store = AnswerStore(path)
    for key, answer in answers:
        store.add(key, json.dumps(answer, indent=2, ensure_ascii=False).encode("utf-8", "surrogatepass"))
    store.close()


@given(st.dictionaries(st.text(), JSON, max_size=5))
def test_what_is_kept_is_found(tmp_path_factory, answers):
    path = tmp_path_factory.mktemp("store") / "answers.jsonl"
    kept(path, answers.items())
    store = AnswerStore(path)
    assert {key: json.loads(store.get(key)) for key in answers} == answers
    assert store.get("no such key " * 9) is None
    assert len(path.read_bytes().splitlines()) == len(answers) if path.exists() else not answers


def test_a_cut_at_any_byte_costs_the_last_answer_alone(tmp_path, caplog):
    path = tmp_path / "answers.jsonl"
    kept(path, [("a", {"n": 1}), ("b", {"n": 2})])
    whole = path.read_bytes()
    second = whole.index(b"\n") + 1
    for at in range(second, len(whole)):
        path.write_bytes(whole[:at])
        kept(path, [("c", {"n": 3})])
        store = AnswerStore(path)
        assert json.loads(store.get("a")) == {"n": 1}
        assert json.loads(store.get("c")) == {"n": 3}
        assert store.get("b") is None or at == len(whole) - 1
    assert "passed over" in caplog.text


def test_the_last_answer_under_a_key_counts(tmp_path):
    path = tmp_path / "answers.jsonl"
    kept(path, [("a", 1), ("a", 2)])
    assert AnswerStore(path).get("a") == b"2"


def test_the_same_prompt_has_the_same_key():
    assert key_of([{"role": "user", "content": "a"}]) == key_of([{"content": "a", "role": "user"}])
    assert key_of("a") != key_of("b")
    assert key_of("\ud800") == key_of("\ud800")
    with pytest.raises(ConfigurationError, match="prompt"):
        key_of({1, 2})
