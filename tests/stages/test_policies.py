"""Ready-made policies: the same text goes through, or the same end comes, however a stream is cut."""

from __future__ import annotations

import itertools
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api_models.exceptions import ConfigurationError, PolicyViolationError
from api_models.stages.policies import (
    ban_phrases,
    cap_length,
    json_only,
    judge_text,
    redact,
    redact_emails,
    redact_keys,
    require_prefix,
)
from api_models.stages.policy import Block, Replace, StreamPolicy, judge_of
from api_models.stages.policy_chain import PolicyChain

OPENAI = "sk-proj-" + "aB3_" * 12
ANTHROPIC = "sk-ant-api03-" + "xY9-" * 23
GOOGLE = "AIza" + "Sy0_-" * 7


def shout(text):
    return text.upper()


def no_cards(text):
    """Sees sixteen characters at once."""
    found = re.search(r"\d{16}", text)
    if found:
        return Block("a card")
    return text[:-16]


def swap(text):
    """Twelve characters at once: a Replace with what goes before it."""
    if text.startswith("cat"):
        return Replace("dog", "cat")
    return text[:1] if len(text) >= 12 else ""


POLICIES: dict[str, StreamPolicy] = {
    "keys": redact_keys(),
    "emails": redact_emails(),
    "phone": redact(r"\b\d{3}-\d{4}\b", window=8),
    "greedy": redact(r"a+b?", window=5),
    "looking around": redact(r"(?<=at) [a-z]+(?=\.)|^H", window=9),
    "multiline": redact(re.compile(r"^c|\n$", re.MULTILINE), window=2),
    "phrases": ban_phrases("cat", "category 1", "sk-ant", "ATE ", "@@"),
    "letters": ban_phrases("Z"),
    "cap": cap_length(20),
    "prefix": require_prefix("sk-"),
    "json": json_only(),
    "each sentence": judge_text(shout),
    "the whole": judge_text(str.title, window="whole"),
    "as it comes": judge_text(shout, window=0),
    "cards": judge_text(no_cards, window=16),
    "swap": judge_text(swap, window=12),
}

# What has a meaning to one policy or another, so that their borders meet.
FRAGMENTS = [
    OPENAI, ANTHROPIC[:20], GOOGLE, "sk-", "sk-ant-", "s", "AIza", "gsk_", "x" * 16, "a" * 70, "aab", "-", "_",
    "bob.k", "@", "example.", "com", "co.uk", "é", "ß", "😀", "555-", "1234", "12345678", "cat", "CAT", "egory 1",
    "at ate ", " ", "\n", ". ", "! ", "Dr. ", "He", "{", '"a": 1', "}", "[1]", "Z", "z",
]  # fmt: skip
TEXTS = st.lists(st.sampled_from(FRAGMENTS), max_size=12).map("".join)


def outcome(chain, chunks):
    """The text that came through, and who ended it why, if somebody did."""
    through = []
    try:
        for chunk in chain(chunks):
            through += [chunk]
    except PolicyViolationError as error:
        assert error.partial_text == "".join(through)
        return "".join(through), error.policy, error.reason
    return "".join(through), None, None


def cut(text, cuts):
    """The text in pieces, cut at these places."""
    places = sorted({0, len(text), *(place % (len(text) + 1) for place in cuts)})
    return [text[start:end] for start, end in itertools.pairwise(places)]


CUTS = st.lists(st.integers(0, 10_000), max_size=30)


@pytest.mark.parametrize("name", POLICIES)
@given(text=TEXTS, cuts=CUTS)
def test_a_policy_on_a_stream_is_the_policy_on_the_whole(name, text, cuts):
    """Also letter by letter; nothing is missed at a border and nothing more is found there."""
    chain = PolicyChain(POLICIES[name])
    whole = outcome(chain, [text])
    assert outcome(chain, cut(text, cuts)) == whole
    assert outcome(chain, list(text)) == whole


@given(st.permutations(sorted(POLICIES)), TEXTS, CUTS)
def test_a_chain_of_policies_on_a_stream_is_the_chain_on_the_whole(names, text, cuts):
    chain = PolicyChain(*(POLICIES[name] for name in names[:4]))
    whole = outcome(chain, [text])
    assert outcome(chain, cut(text, cuts)) == whole
    assert outcome(chain, list(text)) == whole


@pytest.mark.parametrize(
    ("name", "pattern"),
    [
        ("keys", r"(?<![A-Za-z0-9_-])(?:sk-|AIza|gsk_|xai-)[A-Za-z0-9_-]{16,}"),
        ("emails", r"(?<![\w.%+-])[\w.%+-]{1,64}@(?:[^\W_][\w-]{0,62}\.){1,4}[^\W\d_]{2,24}"),
        ("phone", r"\b\d{3}-\d{4}\b"),
    ],
)
@given(text=TEXTS, cuts=CUTS)
def test_what_is_redacted_is_what_the_regex_finds_in_the_whole(name, pattern, text, cuts):
    marks = {"keys": "[key]", "emails": "[e-mail]", "phone": "[redacted]"}
    expected = re.sub(pattern, marks[name], text)
    assert outcome(PolicyChain(POLICIES[name]), cut(text, cuts)) == (expected, None, None)


@pytest.mark.parametrize("name", [name for name in POLICIES if isinstance(POLICIES[name].window, int)])
@given(text=TEXTS)
def test_text_is_kept_back_no_longer_than_the_window(name, text):
    """After each character, what is not decided is at most the window."""
    judge = judge_of(POLICIES[name])
    for letter in text:
        if any(isinstance(verdict, Block) for verdict in judge.push(letter)):
            return
        assert len(judge.held) <= POLICIES[name].window


def test_plain_text_is_not_kept_back():
    """What can be no part of a match leaves at once."""
    chain = PolicyChain(redact_keys(), ban_phrases("quux"))
    source = iter(["no ", "key in ", "here, "])
    through = chain(source)
    assert [next(through) for _ in range(3)] == ["no ", "key in ", "here, "]


@pytest.mark.parametrize(
    "key", [OPENAI, ANTHROPIC, GOOGLE, "gsk_" + "a1" * 26, "xai-" + "B2" * 40, "hf_" + "q" * 34]
)
def test_the_keys_of_the_known_providers_are_redacted(key):
    said = [f'key = "{key[:7]}', key[7:19], key[19:], '" # mine']
    assert outcome(PolicyChain(redact_keys()), said)[0] == 'key = "[key]" # mine'


def test_what_only_begins_like_a_key_is_none():
    text = "a sk-etch of AIza, sk-learn; task-force-of-the-whole-country"
    assert outcome(PolicyChain(redact_keys()), list(text))[0] == text


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("Write to bob.k+x@mail.example.co.uk. Or not.", "Write to [e-mail]. Or not."),
        ("@bob and a@b, or C@D.", "@bob and a@b, or C@D."),
        ("ä@müller.de", "[e-mail]"),
        ("x" * 65 + "@example.com", "x" * 65 + "@example.com"),
    ],
)
def test_addresses_are_redacted(text, left):
    assert outcome(PolicyChain(redact_emails()), list(text))[0] == left


def test_a_match_longer_than_the_window_is_replaced_piece_by_piece():
    assert outcome(PolicyChain(redact(r"\d+", 3, "#")), ["12345678 x"])[0] == "## x"


def test_a_banned_phrase_is_a_word_of_its_own():
    chain = PolicyChain(ban_phrases("cat"))
    assert outcome(chain, ["concatenate ", "category"]) == ("concatenate category", None, None)
    assert outcome(chain, ["a C", "aT!"]) == ("a ", "ban_phrases", "it says 'CaT'")
    assert outcome(chain, ["a C", "aT"]) == ("a ", "ban_phrases", "it says 'CaT'")
    assert outcome(PolicyChain(ban_phrases("cat", ignore_case=False)), ["a CAT"])[1] is None


def test_a_cap_lets_through_so_many_characters():
    assert outcome(PolicyChain(cap_length(4)), ["abcd"]) == ("abcd", None, None)
    assert outcome(PolicyChain(cap_length(4)), ["ab", "cde"])[:2] == ("abcd", "cap_length")


def test_a_prefix_is_looked_at_before_anything_leaves():
    chain = PolicyChain(require_prefix("OK:"))
    assert outcome(chain, ["O", "K", ": fine"]) == ("OK: fine", None, None)
    assert outcome(chain, ["OK"])[:2] == ("", "require_prefix")
    assert outcome(chain, ["no"])[:2] == ("", "require_prefix")


@pytest.mark.parametrize("text", ['{"a": [1, null]}', " 3 ", '"x"'])
def test_json_passes(text):
    assert outcome(PolicyChain(json_only()), list(text)) == (text, None, None)


@pytest.mark.parametrize("text", ['{"a": 1', "Sure! {}", "NaN", "[" * 100_000, '{"a": 1} x'])
def test_what_is_not_json_does_not(text):
    assert outcome(PolicyChain(json_only()), [text[:3], text[3:]])[:2] == ("", "json_only")


def test_a_function_may_give_a_verdict():
    chain = PolicyChain(judge_text(lambda text: Block("no") if "bad" in text else text))
    assert outcome(chain, ["Good one. This is b", "ad. More."]) == ("Good one. ", "<lambda>", "no")
    named = PolicyChain(judge_text(lambda text: Block("no"), window=0, name="never"))
    assert outcome(named, ["a"]) == ("", "never", "no")


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: redact("(", 3),
        lambda: redact(3, 3),
        lambda: redact("a", 0),
        lambda: redact("a", True),
        ban_phrases,
        lambda: ban_phrases(""),
        lambda: cap_length(0),
        lambda: require_prefix(""),
        lambda: json_only(-1),
        lambda: judge_text("no function"),
        lambda: PolicyChain(judge_text(str, window="paragraph")),
        lambda: PolicyChain(judge_text(str, fail_mode="ajar")),
        lambda: PolicyChain(redact_keys),
    ],
)
def test_what_cannot_work_is_refused_at_once(wrong):
    with pytest.raises(ConfigurationError):
        wrong()


@pytest.mark.parametrize(
    ("policy", "text", "verdict"),
    [
        (require_prefix("yes"), "yes, indeed", "yes, indeed"),
        (require_prefix("yes"), "no", Block("it does not begin with 'yes'")),
        (ban_phrases("bad"), "so bad", Block("it says 'bad'")),
        (redact_keys(), f"{OPENAI}, {GOOGLE}.", Replace("[key], [key].", f"{OPENAI}, {GOOGLE}.")),
    ],
)
def test_a_ready_made_policy_decides_about_a_text_by_itself(policy, text, verdict):
    """As a policy of one's own that calls it may expect: nothing of a key is left for the next question."""
    assert policy.on_text(text) == policy.on_end(text) == verdict
