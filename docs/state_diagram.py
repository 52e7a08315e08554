"""Print the state diagram of docs/control.md, from the table that the streams themselves obey.

python docs/state_diagram.py
"""

from __future__ import annotations

from api_models.streaming.stream_state import TRANSITIONS


def diagram() -> str:
    """One line a transition, in the order of the table."""
    lines = [
        f"{before.value:<9} --{trigger.value}--> {after.value}"
        for before, row in TRANSITIONS.items()
        for trigger, after in row.items()
    ]
    last = [state.value for state, row in TRANSITIONS.items() if not row]
    return "\n".join([*lines, f"({', '.join(last)}: the end; a new start makes a new run)"])


if __name__ == "__main__":
    print(diagram())
