"""The program: a manager, a window, and the loop that serves it."""

from __future__ import annotations

import signal
from collections.abc import Mapping, Sequence
from typing import Any

from ..exceptions import ConfigurationError
from ..model_manager import APIModelManager
from .choices import model_choices
from .conversation import Setup
from .palette import Theme, palette_of
from .tk_theme import announce_high_resolution
from .tk_toolkit import tk
from .tk_window import Window


def run(models: Sequence[str], params: Mapping[str, Any], theme: Theme = "system") -> None:
    """Show the window and return when it has been closed; what ran then has been stopped on the wire.

    One pane for each of `models`, two at most; one for the default model if there are none. Raises
    `ConfigurationError` where there is no display.
    """
    announce_high_resolution()
    try:
        root = tk.Tk(className="api-models")
    except tk.TclError as error:
        raise ConfigurationError(f"no window can be shown here: {error}") from error
    choices = model_choices()
    with APIModelManager() as manager:
        setup = Setup(manager, choices, params)
        window = Window(root, setup, models or choices[:1], palette_of(theme))
        # Ctrl-C in the terminal: the loop of Tk would print it and go on. It may come in the middle of
        # anything, so the window is closed when that is done.
        before = signal.signal(signal.SIGINT, lambda *_: root.after(0, window.close))
        try:
            root.mainloop()
        finally:
            signal.signal(signal.SIGINT, before)
