"""What a policy of the user's is asked, and what it may answer."""

from __future__ import annotations

import threading

import pytest

from api_models.exceptions import PolicyViolationError
from api_models.stages.policy import Block, Judge, Replace, StreamPolicy, judge_of
from api_models.stages.policy_chain import PolicyChain


class Asked(StreamPolicy):
    """Writes down what it is asked, and answers by a function."""

    def __init__(self, window, answer=lambda text: text, **settings):
        self.window = window
        self.answer = answer
        self.asked = []
        vars(self).update(settings)

    def start(self):
        return self  # so that the test can look

    def on_text(self, text):
        self.asked.append(text)
        return self.answer(text)


def through(policy, *chunks):
    return list(PolicyChain(policy)(chunks))


def blocked(policy, *chunks):
    with pytest.raises(PolicyViolationError) as caught:
        through(policy, *chunks)
    return caught.value


def test_without_a_window_it_is_asked_about_text_as_it_comes():
    policy = Asked(0)
    assert through(policy, "ab", "c") == ["ab", "c"] == policy.asked


def test_with_a_number_it_is_asked_at_each_character():
    policy = Asked(3, lambda text: text[:-2])
    assert "".join(through(policy, "abc", "d")) == "abcd"
    assert policy.asked == ["a", "ab", "abc", "bc", "bcd", "cd", "cd"]  # the last one is the end


def test_with_sentences_it_is_asked_about_each():
    policy = Asked("sentence")
    assert "".join(through(policy, "One. T", "wo! ", "Dr. Three")) == "One. Two! Dr. Three"
    assert policy.asked == ["One. ", "Two! ", "Dr. Three"]


def test_with_the_whole_it_is_asked_once():
    policy = Asked("whole")
    assert through(policy, "a", "b", "c") == ["abc"]
    assert policy.asked == ["abc"]


def test_nobody_asks_about_no_text():
    policy = Asked("whole", lambda text: Block("empty"))
    assert through(policy) == []
    assert policy.asked == []


def test_what_passes_in_part_is_asked_about_again():
    policy = Asked("whole", lambda text: Replace("-", text[:1]) if text[0] == "b" else text[:1])
    assert through(policy, "abc") == ["a", "-", "c"]
    assert policy.asked == ["abc", "bc", "c"]


def test_a_replace_says_whose_it_is():
    (text,) = through(Asked(0, lambda text: Replace("x")), "secret")
    assert (text, text.policy) == ("x", "Asked")


def test_a_replace_by_nothing_takes_out():
    assert through(Asked(0, lambda text: Replace("") if text == "b" else text), "a", "b", "c") == ["a", "c"]


def test_a_block_ends_with_its_reason():
    error = blocked(Asked(0, lambda text: Block("no b") if text == "b" else text), "a", "b", "c")
    assert (error.policy, error.reason, error.partial_text) == ("Asked", "no b", "a")


@pytest.mark.parametrize(
    ("window", "answer", "why"),
    [
        (0, lambda text: None, "not NoneType"),
        (0, str.upper, "given as a Replace"),
        (0, lambda text: Replace("x", "zzz"), "the beginning of the text"),
        (0, lambda text: Replace("x", ""), "the beginning of the text"),
        (0, lambda text: "", "2 characters were kept back, and 0 declared"),
        (1, lambda text: "", "2 characters were kept back, and 1 declared"),
        ("sentence", lambda text: "", "kept back"),
    ],
)
def test_an_answer_that_cannot_be_is_a_failure(window, answer, why):
    assert why in blocked(Asked(window, answer), "ab", ". c").reason


def test_what_is_left_at_the_end_passes():
    assert through(Asked("whole", lambda text: ""), "ab") == ["ab"]


def test_the_end_may_be_judged_differently():
    class Strict(StreamPolicy):
        window = 5

        def on_text(self, text):
            return ""

        def on_end(self, text):
            return Block("cut off") if not text.endswith(".") else text

    assert through(Strict(), "abc", ".") == ["abc."]
    assert blocked(Strict(), "abc").reason == "cut off"


def test_b3_4_what_is_gathered_has_a_cap():
    """A policy says how much it needs to see, and for a sentence or the whole there is a limit."""
    for window in ("whole", "sentence"):
        assert through(Asked(window, limit=4), "ab", "cd") == ["abcd"]
        error = blocked(Asked(window, limit=4), "ab", "cde")
        assert "more than 4 characters" in error.reason
        assert "".join(through(Asked(window, limit=4, fail_mode="open"), "ab", "cde", "f")) == "abcdef"
    assert "more than 4" in blocked(Asked("sentence", limit=4), "abcde. f").reason


def test_b3_5_each_stream_has_a_state_of_its_own():
    """One policy object, two streams at once, and a third: nobody counts for another."""

    class Third(StreamPolicy):
        def __init__(self):
            self.seen = []

        def on_text(self, text):
            self.seen.append(text)
            return Block("enough") if len(self.seen) == 3 else text

    chain = PolicyChain(Third())
    first, second = chain("abc"[at] for at in range(3)), chain("de"[at] for at in range(2))
    assert [next(first), next(second), next(first), next(second)] == ["a", "d", "b", "e"]
    assert list(second) == []
    with pytest.raises(PolicyViolationError):
        next(first)
    assert list(chain(["f", "g"])) == ["f", "g"]


def test_what_cannot_be_copied_overrides_start():
    class Counting(StreamPolicy):
        def __init__(self):
            self.lock = threading.Lock()
            self.count = 0

        def start(self):
            return Counting()

        def on_text(self, text):
            with self.lock:
                self.count += 1
            return Block("two") if self.count > 1 else text

    chain = PolicyChain(Counting())
    assert list(chain(["a"])) == list(chain(["a"])) == ["a"]


def test_a_policy_may_bring_a_judge():
    """For who can do better than to be asked."""

    class Letters(Judge):
        held = ""

        def push(self, text):
            yield from text

        def end(self):
            yield from ()

    class Spelled(Asked):
        def start(self):
            return Letters()

    assert through(Spelled(0), "abc") == ["a", "b", "c"]
    assert isinstance(judge_of(Spelled(0)), Letters)
