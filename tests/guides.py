"""What a guide prints is what its snippets print."""

from __future__ import annotations

import re
import subprocess
import sys


def check_snippet(snippet: str, printed: str = "") -> None:
    """Run it in a process of its own; what it prints stands behind its `print`s if it is not given."""
    wanted = printed or "".join(f"{said}\n" for said in re.findall(r"print\(.*\)  # (.*)", snippet))
    assert wanted
    command = [sys.executable, "-W", "error", "-c", snippet]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=50, check=False)
    assert (ended.returncode, ended.stderr, ended.stdout) == (0, "", wanted)
