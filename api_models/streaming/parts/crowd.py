"""What hundreds of threads that wait for the network need of the interpreter.

A thread that waits for the interpreter's lock looks every switch interval, 5 ms, whether it is free. While a
full garbage collection stops hundreds of threads, their looking takes all that two cores have: the collection
lasts ten times as long, and what has piled up behind it is never worked off. See decision 0006.
"""

from __future__ import annotations

import sys

MANY = 256
"""Threads from which on the interval is raised; below half as many it is put back."""

LONG = 0.05
"""Seconds. A thread that hands on what it has read holds the lock for microseconds: none waits so long."""


class Crowd:
    """Raises the switch interval while there are many threads; one that is longer, or set meanwhile, stays.

    Whoever calls it sees to it that there is one call at a time.
    """

    def __init__(self) -> None:
        self._change: tuple[float, float] | None = None  # the interval before it was raised, and since

    def note(self, threads: int) -> None:
        """Note how many there are now."""
        now = sys.getswitchinterval()
        if self._change is None and threads >= MANY and now < LONG:
            sys.setswitchinterval(LONG)
            self._change = now, sys.getswitchinterval()  # which it rounds
        elif self._change is not None and threads < MANY // 2:
            before, raised = self._change
            self._change = None
            if now == raised:
                sys.setswitchinterval(before)
