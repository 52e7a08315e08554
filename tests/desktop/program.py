"""The real program in a process of its own, driven as a user drives it."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
import tkinter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from screen import Screen

from api_models.testing import Provider

PATIENCE = 20.0
"""Seconds after which what a test waits for will not happen."""

# Where to click: from the left or right (if negative) and from the bottom of the window, at 96 dots an inch.
SEND, PAUSE, STOP, CONTINUE = (-72, 60), (82, 138), (205, 138), (-95, 212)


def until(condition: Callable[[], Any], patience: float = PATIENCE) -> Any:
    """What the condition gives once it is true; looks at another process, which sends no event to a test."""
    deadline = time.monotonic() + patience
    while not (found := condition()):
        assert time.monotonic() < deadline, "what was waited for did not happen"
        threading.Event().wait(0.005)
    return found


def configuration(folder: Path, providers: Mapping[str, Provider]) -> Path:
    """A file that names these providers; the first is the default, and each has the model `m-NAME`."""
    lines = [f'default_provider = "{next(iter(providers))}"', "[stream]", "max_retries = 0"]
    for name, provider in providers.items():
        lines += [f"[providers.{name}]", 'kind = "openai_compatible"', f'model = "m-{name}"']
        lines += [f'base_url = "{provider.url}/v1"']
    path = folder / "api_models.toml"
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


class Program:
    """`api-models gui` on a screen."""

    def __init__(self, screen: Screen, path: Path | None, *arguments: str) -> None:
        self.screen = screen
        environment = {**os.environ, "DISPLAY": screen.display}
        if path is not None:
            environment["API_MODELS_CONFIG"] = str(path)
        self.process = subprocess.Popen(
            [sys.executable, "-m", "api_models", "gui", "--theme", "light", *arguments],
            env=environment,
            stderr=subprocess.PIPE,
            encoding="utf-8",
        )
        self.window = until(lambda: screen.window_of(self.process.pid))
        until(lambda: self.title)
        self.look_at()

    def close(self) -> None:
        self.process.kill()
        self.process.communicate()

    @property
    def title(self) -> str:
        return self.screen.title(self.window)

    def wait_for(self, word: str) -> None:
        until(lambda: word in self.title)

    def look_at(self) -> None:
        self.screen.xdotool("windowfocus", "--sync", self.window)

    def resize(self, width: int, height: int) -> None:
        self.screen.xdotool("windowsize", "--sync", self.window, width, height)
        self.look_at()

    def type(self, text: str) -> None:
        self.screen.xdotool("type", "--delay", 2, text)

    def press(self, *keys: str) -> None:
        self.screen.xdotool("key", "--delay", 2, *keys)

    def click(self, place: tuple[int, int]) -> None:
        said = self.screen.xdotool("getwindowgeometry", "--shell", self.window)
        size = dict(line.split("=") for line in said.splitlines())
        right, up = place
        x = right if right > 0 else int(size["WIDTH"]) + right
        self.screen.xdotool("mousemove", "--window", self.window, x, int(size["HEIGHT"]) - up, "click", 1)

    def open_list(self) -> None:
        """Have the models listed, with the key for it."""
        self.press("ctrl+m")
        until(lambda: self.screen.xdotool("search", "--onlyvisible", "--class", "ComboboxPopdown"))

    def leave_list(self, key: str) -> None:
        self.press(key)
        until(lambda: not self.screen.xdotool("search", "--onlyvisible", "--class", "ComboboxPopdown"))

    def ask(self, prompt: str) -> None:
        self.type(prompt)
        self.press("Return")

    def answer(self) -> str:
        """What is shown of the answer, copied with the program's own key."""
        root = tkinter.Tk(screenName=self.screen.display)
        root.withdraw()
        try:
            root.clipboard_clear()
            root.clipboard_append("nothing was copied")
            root.update()
            self.press("ctrl+shift+c")
            deadline = time.monotonic() + PATIENCE
            while (copied := root.clipboard_get()) == "nothing was copied":
                assert time.monotonic() < deadline, copied
                root.update()
            return copied
        finally:
            root.destroy()

    def ended(self, within: float) -> int:
        """The exit code, if the process ends in time; nothing may have been said on standard error."""
        _, errors = self.process.communicate(timeout=within)
        assert errors == ""
        return self.process.returncode
