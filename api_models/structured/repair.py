"""Asking for the same answer without what was wrong with it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

_MOST_PROBLEMS = 20
"""Problems that are named; one mistake in a long list makes as many as it has elements."""


def repair_prompt(prompt: Any, answer: str, problems: Sequence[str]) -> list[dict[str, Any]]:
    """The conversation with the answer in it, and what is wrong with it."""
    messages = [{"role": "user", "content": prompt}] if isinstance(prompt, str) else [*map(dict, prompt)]
    named = "".join(f"\n- {problem}" for problem in problems[:_MOST_PROBLEMS])
    wrong = f"That is not valid:{named}\nAnswer again with the whole of it, corrected, and with nothing else."
    said = [{"role": "assistant", "content": answer}] if answer.strip() else []
    return [*messages, *said, {"role": "user", "content": wrong}]
