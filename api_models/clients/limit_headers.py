"""What the headers of an answer say of limits: how much is left, and when to come back."""

from __future__ import annotations

import email.utils
import re
import time
from collections.abc import Mapping
from datetime import datetime, timezone

from ..streaming.parts.frozen import Frozen

_ANTHROPIC = "anthropic-ratelimit-{resource}-{fact}"
_OPENAI = "x-ratelimit-{fact}-{resource}"
_DURATION = r"(\d+(?:\.\d+)?)(ms|s|m|h|d)"
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


class ToldLimit(Frozen):
    """A limit as the provider sees it: `remaining` is left, and all of it in `reset` seconds."""

    remaining: float
    limit: float | None
    reset: float | None


def told_limit(headers: Mapping[str, str], resource: str) -> ToldLimit | None:
    """What is said of `requests` or `tokens`; None if nothing is."""
    known = lower_names(headers)
    for form in (_ANTHROPIC, _OPENAI):
        facts = [known.get(form.format(resource=resource, fact=f)) for f in ("remaining", "limit", "reset")]
        remaining = _number(facts[0])
        if remaining is not None:
            return ToldLimit(remaining, _number(facts[1]), _seconds(facts[2], known.get("date")))
    return None


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds, from milliseconds, seconds or a date, whichever the provider sends."""
    known = lower_names(headers)
    milliseconds = _number(known.get("retry-after-ms"))
    if milliseconds:
        return milliseconds / 1000
    told = known.get("retry-after")
    if not told:
        return None
    seconds = _number(told)
    return _seconds_until(told) if seconds is None else seconds


def lower_names(headers: Mapping[str, str]) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}


def _number(text: str | None) -> float | None:
    """A number of at least 0 and no infinity, None for anything else."""
    try:
        value = float(text or "")
    except ValueError:
        return None
    return value if 0 <= value < float("inf") else None


def _seconds_until(date: str) -> float | None:
    try:
        return max(0.0, email.utils.parsedate_to_datetime(date).timestamp() - time.time())
    except (ValueError, OverflowError):
        return None


def _seconds(reset: str | None, sent_at: str | None) -> float | None:
    """Seconds, from a number of them, `6m0s`, or a moment, measured from when the answer was sent."""
    if not reset:
        return None
    seconds = _number(reset)
    if seconds is not None:
        return seconds
    if re.sub(_DURATION, "", reset) == "":
        return sum(float(number) * _SECONDS[unit] for number, unit in re.findall(_DURATION, reset))
    try:
        moment = datetime.fromisoformat(reset.replace("Z", "+00:00"))
        now = email.utils.parsedate_to_datetime(sent_at).timestamp() if sent_at else time.time()
        return max(0.0, (moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)).timestamp() - now)
    except (ValueError, OverflowError):
        return None
