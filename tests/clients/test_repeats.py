"""How often a request is repeated, and how long to wait before."""

from __future__ import annotations

import pytest

from api_models import ProviderConnectionError, ProviderUnavailableError, StreamConfig
from api_models.clients.repeats import Repeats


def config(**given):
    return StreamConfig.of({"max_retries": 2, "retry_delay": 0.5, "max_retry_delay": 4.0, **given})


def test_after_the_last_attempt_the_error_is_raised_as_it_is():
    """Two repeats make three attempts."""
    repeats, errors = Repeats(config()), [ProviderConnectionError(str(number)) for number in range(3)]
    assert [repeats.delay_after(error) >= 0 for error in errors[:2]] == [True, True]
    with pytest.raises(ProviderConnectionError) as caught:
        repeats.delay_after(errors[2])
    assert caught.value is errors[2]


def test_waits_grow_up_to_the_limit():
    """Each is twice the one before, and as much as one step more by chance."""
    repeats = Repeats(config(max_retries=9))
    delays = [repeats.delay_after(ProviderConnectionError("no")) for _ in range(6)]
    for number, delay in enumerate(delays):
        assert min(0.5 * 2**number, 4.0) <= delay <= min(0.5 * 2**number + 0.5, 4.0)


def test_the_provider_is_believed():
    """A Retry-After is the wait, to the second."""
    error = ProviderUnavailableError("busy")
    error.retry_after = 3.25
    assert Repeats(config()).delay_after(error) == 3.25
