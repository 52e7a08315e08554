"""The box in which the next prompt is written."""

from __future__ import annotations

from collections.abc import Callable

from .palette import Palette
from .tk_theme import Looks
from .tk_toolkit import tk, ttk

_LINES = (2, 8)
"""How high the box is, and how high it grows, in lines."""


class Composer(ttk.Frame):
    """Enter sends, Shift+Enter begins a new line, Tab leaves; grows with what is written."""

    def __init__(self, parent: tk.Misc, looks: Looks, take: Callable[[str], bool]) -> None:
        super().__init__(parent)
        px, self._take, self._cursor_width = looks.px, take, looks.px(2)
        self._box = ttk.Frame(self, style="Field.TFrame", padding=px(4))
        self.text = tk.Text(
            self._box, height=_LINES[0], wrap="word", font="Body", relief="flat", borderwidth=0, undo=True,
            highlightthickness=0, padx=px(10), pady=px(7), spacing2=px(2), width=30,
        )  # fmt: skip
        self._placeholder = ttk.Label(self.text, text="Ask something", style="Placeholder.TLabel")
        self._button = ttk.Button(self, text="Send", style="Accent.TButton", command=self.submit, width=8)
        self.text.pack(fill="both", expand=True)
        self._box.grid(row=0, column=0, sticky="nsew")
        self._button.grid(row=0, column=1, sticky="se", padx=(px(10), 0))
        self.columnconfigure(0, weight=1)
        self._bind()
        self._fit()
        looks.follow(self._colour)

    def take_focus(self) -> None:
        self.text.focus_set()

    def submit(self) -> None:
        """Hand the prompt on; it stays in the box if nobody takes it."""
        if self._take(self.text.get("1.0", "end-1c").strip()):
            self.text.delete("1.0", "end")
            self._fit()

    def allow_sending(self, allowed: bool) -> None:
        self._button.state(["!disabled" if allowed else "disabled"])

    def _bind(self) -> None:
        for sequence, action in (
            ("<Return>", self.submit),
            ("<Tab>", lambda: _focus(self.text.tk_focusNext())),
            ("<Shift-Tab>", lambda: _focus(self.text.tk_focusPrev())),
            ("<<PrevWindow>>", lambda: _focus(self.text.tk_focusPrev())),
        ):
            self.text.bind(sequence, lambda event, action=action: _instead(action))  # type: ignore[misc]
        self.text.bind("<Shift-Return>", lambda event: None)  # the new line of every text widget
        self.text.bind("<FocusIn>", lambda event: self._box.state(["focus"]))
        self.text.bind("<FocusOut>", lambda event: self._box.state(["!focus"]))
        self.text.bind("<<Modified>>", lambda event: self._fit())
        self._placeholder.bind("<Button-1>", lambda event: self.text.focus_set())

    def _fit(self) -> None:
        """As high as what is written, within limits."""
        self.text.edit_modified(False)
        if self.text.compare("end-1c", "==", "1.0"):
            self._placeholder.place(x=self._cursor_width, y=0)
        else:
            self._placeholder.place_forget()
        lines = self.text.count("1.0", "end", "displaylines")
        shown = lines[0] if isinstance(lines, tuple) else lines or 1
        self.text.configure(height=max(_LINES[0], min(_LINES[1], shown)))

    def _colour(self, p: Palette) -> None:
        self.text.configure(
            background=p.field, foreground=p.text, insertbackground=p.text, selectbackground=p.selection,
            selectforeground=p.text, insertwidth=self._cursor_width,
        )  # fmt: skip


def _instead(action: Callable[[], None]) -> str:
    """Do this, and not what the key does in every text."""
    action()
    return "break"


def _focus(widget: tk.Misc | None) -> None:
    if widget is not None:
        widget.focus_set()
