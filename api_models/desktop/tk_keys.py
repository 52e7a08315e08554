"""Keys: how they are bound, what they are called on this system, and the card that lists them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from .tk_theme import Looks
from .tk_toolkit import tk, ttk

_SIGNS = {"Return": "Enter", "Escape": "Esc"}


@dataclass(frozen=True)
class Key:
    """`Mod` is Command on a Mac and Control elsewhere; no action for what a widget does by itself."""

    sequence: str
    does: str
    action: Callable[[], object] | None
    is_hinted: bool = False


def bind(root: tk.Tk, key: Key) -> None:
    """Bind it in the whole window, before any widget can make something else of it."""
    action = key.action
    if action is None:
        return

    def act(event: tk.Event[tk.Misc]) -> str:
        action()
        return "break"

    *modifiers, letter = key.sequence.split("-")
    if "Shift" in modifiers:
        letter = letter.upper()  # which is what the keyboard sends then
    sequence = "-".join([*(_modifier(root, each) for each in modifiers), letter])
    root.bind_class("api-models", f"<{sequence}>", act)


def put_first(widget: tk.Misc) -> None:
    """Let the widget, and all that stands in it, ask the keys of the window first."""
    tags = widget.bindtags()
    if "api-models" not in tags:
        widget.bindtags(("api-models", *tags))
    for child in widget.winfo_children():
        put_first(child)


def described(root: tk.Tk, keys: Sequence[Key], between: str = "   ·   ") -> str:
    return between.join(f"{_name(root, key.sequence)} {key.does}" for key in keys)


class KeyCard(ttk.Frame):
    """A list of all keys, which lies over the window until the next key or click."""

    def __init__(self, root: tk.Tk, looks: Looks, keys: Sequence[Key]) -> None:
        super().__init__(root, style="Card.TFrame", padding=looks.px(22))
        px = looks.px
        ttk.Label(self, text="Keys", style="Heading.TLabel").grid(sticky="w", pady=(0, px(10)))
        for row, key in enumerate(keys, 1):
            name = ttk.Label(self, text=_name(root, key.sequence), style="Key.TLabel")
            name.grid(row=row, column=0, sticky="w", padx=(0, px(24)), pady=px(2))
            ttk.Label(self, text=key.does, style="Inner.TLabel").grid(
                row=row, column=1, sticky="w", pady=px(2)
            )

    def toggle(self) -> None:
        if self.winfo_ismapped():
            self.place_forget()
        else:
            self.place(relx=0.5, rely=0.5, anchor="center")
            self.lift()


def _modifier(root: tk.Tk, name: str) -> str:
    if name != "Mod":
        return name
    return "Command" if root.tk.call("tk", "windowingsystem") == "aqua" else "Control"


def _name(root: tk.Tk, sequence: str) -> str:
    """As it stands on the keys: `Ctrl+P`, `Esc`."""
    named = {"Command": "Cmd", "Control": "Ctrl"}
    parts = [_modifier(root, part) for part in sequence.split("-")]
    parts = [named.get(part, _SIGNS.get(part, part)) for part in parts]
    return "+".join(part.upper() if len(part) == 1 else part for part in parts)
