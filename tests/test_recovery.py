"""Whatever breaks, wherever, under whichever policy: the text is one answer's, and comes once."""

from __future__ import annotations

import itertools
from contextlib import contextmanager

import pytest
from fakes import TIMEOUT
from hypothesis import assume, given
from hypothesis import strategies as st

from api_models import (
    APIModelError,
    APIModelManager,
    AuthenticationError,
    InvalidRequestError,
    ProviderUnavailableError,
    RateLimitError,
    StreamChunk,
    StreamInterruptedError,
    StreamTimeoutError,
)
from api_models.clients.continuation import Seam, takes_prefill
from api_models.streaming.stream_events import StreamReset, StreamRetrying, ThinkingReceived, TokenReceived
from api_models.testing import (
    Provider,
    Reply,
    anthropic,
    anthropic_error,
    chat,
    chat_error,
    error_reply,
    responses,
    responses_error,
)
from api_models.testing.reply import FOREVER

TOKENS = ["Grüße, ", "ferne", " Welt", " 🌍", "!\n\n", "Und noch", " ein Satz", "."]
TEXT = "".join(TOKENS)
OVERLAP = 12  # characters that a model without prefill says again

KEY = "sk-recovery-key"
WIRES = {
    # provider, its entry, how its answers are written, its error event, its model
    "messages": ("anthropic", {}, anthropic, anthropic_error, "claude-haiku-4-5"),
    "chat": ("lab", {"kind": "openai_compatible"}, chat, chat_error, "m"),
    "responses": ("openai", {"api": "responses"}, responses, responses_error, "m"),
}
FAULTS = ("clean", "fin", "rst", "error")
POLICIES = ("fail", "restart", "continue")
each_wire = pytest.mark.parametrize("wire", WIRES)


def size(events):
    return sum(len(event.wire) for event in events)


def faulty(wire, tokens, at, fault):
    """An answer of which `at` tokens come, and then the fault."""
    _, _, render, error, _ = WIRES[wire]
    events = render(tokens)
    spoken = [number for number, event in enumerate(events) if event.text]
    until = spoken[at] if at < len(spoken) else (spoken[-1] + 1 if spoken else 0)
    if fault == "error":
        return Reply([*events[:until], error()])
    return Reply(events, cut_at=size(events[:until]), cut_how=fault)


def whole(wire, tokens):
    return Reply(WIRES[wire][2](tokens))


def said_before(request):
    """What the model is shown as its own answer so far."""
    turns = request.json.get("messages") or request.json.get("input")
    said = [turn["content"] for turn in turns if turn["role"] == "assistant"]
    return said[-1] if said else None


def rest_of_answer(request, overlap=0):
    """What an obedient model goes on with, or one that says the end of what it had said again."""
    before = said_before(request)
    if before is None:
        return TOKENS
    assert TEXT.startswith(before), "the model is shown something that it never said"
    rest = TEXT[max(0, len(before) - overlap) :] if len(before) >= 8 else TEXT[len(before) :]
    return [rest[at : at + 5] for at in range(0, len(rest), 5)]


def entry_for(wire, provider, **more):
    name, entry, *_, model = WIRES[wire]
    url = provider.url + ("" if name == "anthropic" else "/v1")
    return name, {"api_key": KEY, "base_url": url, "model": model, **entry, **more}


@pytest.fixture(scope="module")
def lab():
    """One manager and one server for each wire; `lab(wire, plan)` scripts what comes next."""
    made = {}

    @contextmanager
    def scripted(wire, *plan):
        if wire not in made:
            server = Provider()
            name, entry = entry_for(wire, server)
            made[wire] = server, APIModelManager({"providers": {name: entry}})
        server, manager = made[wire]
        server.requests.clear()
        server.plan, server.reply = list(plan), None
        yield server, manager

    yield scripted
    for server, manager in made.values():
        manager.close()
        server.close()


def run(manager, model_id=None, **config):
    """The events of a stream to its end, the text behind the last reset, and its result or error."""
    stream = manager.generate_stream_with_handlers(
        "hi", model_id, {"max_tokens": 99}, config={"retry_delay": 0.0, **config}
    )
    assert stream.wait(TIMEOUT)
    seen, text = list(stream.events()), ""
    for event in seen:
        if isinstance(event, StreamReset):
            text = ""
        elif isinstance(event, TokenReceived):
            text += event.text
    try:
        return seen, text, stream.result()
    except APIModelError as error:
        return seen, text, error


def asked(manager, wire, **config):
    return run(manager, WIRES[wire][0], **config)


def of_kind(kind, seen):
    return [event for event in seen if isinstance(event, kind)]


@pytest.mark.parametrize("at", range(len(TOKENS) + 1))
@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("policy", POLICIES)
@each_wire
def test_a_fault_after_any_token_leaves_the_text_of_one_answer(lab, wire, policy, fault, at):
    """And so many requests: two, but for the one that may not be asked again."""
    plan = [faulty(wire, TOKENS, at, fault), lambda request: whole(wire, rest_of_answer(request))]
    with lab(wire, *plan) as (server, manager):
        seen, text, outcome = asked(manager, wire, recovery=policy)
    has_content = at > 0
    if policy == "fail" and has_content:
        assert type(outcome) is (ProviderUnavailableError if fault == "error" else StreamInterruptedError)
        assert text == outcome.partial_text == "".join(TOKENS[:at])
        assert len(server.requests) == 1 and not of_kind(StreamRetrying, seen)
        return
    assert not isinstance(outcome, APIModelError), outcome
    assert text == outcome.text == TEXT
    assert len(server.requests) == outcome.stats["attempts"] == 2
    (retrying,) = of_kind(StreamRetrying, seen)
    assert (retrying.attempt, retrying.delay) == (1, 0.0) and isinstance(retrying.error, APIModelError)
    assert len(of_kind(StreamReset, seen)) == (1 if policy == "restart" and has_content else 0)
    assert outcome.continued is (policy == "continue" and has_content)
    shown = said_before(server.requests[1])
    assert bool(shown) is outcome.continued, "only a continuation is shown what was said"


@each_wire
def test_the_usage_of_an_answer_of_two_parts_is_an_estimate(lab, wire):
    """The provider counts the second alone."""
    plan = [faulty(wire, TOKENS, 4, "fin"), lambda request: whole(wire, rest_of_answer(request))]
    with lab(wire, *plan) as (_, manager):
        _, _, outcome = asked(manager, wire, recovery="continue")
    first = "".join(TOKENS[:4])
    second = range(0, len(TEXT) - len(first), 5)  # pieces, of which our server counts each as a token
    assert outcome.usage.source == "estimated" and outcome.usage.input_tokens == 11
    assert outcome.usage.output_tokens == -(-len(first) // 4) + len(second)


@pytest.mark.parametrize("policy", ["restart", "continue"])
@pytest.mark.parametrize(("first", "second"), list(itertools.product((1, 4, 8), (0, 1, 3))))
@each_wire
def test_two_faults_in_a_row_are_no_worse_than_one(lab, wire, policy, first, second):
    plan = [
        faulty(wire, TOKENS, first, "rst"),
        lambda request: faulty(wire, rest_of_answer(request), second, "error"),
        lambda request: whole(wire, rest_of_answer(request)),
    ]
    with lab(wire, *plan) as (server, manager):
        seen, text, outcome = asked(manager, wire, recovery=policy)
    assert not isinstance(outcome, APIModelError), outcome
    assert text == outcome.text == TEXT
    assert len(server.requests) == outcome.stats["attempts"] == 3
    assert [event.attempt for event in of_kind(StreamRetrying, seen)] == [1, 2]


@pytest.mark.parametrize("at", range(3, len(TOKENS) + 1))
@each_wire
def test_what_a_model_says_again_is_heard_once(lab, wire, at):
    """Those that take no prefill repeat the end of what they had said."""
    repeats = 0 if takes_prefill(WIRES[wire][0], WIRES[wire][4]) is not None else OVERLAP
    plan = [
        faulty(wire, TOKENS, at, "fin"),
        lambda request: whole(wire, rest_of_answer(request, repeats)),
    ]
    with lab(wire, *plan) as (_, manager):
        _, text, outcome = asked(manager, wire, recovery="continue")
    assert text == outcome.text == TEXT and outcome.continued


@pytest.mark.parametrize("policy", POLICIES)
@each_wire
def test_attempts_are_limited_and_the_last_failure_is_the_outcome(lab, wire, policy):
    plan = [faulty(wire, TOKENS, 2, "fin"), faulty(wire, TOKENS, 0, "clean"), faulty(wire, TOKENS, 0, "rst")]
    with lab(wire, *plan) as (server, manager):
        seen, text, outcome = asked(manager, wire, recovery=policy, max_retries=2)
    assert type(outcome) is StreamInterruptedError
    assert text == outcome.partial_text == "".join(TOKENS[:2])
    assert len(server.requests) == (1 if policy == "fail" else 3)
    assert not of_kind(StreamReset, seen), "text is not taken back as long as there is nothing in its place"


@each_wire
def test_an_empty_answer_is_no_stream_and_not_asked_again(lab, wire):
    """As a page or other JSON would be: whoever sends that will send it again."""
    with lab(wire, Reply(), whole(wire, TOKENS)) as (server, manager):
        _, _, outcome = asked(manager, wire)
    assert type(outcome) is StreamInterruptedError and not outcome.retryable
    assert len(server.requests) == 1


@pytest.mark.parametrize(("wire", "thinking"), [("messages", "thinking"), ("chat", "reasoning")])
def test_an_answer_that_breaks_off_while_thinking_is_thought_once(lab, wire, thinking):
    """There is no text yet to go on from: the new attempt stands in the place of the first."""
    events = WIRES[wire][2](TOKENS, **{thinking: ["Hm", "m."]})
    begun = next(number for number, event in enumerate(events) if event.text)
    with lab(wire, Reply(events, cut_at=size(events[:begun])), Reply(events)) as (server, manager):
        seen, text, outcome = asked(manager, wire, recovery="continue")
    assert text == outcome.text == TEXT
    assert outcome.thinking == "Hmm."
    last = max(number for number, event in enumerate(seen) if isinstance(event, StreamReset))
    assert "".join(event.text for event in of_kind(ThinkingReceived, seen[last:])) == "Hmm."
    assert not outcome.continued and said_before(server.requests[1]) is None


@each_wire
def test_an_answer_that_breaks_off_behind_white_space_is_asked_anew(lab, wire):
    """A prefill of white space is refused, and there is nothing to go on from."""
    tokens = ["\n\n", "one ", "two"]
    plan = [
        faulty(wire, tokens, 1, "fin"),
        faulty(wire, tokens, 2, "fin"),
        lambda request: whole(wire, ["" if wire != "messages" else " ", "two"]),
    ]
    with lab(wire, *plan) as (server, manager):
        seen, text, outcome = asked(manager, wire, recovery="continue")
    assert text == outcome.text == "".join(tokens) and len(of_kind(StreamReset, seen)) == 1
    shown = [said_before(request) for request in server.requests]
    assert shown == [None, None, "\n\none" if wire == "messages" else "\n\none "]
    assert outcome.continued


def test_a_continuation_of_a_registered_provider_knows_what_its_chunks_said():
    """Text is text, whether it comes as a `str` or in a `StreamChunk`."""
    prompts = []

    class Client:
        def generate_stream(self, prompt, params):
            prompts.append(prompt)
            if len(prompts) == 1:
                yield StreamChunk(text="one two ")
                yield StreamChunk(text="three")
                raise StreamInterruptedError("cut", retryable=True)
            yield StreamChunk(text="two three four")
            yield StreamChunk(stop_reason="stop")

    with APIModelManager() as manager:
        manager.register_provider("mine", lambda entry: Client())
        seen, text, outcome = run(manager, "mine:m", recovery="continue")
    assert prompts[1][1] == {"role": "assistant", "content": "one two three"}
    assert text == outcome.text == "one two three four"
    assert outcome.continued and not of_kind(StreamReset, seen)


@each_wire
def test_a_wait_longer_than_allowed_fails_at_once(lab, wire):
    """The error says how long it would be."""
    with lab(wire, error_reply(429, retry_after="31")) as (server, manager):
        seen, _, outcome = asked(manager, wire, max_retry_delay=30.0)
    assert type(outcome) is RateLimitError and outcome.retryable
    assert outcome.retry_after == 31.0
    assert len(server.requests) == 1 and not of_kind(StreamRetrying, seen)


@each_wire
def test_a_wait_that_is_allowed_is_waited_and_told(lab, wire):
    refusal = error_reply(429, retry_after_ms="40")
    with lab(wire, refusal, refusal, whole(wire, TOKENS)) as (server, manager):
        seen, text, outcome = asked(manager, wire, max_retry_delay=30.0)
    assert text == TEXT and outcome.stats["attempts"] == 3
    told = of_kind(StreamRetrying, seen)
    assert [(event.attempt, event.delay) for event in told] == [(1, 0.04), (2, 0.04)]
    assert all(type(event.error) is RateLimitError for event in told)
    times = [request.received_at for request in server.requests]
    assert all(after - before >= 0.04 for before, after in itertools.pairwise(times))


@contextmanager
def several(first, second=None, **stream):
    """Two providers, `one` and `two`, a third whose key is missing, and their manager."""
    with Provider(first) as one, Provider(second or whole("chat", TOKENS)) as two:
        entries = {
            name: {"kind": "openai_compatible", "base_url": server.url + "/v1", "api_key": KEY, "model": name}
            for name, server in (("one", one), ("two", two))
        }
        with APIModelManager({"providers": entries, "stream": {"max_retries": 0, **stream}}) as manager:
            yield one, two, manager


SILENT = Reply(delay=FOREVER)


@pytest.mark.parametrize(
    ("first", "stream", "why"),
    [
        (error_reply(503), {}, ProviderUnavailableError),
        (error_reply(429, retry_after="900"), {}, RateLimitError),
        (faulty("chat", TOKENS, 0, "rst"), {}, StreamInterruptedError),
        (faulty("chat", TOKENS, 0, "error"), {}, ProviderUnavailableError),
        (SILENT, {"first_token_timeout": 0.05}, StreamTimeoutError),
        (SILENT, {"silence_timeout": 0.05}, StreamTimeoutError),
    ],
    ids=["503", "429", "reset", "in-band", "first token", "silence"],
)
def test_the_next_model_of_a_list_is_asked_when_one_is_unwell(first, stream, why):
    with several(first, **stream) as (one, two, manager):
        seen, text, outcome = run(manager, ["one", "two"])
    assert not isinstance(outcome, APIModelError), outcome
    assert text == outcome.text == TEXT
    assert outcome.provider == "two" and two.requests[0].json["model"] == "two"
    assert outcome.model == "test-model", "as the one who answered reports it"
    assert (len(one.requests), len(two.requests), outcome.stats["attempts"]) == (1, 1, 2)
    (told,) = of_kind(StreamRetrying, seen)
    assert type(told.error) is why


def test_each_model_of_a_list_has_its_own_retries():
    with several(error_reply(503), max_retries=2) as (one, two, manager):
        seen, text, outcome = run(manager, ["one", "two"])
    assert text == TEXT and (len(one.requests), len(two.requests)) == (3, 1)
    assert [event.attempt for event in of_kind(StreamRetrying, seen)] == [1, 2, 3]
    assert outcome.stats["attempts"] == 4


def test_a_model_whose_key_is_missing_is_passed_over():
    with several(whole("chat", TOKENS)) as (one, _, manager):
        _, text, outcome = run(manager, ["groq:llama", "one"])
    assert text == TEXT and outcome.provider == "one" and len(one.requests) == 1


@pytest.mark.parametrize(
    ("status", "kind"),
    [(400, InvalidRequestError), (401, AuthenticationError), (404, InvalidRequestError)],
)
def test_the_next_model_is_not_asked_for_what_the_caller_must_mend(status, kind):
    with several(error_reply(status)) as (one, two, manager):
        _, _, outcome = run(manager, ["one", "two"])
    assert type(outcome) is kind and (outcome.provider, outcome.model) == ("one", "one")
    assert (len(one.requests), len(two.requests)) == (1, 0)


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("at", [1, 4, len(TOKENS)])
def test_behind_the_first_content_the_next_model_is_asked_by_the_policy(policy, at):
    first = faulty("chat", TOKENS, at, "fin")

    def second(request):
        return whole("chat", rest_of_answer(request))

    with several(first, second, recovery=policy) as (one, two, manager):
        seen, text, outcome = run(manager, ["one", "two"])
    assert (len(one.requests), len(two.requests)) == (1, 0 if policy == "fail" else 1)
    if policy == "fail":
        assert type(outcome) is StreamInterruptedError and outcome.provider == "one"
        assert text == outcome.partial_text == "".join(TOKENS[:at])
        return
    assert text == outcome.text == TEXT and outcome.provider == "two"
    assert outcome.continued is (policy == "continue")
    assert len(of_kind(StreamReset, seen)) == (policy == "restart")


def test_when_all_of_a_list_fail_the_last_failure_is_the_outcome():
    with several(error_reply(503), error_reply(529)) as (one, two, manager):
        _, _, outcome = run(manager, ["one", "two"])
    assert type(outcome) is ProviderUnavailableError
    assert (outcome.provider, outcome.status_code) == ("two", 529)
    assert (len(one.requests), len(two.requests)) == (1, 1)


def joined(before, pieces, is_prefilled):
    seam = Seam(before, is_prefilled)
    return before + "".join(map(seam.join, pieces)) + seam.rest()


def in_pieces(text, sizes):
    pieces, turns = [], itertools.cycle(sizes)
    while text:
        cut_at = next(turns)
        pieces.append(text[:cut_at])
        text = text[cut_at:]
    return pieces


pieces_of = st.lists(st.integers(1, 9), min_size=1, max_size=6)


@given(st.text(min_size=9, max_size=600), pieces_of, st.data())
def test_an_answer_cut_anywhere_and_said_again_from_anywhere_is_joined_whole(text, sizes, data):
    """As long as its end does not repeat itself: then nobody can tell."""
    cut_at = data.draw(st.integers(8, len(text)))
    overlap = data.draw(st.integers(8, min(cut_at, 400)))
    before, again = text[:cut_at], text[cut_at - overlap :]
    longer = range(overlap + 1, min(len(again), 400) + 1)
    assume(not any(before.endswith(again[:length]) for length in longer))
    assert joined(before, in_pieces(again, sizes), False) == text


@given(st.text(max_size=60), st.text(max_size=60), pieces_of)
def test_nothing_is_lost_where_nothing_was_said_again(before, rest, sizes):
    """What looks alike for less than eight characters is a coincidence."""
    assume(not any(before.endswith(rest[:length]) for length in range(8, len(rest) + 1)))
    assert joined(before, in_pieces(rest, sizes), False) == before + rest


@given(st.text(alphabet="ab\n ", max_size=40), pieces_of, st.data())
def test_a_prefilled_answer_cut_anywhere_is_joined_whole(text, sizes, data):
    """The model goes on behind the last letter it was shown; white space that it lost comes once."""
    cut_at = data.draw(st.integers(0, len(text)))
    before = text[:cut_at]
    assume(shown := before.rstrip())  # else it is asked anew
    assert joined(before, in_pieces(text[len(shown) :], sizes), True) == text
