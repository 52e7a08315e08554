"""Where a conversation is read: text that only the program writes, and that follows its own end."""

from __future__ import annotations

from collections.abc import Iterator

from .palette import Palette
from .tk_theme import Looks
from .tk_toolkit import tk, ttk

_LONGEST_LINE = 2000
"""Characters after which a line is broken on the screen: Tk lays out a whole line at a time."""
_ANSWER = "answer-start"


class Transcript(ttk.Frame):
    """Prompts, thinking, answers and notes in the order they come, each in its own style.

    Follows the end while the end is in view; who scrolls up to read is left in peace.
    """

    def __init__(self, parent: tk.Misc, looks: Looks) -> None:
        super().__init__(parent, style="Inner.TFrame")
        px = looks.px
        self.text = tk.Text(
            self, wrap="word", state="disabled", font="Body", relief="flat", borderwidth=0, takefocus=True,
            highlightthickness=0, padx=px(14), pady=px(8), spacing2=px(3), width=40, height=8, cursor="arrow",
        )  # fmt: skip
        self._bar = ttk.Scrollbar(self, command=self.text.yview, style="Vertical.TScrollbar", takefocus=False)
        self.text.configure(yscrollcommand=self._bar.set)
        self.text.grid(row=0, column=0, sticky="nsew")
        self._bar.grid(row=0, column=1, sticky="ns", padx=(0, px(3)))
        self.columnconfigure(0, weight=1)
        self.rowconfigure(0, weight=1)
        self._follows = True
        self._style = ""
        self._opening = ""  # the tag of a first paragraph, as long as that goes on
        self._line_length = 0
        self.text.mark_set(_ANSWER, "end-1c")
        self.text.mark_gravity(_ANSWER, "left")
        self._set_tags(looks)
        self.text.bind("<Configure>", lambda event: self._follow())
        for sequence in ("<MouseWheel>", "<Button-4>", "<Button-5>", "<KeyPress>"):
            self.text.bind(sequence, self._may_scroll)
        self._bar.bind("<ButtonRelease>", self._may_scroll)
        looks.follow(self.colour)

    def add(self, style: str, text: str) -> None:
        """Append `prompt`, `thinking`, `answer` or `note`; a change of style begins a paragraph."""
        at_end = self._shows_end()
        self.text.configure(state="normal")
        if style != self._style:
            self._begin(style)
        for piece in self._broken(text):
            self.text.insert("end-1c", piece, (style, self._opening))
            if piece.endswith("\n"):
                self._opening = ""
        self.text.configure(state="disabled")
        self._follows = at_end
        self._follow()

    def begin_answer(self) -> None:
        """What comes from here on is what `forget_answer` takes away."""
        self.text.mark_set(_ANSWER, "end-1c")

    def forget_answer(self) -> None:
        self._delete(_ANSWER)

    def forget_all(self) -> None:
        self._delete("1.0")

    def hide_thinking(self, hidden: bool) -> None:
        self.text.tag_configure("thinking", elide=hidden)

    def _begin(self, style: str) -> None:
        if self.text.compare("end-1c", ">", "1.0"):
            self.text.insert("end-1c", "\n", self._style)
        if style == "thinking":
            self.text.insert("end-1c", "Thinking\n", ("thinking", "heading", "opening"))
        self._style, self._line_length, self._opening = style, 0, "" if style == "thinking" else "opening"

    def _broken(self, text: str) -> Iterator[str]:
        """The text, with an end put to lines that Tk could not lay out in time."""
        for line in text.splitlines(keepends=True):
            rest = line
            while self._line_length + len(rest) > _LONGEST_LINE:
                room = _LONGEST_LINE - self._line_length
                cut = rest.rfind(" ", 0, room) + 1 or room
                yield rest[:cut] + "\n"
                rest, self._line_length = rest[cut:], 0
            yield rest
            self._line_length = 0 if rest.endswith("\n") else self._line_length + len(rest)

    def _delete(self, start: str) -> None:
        self.text.configure(state="normal")
        self.text.delete(start, "end")
        self.text.configure(state="disabled")
        self._style, self._line_length = "", 0

    def _follow(self) -> None:
        if self._follows:
            self.text.see("end-1c")

    def _may_scroll(self, event: tk.Event[tk.Misc]) -> None:
        """The user, who is left in peace then until the end is in view again."""
        self.after_idle(self._look_where_it_stands)

    def _look_where_it_stands(self) -> None:
        self._follows = self._shows_end()

    def _shows_end(self) -> bool:
        return self.text.dlineinfo("end-1c") is not None

    def _set_tags(self, looks: Looks) -> None:
        px, tag = looks.px, self.text.tag_configure
        tag("prompt", lmargin1=px(12), lmargin2=px(12), rmargin=px(12), spacing1=px(8), spacing3=px(8))
        tag("answer", lmargin1=px(2), lmargin2=px(2), rmargin=px(2))
        tag("thinking", font="Thought", lmargin1=px(20), lmargin2=px(20), rmargin=px(20))
        tag("heading", font="Strong")
        tag("note", font="Small", lmargin1=px(2), lmargin2=px(2), spacing1=px(2))
        tag("opening", spacing1=px(10))
        self.text.tag_raise("sel")

    def colour(self, p: Palette) -> None:
        self.text.configure(
            background=p.card, foreground=p.text, insertbackground=p.text, selectbackground=p.selection,
            selectforeground=p.text, inactiveselectbackground=p.selection,
        )  # fmt: skip
        self.text.tag_configure("prompt", background=p.prompt)
        self.text.tag_configure("thinking", foreground=p.muted)
        self.text.tag_configure("note", foreground=p.muted)
