"""How the window looks: the palette in use, fonts, and sizes that follow the display."""

from __future__ import annotations

import ctypes
import subprocess
import sys
from collections.abc import Callable

from .palette import Palette
from .tk_styles import Styles
from .tk_toolkit import font, tk, ttk

_POINT = 4 / 3
"""Pixels a point takes on a display of 96 dots an inch, for which the sizes of this house are given."""
_PATIENCE = 1.0  # seconds the X server has to say how large things are to be


class Looks:
    """The ttk themes of one window, and who wants to know when another one is taken."""

    def __init__(self, root: tk.Tk, palette: Palette) -> None:
        self.root = root
        self.palette = palette
        self._made: dict[str, Styles] = {}
        self._listeners: list[Callable[[Palette], None]] = []
        dots = _dots_per_inch(root)
        if dots is not None:
            root.tk.call("tk", "scaling", dots / 72)
        self._scale = float(root.tk.call("tk", "scaling")) / _POINT
        self._fonts = _make_fonts(root)
        self.use(palette)

    def px(self, length: float) -> int:
        """So many pixels of an ordinary display, on this one."""
        return round(length * self._scale)

    def follow(self, listener: Callable[[Palette], None]) -> None:
        """Tell the palette now, and again whenever it changes: for widgets that ttk does not draw."""
        self._listeners.append(listener)
        listener(self.palette)

    def unfollow(self, listener: Callable[[Palette], None]) -> None:
        self._listeners.remove(listener)

    def use(self, palette: Palette) -> None:
        self.palette = palette
        name, style = "api-models-dark" if palette.is_dark else "api-models-light", ttk.Style(self.root)
        if name not in self._made:
            style.theme_create(name, parent="clam")
            style.theme_use(name)
            self._made[name] = Styles(self.root, palette, self.px)
        style.theme_use(name)
        self.root.configure(background=palette.window)
        _colour_lists(self.root, palette)
        for listener in self._listeners:
            listener(palette)


def _make_fonts(root: tk.Tk) -> list[font.Font]:
    """Of the family that the desktop gives Tk; sizes are points, so they follow the display.

    Tk forgets a font when its object is gone.
    """
    family = font.nametofont("TkDefaultFont", root).actual("family")
    return [
        font.Font(root, name="Body", family=family, size=11),
        font.Font(root, name="Strong", family=family, size=10, weight="bold"),
        font.Font(root, name="Title", family=family, size=13, weight="bold"),
        font.Font(root, name="Small", family=family, size=9),
        font.Font(root, name="Thought", family=family, size=10, slant="italic"),
    ]


def _colour_lists(root: tk.Tk, p: Palette) -> None:
    """Lists that drop out of choosers are no ttk widgets; each asks the options when it is made."""
    for option, value in (
        ("background", p.field),
        ("foreground", p.text),
        ("selectBackground", p.accent),
        ("selectForeground", p.on_accent),
        ("font", "Body"),
        ("borderWidth", 0),
    ):
        root.option_add(f"*TCombobox*Listbox.{option}", value)


def announce_high_resolution() -> None:
    """Tell Windows, before the first window, that this program scales itself and is not to be blown up."""
    if sys.platform == "win32":
        ctypes.windll.shcore.SetProcessDpiAwareness(1)


def _dots_per_inch(root: tk.Tk) -> float | None:
    """What X11 desktops ask programs to reckon with; Tk itself looks at the screen's millimetres alone."""
    if root.tk.call("tk", "windowingsystem") != "x11":
        return None
    try:
        asked = subprocess.run(
            ["xrdb", "-query"], capture_output=True, text=True, timeout=_PATIENCE, check=False
        ).stdout
    except (OSError, subprocess.TimeoutExpired):
        return None
    found = [line.split(":")[1] for line in asked.splitlines() if line.startswith("Xft.dpi:")]
    return float(found[0]) if found else None
