"""One frozen class holds every default, and refuses what cannot work by name."""

from __future__ import annotations

import dataclasses

import pytest

from api_models.exceptions import APIModelError, ConfigurationError
from api_models.streaming.stream_config import StreamConfig

# The table of the contract, by hand.
DEFAULTS = {
    "buffer_size": 1,
    "buffer_seconds": None,
    "split": "token",
    "tokens_per_second": None,
    "smooth": False,
    "pause_mode": "drain",
    "max_backlog_bytes": 1024 * 1024,
    "handler_errors": "isolate",
    "connect_timeout": 10.0,
    "first_token_timeout": 600.0,
    "idle_timeout": None,
    "silence_timeout": 600.0,
    "total_timeout": None,
    "quiet_after": 30.0,
    "max_retries": 2,
    "retry_delay": 0.5,
    "max_retry_delay": 30.0,
    "recovery": "fail",
    "keep_history": True,
    "progress_interval": 0.5,
    "include_prompt": False,
}
BAD = {
    "buffer_size": [0, -1, 1.5, "2", None, True],
    "buffer_seconds": [0, -1, "1", True, float("nan")],
    "split": ["letter", None, 1, ["token"]],
    "tokens_per_second": [0, -5, float("nan"), float("inf"), "fast"],
    "smooth": [1, "yes", None],
    "pause_mode": ["stop", None],
    "max_backlog_bytes": [-1, 0.5, None],
    "handler_errors": ["ignore", 0, -1, 1.0, None, True],
    "connect_timeout": [0, -1, float("nan"), "10"],
    "first_token_timeout": [0, -1],
    "idle_timeout": [0, float("inf")],
    "silence_timeout": [0],
    "total_timeout": [-0.1],
    "quiet_after": [0],
    "max_retries": [-1, 1.5, None],
    "retry_delay": [-1, float("nan"), None],
    "max_retry_delay": [-1, None],
    "recovery": ["retry", None],
    "keep_history": [0, None],
    "progress_interval": [0, None, -1],
    "include_prompt": ["no"],
}


def test_the_defaults_are_the_contracts():
    """Every key of the contract is there with its default, and no other."""
    assert dataclasses.asdict(StreamConfig()) == DEFAULTS


@pytest.mark.parametrize(("key", "value"), [(key, value) for key, values in BAD.items() for value in values])
def test_bad_values_are_refused_by_name(key, value):
    """A value that cannot work raises at once and the message names its key."""
    for make in (lambda: StreamConfig(**{key: value}), lambda: StreamConfig.of({key: value})):
        with pytest.raises(ConfigurationError, match=key):
            make()


def test_b1_27_every_key_is_validated():
    """No setting of the class is taken unseen: each has at least one value that is refused."""
    assert set(BAD) == {field.name for field in dataclasses.fields(StreamConfig)}


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("buffer_seconds", None),
        ("tokens_per_second", 0.5),
        ("handler_errors", 3),
        ("max_retries", 0),
        ("retry_delay", 0),
        ("max_backlog_bytes", 0),
        ("first_token_timeout", None),
        ("quiet_after", None),
        ("recovery", "continue"),
    ],
)
def test_edges_that_work_are_taken(key, value):
    """None switches a limit off; 0 is good where 0 means something."""
    assert getattr(StreamConfig.of({key: value}), key) == value


@pytest.mark.parametrize(
    ("wrong", "right"),
    [("bufer_size", "buffer_size"), ("token_per_second", "tokens_per_second"), ("timeout", "timeout")],
)
def test_an_unknown_key_names_the_nearest(wrong, right):
    """A typo raises and says what was probably meant."""
    with pytest.raises(ConfigurationError, match=f"{wrong}.*{right}"):
        StreamConfig.of({wrong: 1})


@pytest.mark.parametrize("key", [1, None, ("a",)])
def test_a_key_that_is_no_word_is_refused(key):
    """Even a key that is no string is a configuration error, not a crash."""
    with pytest.raises(ConfigurationError):
        StreamConfig.of({key: 1})


def test_profiles():
    """Each profile of the contract exists, and does what its name says."""
    assert StreamConfig.of("interactive") == StreamConfig() == StreamConfig.of(None)
    assert StreamConfig.of("smooth").smooth
    assert StreamConfig.of("bulk").buffer_size > 1
    assert StreamConfig.of("voice").split == "sentence"


def test_an_unknown_profile_names_the_nearest():
    """A typo in a profile's name raises and says what was probably meant."""
    with pytest.raises(ConfigurationError, match="'voice'"):
        StreamConfig.of("voise")


@pytest.mark.parametrize("value", [7, ["buffer_size"], object()])
def test_what_is_no_config_is_refused(value):
    """Neither a number nor a list is taken for settings."""
    with pytest.raises(ConfigurationError):
        StreamConfig.of(value)


def test_a_mapping_changes_the_base():
    """A stream's own settings change the manager's, and leave them as they were."""
    base = StreamConfig(buffer_size=3, split="word")
    assert StreamConfig.of({"split": "line"}, base) == StreamConfig(buffer_size=3, split="line")
    assert StreamConfig.of("voice", base).buffer_size == 3
    assert StreamConfig.of(None, base) == base
    assert base.split == "word"


def test_a_config_is_frozen():
    """Settings cannot change under a running stream."""
    with pytest.raises(dataclasses.FrozenInstanceError):
        StreamConfig().buffer_size = 2


def test_a_bad_setting_is_a_value_error_of_the_house():
    """Both `except ValueError` and `except APIModelError` catch it."""
    with pytest.raises(ValueError) as caught:
        StreamConfig(buffer_size=0)
    assert isinstance(caught.value, APIModelError)
