"""The one place that imports tkinter, which belongs to Python and yet may be missing."""

from __future__ import annotations

from ..exceptions import ConfigurationError

try:
    import tkinter as tk
    from tkinter import filedialog, font, ttk
except ImportError as error:  # Linux distributions pack it by itself
    raise ConfigurationError(
        "this Python has no tkinter: `apt install python3-tk`, `dnf install python3-tkinter` or "
        "`brew install python-tk` brings it"
    ) from error

__all__ = ["filedialog", "font", "tk", "ttk"]
