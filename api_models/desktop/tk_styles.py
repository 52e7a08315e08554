"""The ttk styles of one palette: boxes, buttons, choosers and scroll bars, with round corners."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from .palette import Palette
from .rounded import rounded_png
from .tk_toolkit import tk, ttk

Pixels = Callable[[float], int]

_MIDDLE = 128
"""Pixels that ttk copies at a time when it fills a box: with two of them a window takes half a second."""


@dataclass(frozen=True)
class _ButtonColours:
    fill: str
    hover: str
    border: str
    text: str
    ground: str


class Styles:
    """Makes the styles of a palette in the ttk theme that is in use."""

    def __init__(self, root: tk.Tk, palette: Palette, px: Pixels) -> None:
        self.pictures: list[tk.PhotoImage] = []
        """To be kept for as long as the theme is used: ttk does not keep them alive."""
        self._root, self._palette, self._px = root, palette, px
        self._style = ttk.Style(root)
        self._make_labels()
        self._make_boxes()
        self._make_buttons()
        self._make_chooser()
        self._make_scrollbar()

    def _make_labels(self) -> None:
        p, configure = self._palette, self._style.configure
        configure(".", background=p.window, foreground=p.text, font="Body", borderwidth=0)
        configure("Title.TLabel", font="Title")
        configure("Inner.TFrame", background=p.card)
        configure("Muted.TLabel", foreground=p.muted, font="Small")
        configure("Inner.TLabel", background=p.card)
        configure("Key.TLabel", background=p.card, foreground=p.accent, font="Strong")
        configure("Heading.TLabel", background=p.card, font="Title")
        configure("Placeholder.TLabel", background=p.field, foreground=p.muted)
        configure("Figures.TLabel", background=p.card, foreground=p.muted, font="Small")
        configure("Banner.TLabel", background=p.danger_ground, foreground=p.danger)
        configure("Calm.TLabel", background=p.prompt)
        for title, colour in _state_colours(p).items():
            configure(f"{title}.State.TLabel", background=p.card, foreground=colour, font="Strong")

    def _make_boxes(self) -> None:
        """Frames with round corners; in the state `focus` the border is that of the focus."""
        p = self._palette
        for name, fill, border, ground in (
            ("Card", p.card, p.border, p.window),
            ("Field", p.field, p.border, p.window),
            ("Banner", p.danger_ground, p.danger_ground, p.card),
            ("Calm", p.prompt, p.prompt, p.card),
        ):
            rest, focus = self._box(10, fill, border, ground), self._box(10, fill, p.accent, ground, 2)
            self._make_element(f"{name}.box", 10, rest, ("focus", focus))
            self._style.layout(f"{name}.TFrame", [(f"{name}.box", {"sticky": "nsew"})])
            self._style.configure(f"{name}.TFrame", background=ground)

    def _make_buttons(self) -> None:
        p = self._palette
        for name, ground in (
            ("", p.window),
            ("Card.", p.card),
            ("Banner.", p.danger_ground),
            ("Calm.", p.prompt),
        ):
            colours = _ButtonColours(p.button, p.button_hover, p.border, p.text, ground)
            self._make_button(f"{name}TButton", colours, p.accent)
        accent = _ButtonColours(p.accent, p.accent_hover, p.accent, p.on_accent, p.window)
        self._make_button("Accent.TButton", accent, p.text)

    def _make_button(self, name: str, colours: _ButtonColours, ring: str) -> None:
        fill, hover, border, ground = colours.fill, colours.hover, colours.border, colours.ground
        self._make_element(
            f"{name}.box",
            7,
            self._box(7, fill, border, ground),
            ("disabled", self._box(7, ground, ground, ground)),
            ("pressed", self._box(7, border, border, ground)),
            ("focus", "active", self._box(7, hover, ring, ground, 2)),
            ("focus", self._box(7, fill, ring, ground, 2)),
            ("active", self._box(7, hover, border, ground)),
        )
        label: Any = (
            "Button.padding",
            {"sticky": "nsew", "children": [("Button.label", {"sticky": "nsew"})]},
        )
        self._style.layout(name, [(f"{name}.box", {"sticky": "nsew", "children": [label]})])
        padding = self._px(11), self._px(5)
        self._style.configure(
            name, background=ground, foreground=colours.text, anchor="center", padding=padding
        )
        self._style.map(name, foreground=[("disabled", self._palette.border)], background=[])

    def _make_chooser(self) -> None:
        p, px = self._palette, self._px
        rest, focus = self._box(7, p.field, p.border, p.card), self._box(7, p.field, p.accent, p.card, 2)
        self._make_element("Chooser.box", 7, rest, ("focus", focus))
        parts: list[Any] = [
            ("Combobox.downarrow", {"side": "right", "sticky": "ns"}),
            ("Combobox.padding", {"sticky": "nsew", "children": [("Combobox.textarea", {"sticky": "nsew"})]}),
        ]
        self._style.layout("TCombobox", [("Chooser.box", {"sticky": "nsew", "children": parts})])
        flat = dict.fromkeys(
            ("background", "fieldbackground", "bordercolor", "lightcolor", "darkcolor"), p.field
        )
        self._style.configure(
            "TCombobox",
            **flat,
            foreground=p.text,
            arrowcolor=p.muted,
            arrowsize=px(14),
            insertcolor=p.text,
            selectbackground=p.selection,
            selectforeground=p.text,
            padding=(px(9), px(5)),
        )
        self._style.map("TCombobox", background=[], fieldbackground=[], foreground=[], arrowcolor=[])

    def _make_scrollbar(self) -> None:
        """A thumb alone, as wide as it must be to be caught; none where all is in view."""
        p = self._palette
        rest, over, none = (self._box(4, colour, colour, p.card) for colour in (p.border, p.muted, p.card))
        self._make_element("Vertical.Scrollbar.thumb", 4, rest, ("disabled", none), ("active", over))
        thumb: Any = ("Vertical.Scrollbar.thumb", {"expand": True, "sticky": "nsew"})
        trough: Any = ("Vertical.Scrollbar.trough", {"sticky": "ns", "children": [thumb]})
        self._style.layout("Vertical.TScrollbar", [trough])
        self._style.configure("Vertical.TScrollbar", troughcolor=p.card, bordercolor=p.card, relief="flat")

    def _make_element(self, name: str, radius: float, rest: tk.PhotoImage, *states: Any) -> None:
        border = self._px(radius)
        self._style.element_create(
            name, "image", rest, *states, border=border, width=2 * border, height=2 * border, sticky="nsew"
        )

    def _box(self, radius: float, fill: str, border: str, ground: str, width: float = 1) -> tk.PhotoImage:
        png = rounded_png(
            self._px(radius), _MIDDLE, fill=fill, border=border, ground=ground, width=self._px(width)
        )
        picture = tk.PhotoImage(master=self._root, data=png)
        self.pictures.append(picture)
        return picture


def _state_colours(p: Palette) -> dict[str, str]:
    """The colour of each title a `Status` may have."""
    return {
        "Ready": p.muted,
        "Waiting": p.warning,
        "Streaming": p.accent,
        "Paused": p.warning,
        "Done": p.good,
        "Stopped": p.muted,
        "Failed": p.danger,
    }
