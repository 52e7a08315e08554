"""Counts and seconds of one run."""

from __future__ import annotations

from api_models.streaming.parts.statistics import Statistics


def test_the_first_content_and_the_longest_gap_are_told_apart():
    """The wait for the first content is no gap between two."""
    seen = Statistics()
    assert seen.snapshot()["time_to_first_token"] is None
    for elapsed, waited in [(5.0, 5.0), (6.0, 1.0), (9.0, 3.0), (11.0, 2.0)]:
        seen.arrived(elapsed, waited)
    stats = seen.snapshot(elapsed=11.0)
    assert (stats["time_to_first_token"], stats["longest_gap"]) == (5.0, 3.0)


def test_a_rate_needs_time():
    """Tokens a second of the time given, and 0 where none has passed."""
    seen = Statistics()
    seen.add_tokens(6)
    assert seen.snapshot()["tokens_per_second"] == 0.0
    assert seen.snapshot(elapsed=3.0)["tokens_per_second"] == 2.0


def test_errors_are_those_of_the_stream_and_of_its_handlers():
    """Both are counted, and those of the handlers can be told apart."""
    seen = Statistics()
    seen.failures = 1
    stats = seen.snapshot(handler_errors=2)
    assert (stats["errors"], stats["handler_errors"]) == (3, 2)


def test_a_snapshot_is_the_callers_to_keep():
    """What is counted later does not change it."""
    seen = Statistics()
    before = seen.snapshot()
    seen.add_tokens(1)
    assert (before["tokens_received"], seen.snapshot()["tokens_received"]) == (0, 1)


def test_tokens_are_counted_while_they_are_put_into_a_list():
    """What was in the list does not count, nor what comes into it after the next count."""
    seen, texts = Statistics(), ["known"]
    seen.add_tokens(2)
    seen.count_along(texts)
    assert seen.tokens == 2
    texts += ["a", "b"]
    assert seen.tokens == 4
    seen.add_tokens(0)
    texts.append("c")
    assert seen.tokens == 4
