"""What users set is checked, and what is wrong is said."""

from __future__ import annotations

import math

import pytest

from api_models.exceptions import ConfigurationError
from api_models.streaming.parts import checks


@pytest.mark.parametrize(
    ("check", "good", "bad"),
    [
        (checks.SWITCH, [True, False], [0, 1, None, "yes"]),
        (checks.DELAY, [0, 0.5, 3], [-1, math.nan, math.inf, True, "1", None]),
        (checks.INTERVAL, [0.5, 3], [0, -1, math.nan, math.inf, True, None]),
        (checks.LIMIT, [None, 0.5, 3], [0, -1, math.nan, math.inf, True, "1"]),
        (checks.count(2), [2, 10], [1, 2.0, True, None]),
        (checks.choice("a", "b"), ["a", "b"], ["c", "", None, 1]),
    ],
)
def test_each_check_tells_good_from_bad(check, good, bad):
    """A bad value is an error that names the setting, what is wanted and what was given."""
    for value in good:
        checks.check_value("key", value, check)
    for value in bad:
        with pytest.raises(ConfigurationError, match="key must be ") as caught:
            checks.check_value("key", value, check)
        assert repr(value) in str(caught.value)


def test_a_name_that_is_nearly_right_is_set_right():
    """The nearest valid name is told, or all of them where none is near; valid names pass."""
    checks.check_names(["colour", "size"], ["size", "colour"], "key")
    with pytest.raises(ConfigurationError, match="unknown key 'color': did you mean 'colour'"):
        checks.check_names(["size", "color"], ["size", "colour"], "key")
    with pytest.raises(ConfigurationError, match="choose from colour, size"):
        checks.check_names([7], ["size", "colour"], "key")
