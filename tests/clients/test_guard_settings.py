"""What may be configured of breakers and budgets, and how what may not is refused."""

from __future__ import annotations

import pytest

from api_models import APIModelManager
from api_models.cli import main
from api_models.clients.guard_settings import BreakerSettings, BudgetSettings
from api_models.exceptions import ConfigurationError
from api_models.settings import Settings


@pytest.mark.parametrize("off", [None, False])
def test_both_are_off_unless_configured(off):
    assert BreakerSettings.of(off) is None
    assert BudgetSettings.of(off) is None
    assert Settings({}, {}).guards("openai") == (None, None)


def test_true_is_a_breaker_with_its_defaults():
    assert BreakerSettings.of(True) == BreakerSettings.of({}) == BreakerSettings()


@pytest.mark.parametrize(
    ("entry", "named"),
    [
        ({"breaker": {"failure": 3}}, "did you mean 'failures'"),
        ({"breaker": {"failures": 0}}, "failures must be"),
        ({"breaker": {"failures": True}}, "failures must be"),
        ({"breaker": {"failures": 1.5}}, "failures must be"),
        ({"breaker": {"cooldown": float("nan")}}, "cooldown must be"),
        ({"breaker": {"window": -1}}, "window must be"),
        ({"breaker": {"probe_timeout": "1"}}, "probe_timeout must be"),
        ({"breaker": 3}, "True or a mapping"),
        ({"budget": {"request_per_minute": 3}}, "did you mean 'requests_per_minute'"),
        ({"budget": {"requests_per_minute": 0}}, "requests_per_minute must be"),
        ({"budget": {"tokens_per_minute": "many"}}, "tokens_per_minute must be"),
        ({"budget": {}}, "needs requests_per_minute or tokens_per_minute"),
        ({"budget": True}, "budget must be a mapping"),
        ({"braker": True}, "did you mean 'breaker'"),
    ],
)
def test_what_cannot_work_is_refused_at_once_by_name(entry, named):
    with pytest.raises(ConfigurationError, match=named) as caught:
        APIModelManager({"providers": {"openai": entry}})
    assert "openai" in str(caught.value)


def test_settings_say_in_words_what_they_mean():
    """`api-models doctor` prints them."""
    assert str(BreakerSettings()) == "5 failures in 60 s open it for 30 s"
    assert str(BudgetSettings(10, 1e6)) == "10 requests and 1000000 tokens a minute"
    assert str(BudgetSettings(tokens_per_minute=50)) == "50 tokens a minute"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "none configured"),
        (
            "[providers.groq]\nbreaker = {failures = 3}\nbudget = {requests_per_minute = 30}\n",
            "groq         breaker: 3 failures in 60 s open it for 30 s; budget: 30 requests a minute",
        ),
    ],
)
def test_doctor_shows_what_is_configured(text, told, tmp_path, monkeypatch, capsys):
    path = tmp_path / "api_models.toml"
    path.write_text(text)
    monkeypatch.setenv("API_MODELS_CONFIG", str(path))
    assert main(["doctor", "--debug"]) == 0
    assert f"breakers and budgets:\n  {told}\n" in capsys.readouterr().out
