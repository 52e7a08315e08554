"""A batch: so many at once, each answer by itself, in order or as they come, and none asked for twice."""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass

import pytest
from answers import answering, pieces
from fakes import TIMEOUT, RecordingHandler, ScriptedSource
from pydantic import BaseModel, field_validator

from api_models import APIModelManager, StreamHandler, StructuredHandler, emulate_stream
from api_models.exceptions import ConfigurationError, StructuredOutputError
from api_models.streaming.exceptions import StreamCancelledError, StreamingError, StreamStateError
from api_models.structured import StructuredBatch
from api_models.testing import Provider, Reply, chat


@dataclass
class Number:
    value: int


class Lab:
    """Answers when the test says so: a source for each prompt, by the prompt."""

    def __init__(self, *prompts):
        self.sources = {prompt: ScriptedSource() for prompt in prompts}
        self.asked = []
        self._changed = threading.Condition()

    def begin(self, prompt, wanted, *, handlers):
        with self._changed:
            self.asked.append(prompt)
            self._changed.notify_all()
        if prompt == "unaskable":
            raise TypeError("no such prompt")
        stream, _ = answering(wanted, self.sources[prompt], handlers=handlers, max_repairs=0)
        stream.start()
        return stream

    def answer(self, prompt, text=None):
        self.sources[prompt].push(*pieces(text or f'{{"value": {prompt}}}')).end()

    def wait_for(self, count):
        with self._changed:
            assert self._changed.wait_for(lambda: len(self.asked) >= count, TIMEOUT), self.asked


def started(lab, prompts=None, **settings):
    batch = StructuredBatch(lab.begin, lab.sources if prompts is None else prompts, Number, **settings)
    batch.start()
    return batch


def our_threads():
    """Those of batches and streams; the one that looks at all clocks belongs to none of them."""
    threads = {thread for thread in threading.enumerate() if thread.name.startswith("api-models")}
    return {thread for thread in threads if "clocks" not in thread.name}


def check_none_is_left(before):
    """What has let go of everything may take a moment to be gone."""
    for thread in our_threads() - before:
        thread.join(TIMEOUT)
        assert not thread.is_alive()


class Instant(Lab):
    """Answers at once; a number by itself, anything else by what is no number."""

    def begin(self, prompt, wanted, *, handlers):
        text = f'{{"value": {prompt}}}' if str(prompt).isdigit() else '{"value": "?"}'
        self.sources[prompt] = ScriptedSource(*pieces(text)).end()
        return super().begin(prompt, wanted, handlers=handlers)


def test_outcomes_come_in_the_order_of_the_prompts():
    lab = Lab("1", "2", "3")
    with started(lab, list(lab.sources)) as batch:
        lab.wait_for(3)
        for prompt in "312":
            lab.answer(prompt)
        outcomes = list(batch)
        assert [outcome.value for outcome in outcomes] == [Number(1), Number(2), Number(3)]
        assert [(outcome.index, outcome.prompt) for outcome in outcomes] == [(0, "1"), (1, "2"), (2, "3")]
        assert list(batch) == batch.result(TIMEOUT) == outcomes
    assert batch.state == "completed"


def test_or_as_they_come():
    lab = Lab("1", "2", "3")
    with started(lab, list(lab.sources), ordered=False) as batch:
        lab.wait_for(3)
        outcomes = iter(batch)
        for prompt in "312":
            lab.answer(prompt)
            assert next(outcomes).result() == Number(int(prompt))
        assert next(outcomes, None) is None
        assert [outcome.index for outcome in batch.result(TIMEOUT)] == [0, 1, 2]


def test_so_many_are_asked_at_once_and_prompts_are_taken_when_there_is_room():
    lab, taken = Lab(*"123456"), []

    def prompts():
        for prompt in "123456":
            taken.append(prompt)
            yield prompt

    with started(lab, prompts(), max_parallel=2) as batch:
        lab.wait_for(2)
        for number, prompt in enumerate("123456", 3):
            lab.sources[prompt].wait_until_blocked()
            assert len(taken) <= number - 1
            assert len(lab.asked) <= number - 1
            lab.answer(prompt)
            lab.wait_for(min(number, 6))
        assert len(batch.result(TIMEOUT)) == 6


def test_one_bad_prompt_is_its_own_misfortune():
    lab = Instant()
    prompts = ["1", "bad", "unaskable", "4"]
    with started(lab, prompts, max_parallel=2) as batch:
        good, bad, unaskable, last = batch.result(TIMEOUT)
    assert (good.result(), last.result()) == (Number(1), Number(4))
    assert isinstance(bad.error, StructuredOutputError)
    assert bad.value is None
    with pytest.raises(StructuredOutputError):
        bad.result()
    with pytest.raises(TypeError, match="no such prompt"):
        unaskable.result()
    assert batch.state == "completed"
    assert batch.progress.percent == 100


def test_a_mapping_gives_the_keys_and_so_does_a_function():
    with started(Instant(), {"one": "1", "two": "2"}) as batch:
        assert [(o.key, o.prompt) for o in batch] == [("one", "1"), ("two", "2")]
    with started(Instant(), ["1", "2"], key=lambda prompt: f"no. {prompt}") as batch:
        assert [outcome.key for outcome in batch] == ["no. 1", "no. 2"]
    with started(Instant(), ["1", "1", "2"]) as batch:
        first, same, other = [outcome.key for outcome in batch]
    assert first == same != other


def test_a_rerun_skips_what_is_done(tmp_path):
    store, prompts = tmp_path / "answers.jsonl", ["1", "bad", "3"]
    with started(Instant(), prompts, store=store) as batch:
        batch.result(TIMEOUT)
    lab = Instant()
    with started(lab, [*prompts, "4"], store=store) as batch:
        outcomes = batch.result(TIMEOUT)
    assert sorted(lab.asked) == ["4", "bad"]
    assert [outcome.stored for outcome in outcomes] == [True, False, True, False]
    assert [outcome.value for outcome in outcomes] == [Number(1), None, Number(3), Number(4)]
    assert [json.loads(line)["answer"]["value"] for line in store.read_text().splitlines()] == [1, 3, 4]


def test_a_batch_that_was_stopped_goes_on_where_it_was(tmp_path):
    store, lab = tmp_path / "answers.jsonl", Lab("1", "2", "3")
    batch = started(lab, list(lab.sources), store=store, max_parallel=2)
    lab.answer("1")
    assert next(iter(batch)).value == Number(1)
    batch.close()
    lab = Instant()
    with started(lab, ["1", "2", "3"], store=store) as batch:
        assert [outcome.value.value for outcome in batch] == [1, 2, 3]
    assert sorted(lab.asked) == ["2", "3"]


def test_what_is_kept_but_is_not_what_is_asked_for_now_is_asked_for_again(tmp_path):
    store = tmp_path / "answers.jsonl"
    store.write_text('{"key": "a", "answer": {"value": "old"}}\n{"key": "b", "answer": {"value": 2}}\n')
    lab = Instant()
    with started(lab, {"a": "1", "b": "2"}, store=store) as batch:
        assert [outcome.stored for outcome in batch] == [False, True]
    assert lab.asked == ["1"]


def test_cancel_ends_what_runs_on_the_wire_and_asks_nothing_more():
    lab = Lab("1", "2", "3")
    batch = started(lab, list(lab.sources), max_parallel=2)
    lab.wait_for(2)
    for prompt in "12":
        lab.sources[prompt].wait_until_blocked()
    assert batch.cancel_stream()
    assert not batch.cancel_stream()
    assert batch.wait(TIMEOUT)
    assert [lab.sources[prompt].aborts > 0 for prompt in "123"] == [True, True, False]
    assert [type(outcome.error) for outcome in batch] == [StreamCancelledError] * 2
    with pytest.raises(StreamCancelledError):
        batch.result(TIMEOUT)
    assert batch.state == batch.progress.state == "cancelled"
    assert lab.asked == ["1", "2"]


@pytest.mark.parametrize("way", ["close", "leave the block", "to the end", "the prompts fail"])
def test_no_thread_is_left(way):
    before = our_threads()
    lab = Lab("1", "2", "3")

    def prompts():
        yield "1"
        yield "2"
        if way == "the prompts fail":
            raise OSError("the list is torn")
        yield "3"

    with started(lab, prompts()) as batch:
        lab.wait_for(2)
        if way == "close":
            batch.close()
            check_none_is_left(before)
            batch.close()
        elif way == "to the end":
            for prompt in "123":
                lab.answer(prompt)
            batch.result(TIMEOUT)
        elif way == "the prompts fail":
            with pytest.raises(StreamingError, match="torn") as caught:
                batch.result(TIMEOUT)
            assert isinstance(caught.value.__cause__, OSError)
    check_none_is_left(before)


def test_what_the_prompts_raise_ends_the_batch_behind_what_was_answered():
    def prompts():
        yield "1"
        lab.wait_for(1)
        raise ValueError("the list is torn")

    lab = Lab("1")
    with started(lab, prompts(), ordered=False) as batch:
        with pytest.raises(StreamingError, match="torn"):
            list(batch)
    assert batch.state == "error"
    assert batch.progress.state == "error"


def test_a_disk_that_is_full_ends_the_batch(tmp_path, monkeypatch):
    store = tmp_path / "answers.jsonl"
    store.mkdir()
    with pytest.raises(OSError, match=r"answers\.jsonl"):
        started(Instant(), ["1"], store=store)
    late = tmp_path / "late.jsonl"
    lab = Lab("1")
    with started(lab, ["1"], store=late) as batch:
        lab.wait_for(1)
        late.mkdir()
        lab.answer("1")
        with pytest.raises(StreamingError, match=r"late\.jsonl"):
            batch.result(TIMEOUT)


def test_progress_is_that_of_all_prompts():
    lab, heard = Lab("1", "2"), []
    with started(lab, list(lab.sources), key=str, on_progress=heard.append) as batch:
        lab.wait_for(2)
        lab.answer("1")
        next(iter(batch))
        assert batch.progress.percent == 50
        lab.answer("2")
        batch.result(TIMEOUT)
    shown = [event.overall_percent for event in heard if event.overall_percent is not None]
    assert shown == sorted(shown)
    assert (heard[-1].event_type, heard[-1].percent, heard[-1].path) == ("complete", 100, ())
    assert dict(heard[-1].data) == {"done": 2, "failed": 0, "stored": 0}
    assert [e.event_type for e in heard if e.path == ("1",)] == ["start", "progress", "complete"]


def test_of_prompts_whose_number_nobody_knows_no_percent_is_invented():
    heard = []
    with started(Instant(), iter(["1", "2"]), on_progress=heard.append) as batch:
        batch.result(TIMEOUT)
    assert {event.overall_percent for event in heard[:-1]} == {None}
    assert heard[-1].percent == 100


def test_handlers_hear_of_all_streams():
    handler = RecordingHandler()
    batch = StructuredBatch(Instant().begin, ["1", "2"], Number, [handler], max_parallel=1)
    batch.start()
    batch.result(TIMEOUT)
    assert [text for (text,) in handler.arguments("complete")] == ['{"value": 1}', '{"value": 2}']


def test_it_begins_once_and_is_waited_for_from_outside():
    inside = []

    def look(event):
        for call in (batch.wait, batch.result, batch.close):
            try:
                inside.append(call())
            except StreamStateError as error:
                inside.append(type(error))

    batch = StructuredBatch(Instant().begin, ["1"], Number, on_progress=look)
    with pytest.raises(StreamStateError):
        batch.wait()
    batch.progress.remove_listener(look)
    batch.progress.add_listener(look, types=["complete"])
    batch.start()
    with pytest.raises(StreamStateError):
        batch.start()
    assert batch.wait(TIMEOUT)
    assert StreamStateError in inside
    empty = StructuredBatch(Instant().begin, [], Number)
    empty.start()
    assert empty.result(TIMEOUT) == list(empty) == []
    slow = started(Lab("1"), ["1"])
    with pytest.raises(TimeoutError):
        slow.result(0.01)
    slow.close()


@pytest.mark.parametrize(
    ("prompts", "settings", "named"),
    [
        ("text", {}, "prompts"),
        (3, {}, "prompts"),
        ([], {"max_parallel": 0}, "max_parallel"),
        ([], {"store": "nowhere/at/all.jsonl"}, "store"),
        ([], {"store": 5}, "store"),
        ([], {"ordered": "no"}, "ordered"),
        ([], {"key": "name"}, "key"),
        ([], {"handlers": [5]}, "handler"),
    ],
)
def test_what_cannot_work_is_refused_at_once(prompts, settings, named):
    with pytest.raises(ConfigurationError, match=named):
        StructuredBatch(Instant().begin, prompts, Number, **settings)


class Client:
    def generate_stream(self, prompt, params):
        number = prompt[-1]["content"] if isinstance(prompt, list) else prompt
        found = "".join(letter for letter in number.split("\n")[0] if letter.isdigit())
        return emulate_stream(f'{{"value": {found}}}')


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"mode": "nativ"}, "native"),
        ({"max_repairs": -1}, "max_repairs"),
        ({"config": {"bufer_size": 1}}, "buffer_size"),
        ({"handlers": [StructuredHandler]}, "StructuredHandler"),
    ],
)
def test_what_is_wrong_with_all_prompts_is_said_at_once(wrong, named):
    with APIModelManager() as manager:
        manager.register_provider("mine", lambda entry: Client())
        with pytest.raises(ConfigurationError, match=named):
            manager.generate_structured_many(["1"], Number, "mine", **wrong)


def test_what_is_no_prompt_is_its_own_misfortune(tmp_path):
    with APIModelManager() as manager:
        manager.register_provider("mine", lambda entry: Client())
        prompts = ["1", object(), "3"]
        store = tmp_path / "answers.jsonl"
        batch = manager.generate_structured_many(prompts, Number, "mine", store=store)
        assert [outcome.value for outcome in batch] == [Number(value=1), None, Number(value=3)]
        assert isinstance(batch.result()[1].error, AttributeError)


def test_a_validator_that_fails_at_what_is_kept_harms_no_other_prompt(tmp_path, caplog):
    class Picky(BaseModel):
        value: int

        @field_validator("value")
        @classmethod
        def check(cls, value):
            return value if value != 1 else {}["a bug"]

    store, lab = tmp_path / "answers.jsonl", Instant()
    assert started(lab, ["1"], store=store).result(TIMEOUT)[0].value == Number(value=1)
    batch = StructuredBatch(lab.begin, ["1", "2"], Picky, store=store)
    batch.start()
    one, two = batch.result(TIMEOUT)
    assert isinstance(one.error, StreamingError) and two.value == Picky(value=2)
    assert "is not taken: KeyError" in caplog.text


def test_a_callback_of_a_stream_does_not_wait_for_its_batch():
    """It would be waited for in turn; and a close from there does not wait either."""
    lab, told = Lab("1", "2"), []

    class Impatient(StreamHandler):
        def on_token_received(self, token, index):
            if not told:
                for call in (batch.wait, batch.result, lambda: next(iter(batch))):
                    with pytest.raises(StreamStateError):
                        call()
                batch.close()
                told.append(batch.state)

    batch = StructuredBatch(lab.begin, ["1", "2"], Number, [Impatient()], max_parallel=2)
    batch.start()
    lab.wait_for(2)
    lab.answer("1")
    assert batch.wait(TIMEOUT)
    assert told == ["cancelled"]


def test_a_manager_asks_many():
    with APIModelManager() as manager:
        manager.register_provider("mine", lambda entry: Client())
        batch = manager.generate_structured_many(
            [f"How much is {n}?" for n in range(20)], Number, "mine", max_parallel=3
        )
        assert [outcome.result().value for outcome in batch] == list(range(20))
        with pytest.raises(ConfigurationError):
            manager.generate_structured_many(["1"], Number, "anthropic")
        with pytest.raises(ConfigurationError):
            manager.generate_structured_many(["1"], 3, "mine")
        with pytest.raises(TypeError, match="max_paralel"):
            manager.generate_structured_many(["1"], Number, "mine", max_paralel=3)


def test_a_manager_that_closes_ends_its_batches():
    source = ScriptedSource()

    class Silent:
        def generate_stream(self, prompt, params):
            return source

    manager = APIModelManager()
    manager.register_provider("mine", lambda entry: Silent())
    batch = manager.generate_structured_many(["1", "2"], Number, "mine", max_parallel=1)
    source.wait_until_blocked()
    manager.close()
    assert batch.state == "cancelled"
    assert batch.wait(TIMEOUT)


def test_a_batch_that_is_closed_leaves_the_wire():
    """Each of the answers that stall is let go of, and nobody is asked any more."""
    stalled = Reply(chat(['{"value": ']), stall_after=2)
    with Provider(stalled) as provider:
        lab = {"kind": "openai_compatible", "base_url": provider.url + "/v1", "model": "m"}
        with APIModelManager({"providers": {"lab": lab}}) as manager:
            before, seen = our_threads(), threading.Semaphore(0)
            handler = RecordingHandler(token=lambda *_: seen.release())
            with manager.generate_structured_many(
                ["1", "2", "3", "4"], Number, "lab", handlers=[handler], max_parallel=3
            ):
                for _ in range(3):
                    assert seen.acquire(timeout=TIMEOUT)
            check_none_is_left(before)
            assert len(provider.requests) == 3
            assert all(provider.wait_for_close(each, TIMEOUT) is not None for each in provider.connections)
