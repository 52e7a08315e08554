"""One pane of the window: which model, what it says, how it is doing, and what can be done about it."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from .conversation import Conversation, Setup
from .palette import Palette
from .status import Status
from .tk_theme import Looks
from .tk_toolkit import filedialog, tk, ttk
from .tk_transcript import Transcript

_REFRESH = 100
"""Milliseconds between two looks at state and figures."""


class Pane(ttk.Frame):
    """A card with a conversation; every button is a method, so that keys can do the same."""

    def __init__(
        self,
        parent: tk.Misc,
        looks: Looks,
        setup: Setup,
        model: str,
        on_change: Callable[[], None],
    ) -> None:
        super().__init__(parent, style="Card.TFrame", padding=looks.px(8))
        self._looks = looks
        self._on_change = on_change
        self._shown = Status()
        self.conversation = Conversation(setup, self)
        self._build_header(setup.models, model)
        self.transcript = Transcript(self, looks)
        self._build_banner()
        self._build_footer()
        self.transcript.grid(row=1, column=0, sticky="nsew", pady=looks.px(6))
        self.columnconfigure(0, weight=1)
        self.rowconfigure(1, weight=1)
        looks.follow(self._colour)
        self.conversation.pump.attach_tk(self)
        self.conversation.refresh()
        self._keep_refreshing()

    def ask(self, prompt: str) -> bool:
        return self.conversation.ask(prompt, self._model_id())

    def go_on(self) -> None:
        self.conversation.go_on(self._model_id())

    def copy(self) -> None:
        """Put the last answer, whole or not, on the clipboard."""
        if self.conversation.answer:
            self.clipboard_clear()
            self.clipboard_append(self.conversation.answer)
            self._say("Copied")

    def save(self) -> None:
        """Ask for a file and write the conversation to it, as Markdown."""
        named = filedialog.asksaveasfilename(
            parent=self, title="Save the conversation", initialfile="conversation.md", defaultextension=".md"
        )
        if not named:
            return
        try:
            Path(named).write_text(self.conversation.transcript(), encoding="utf-8")
        except OSError as error:
            self.show_note(f"not saved: {error}")
        else:
            self._say(f"Saved as {Path(named).name}")

    def choose_model(self) -> None:
        self._chooser.focus_set()
        self._chooser.event_generate("<Down>")

    def show_prompt(self, text: str) -> None:
        self.transcript.add("prompt", text)
        self.transcript.begin_answer()

    def show_thinking(self, text: str) -> None:
        self.transcript.add("thinking", text)

    def show_text(self, text: str) -> None:
        self.transcript.add("answer", text)

    def show_note(self, text: str) -> None:
        self.transcript.add("note", text)

    def forget_answer(self) -> None:
        self.transcript.forget_answer()

    def forget_all(self) -> None:
        self.transcript.forget_all()

    def show_status(self, status: Status) -> None:
        if status == self._shown:
            return
        before, self._shown = self._shown, status
        self._figures.configure(text=status.figures)
        if (before.title, before.error, before.can_continue) == (
            status.title,
            status.error,
            status.can_continue,
        ):
            return
        self._state.configure(text=f"●  {status.title}", style=f"{status.title}.State.TLabel")
        self._pause.configure(text="Resume" if status.is_paused else "Pause")
        for button in (self._pause, self._stop):
            button.state(["!disabled" if status.is_running else "disabled"])
        self._show_banner(status)
        self._on_change()

    @property
    def model(self) -> str:
        """As chosen or typed."""
        # Kept in the widget alone: a variable of tkinter's calls Tk when it is forgotten, on whichever
        # thread collects garbage then, and that thread may hold what the window waits for.
        return self._chooser.get().strip()

    @property
    def title(self) -> str:
        return f"{self._shown.title}: {self.model}"

    def close(self) -> None:
        self.conversation.close()
        self._looks.unfollow(self._colour)
        self._looks.unfollow(self.transcript.colour)
        self.destroy()

    def _model_id(self) -> str | None:
        return self.model or None

    def _keep_refreshing(self) -> None:
        self.conversation.refresh()
        self.after(_REFRESH, self._keep_refreshing)

    def _say(self, text: str) -> None:
        """Say in place of the figures that something was done; they come back with the next change."""
        self._figures.configure(text=text)

    def _build_header(self, models: list[str], model: str) -> None:
        px, row = self._looks.px, ttk.Frame(self, style="Inner.TFrame")
        self._chooser = ttk.Combobox(row, values=models, width=24, font="Body")
        self._state = ttk.Label(row, text="●  Ready", style="Ready.State.TLabel", anchor="e")
        self._chooser.set(model)
        for sequence in ("<<ComboboxSelected>>", "<KeyRelease>"):
            self._chooser.bind(sequence, lambda event: self._on_change())
        self._chooser.pack(side="left", fill="x", expand=True)
        self._state.pack(side="right", padx=(px(14), px(6)))
        row.grid(row=0, column=0, sticky="ew", padx=px(4), pady=(px(4), 0))

    def _build_banner(self) -> None:
        px = self._looks.px
        self._banner = ttk.Frame(self, style="Banner.TFrame", padding=(px(12), px(8)))
        self._banner_text = ttk.Label(self._banner, style="Banner.TLabel", anchor="w")
        self._banner_button = ttk.Button(self._banner, style="Banner.TButton", command=self.go_on)
        self._banner_text.pack(side="left", fill="x", expand=True)
        self._banner_button.pack(side="right", padx=(px(10), 0))
        self._banner.bind("<Configure>", self._wrap_banner)

    def _build_footer(self) -> None:
        px, row = self._looks.px, ttk.Frame(self, style="Inner.TFrame")
        self._figures = ttk.Label(self, style="Figures.TLabel", anchor="w")
        self._pause = self._button(row, "Pause", self.conversation.pause_or_resume)
        self._stop = self._button(row, "Stop", self.conversation.stop)
        for button in (self._pause, self._stop):
            button.state(["disabled"])
        for name, command in (("Save", self.save), ("Copy", self.copy)):
            self._button(row, name, command, side="right")
        self._figures.grid(row=3, column=0, sticky="ew", padx=px(10), pady=(px(2), px(8)))
        self._figures.bind("<Configure>", lambda event: self._figures.configure(wraplength=event.width))
        row.grid(row=4, column=0, sticky="ew", padx=px(4), pady=(0, px(4)))

    def _button(
        self, row: ttk.Frame, text: str, command: Callable[[], Any], side: Any = "left"
    ) -> ttk.Button:
        button = ttk.Button(row, text=text, command=command, style="Card.TButton", width=7)
        gap = self._looks.px(8)
        button.pack(side=side, padx=(0, gap) if side == "left" else (gap, 0))
        return button

    def _show_banner(self, status: Status) -> None:
        if not status.error and not status.can_continue:
            self._banner.grid_remove()
            return
        self._banner_text.configure(text=status.error or "The answer is not finished.")
        kind = "Banner" if status.error else "Calm"
        self._banner.configure(style=f"{kind}.TFrame")
        self._banner_text.configure(style=f"{kind}.TLabel")
        self._banner_button.configure(
            style=f"{kind}.TButton", text="Continue" if self.conversation.answer else "Try again"
        )
        if status.can_continue:
            self._banner_button.pack(side="right", padx=(self._looks.px(10), 0))
        else:
            self._banner_button.pack_forget()
        self._banner.grid(row=2, column=0, sticky="ew", padx=self._looks.px(4), pady=(0, self._looks.px(6)))

    def _wrap_banner(self, event: tk.Event[tk.Misc]) -> None:
        room = event.width - self._banner_button.winfo_reqwidth() - self._looks.px(40)
        self._banner_text.configure(wraplength=max(room, self._looks.px(80)))

    def _colour(self, palette: Palette) -> None:
        """The list that drops out of the chooser, if it has been made, keeps the colours it was made with."""
        with contextlib.suppress(tk.TclError):
            lists = self.tk.call("ttk::combobox::PopdownWindow", self._chooser)
            self.tk.call(
                f"{lists}.f.l", "configure", "-background", palette.field, "-foreground", palette.text,
                "-selectbackground", palette.accent, "-selectforeground", palette.on_accent,
            )  # fmt: skip
