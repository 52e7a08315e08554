"""The window of `api-models gui`: one pane or two, a box to write in, and a key for everything."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ..dual_track.dual_track import DualTrack
from ..streaming.stream_state import StreamState
from .both import ask_together
from .conversation import Setup
from .palette import DARK, LIGHT, Palette
from .tk_composer import Composer
from .tk_keys import Key, KeyCard, bind, described, put_first
from .tk_pane import Pane
from .tk_theme import Looks
from .tk_toolkit import tk, ttk

_SIZES = {1: (920, 760), 2: (1180, 760)}
"""How large the window is for so many panes, unless the user has made it larger."""
_SMALLEST = {1: (460, 420), 2: (860, 420)}


class Window:
    """Asks one model, or two at once, what the user types; all calls on the thread that made it."""

    def __init__(
        self,
        root: tk.Tk,
        setup: Setup,
        chosen: Sequence[str],
        palette: Palette,
    ) -> None:
        self.root = root
        self._setup = setup
        self.looks = Looks(root, palette)
        self.panes: list[Pane] = []
        self._tracks: DualTrack | None = None  # of the last question, if two were asked it
        self._hides_thinking = False
        self._prepare_root()
        self._build_bar()
        self._row = ttk.Frame(root)
        self._row.rowconfigure(0, weight=1)
        self.composer = Composer(root, self.looks, self.ask)
        self._hint = ttk.Label(root, style="Muted.TLabel", anchor="w")
        self._arrange()
        for model in chosen[:2]:
            self._add_pane(model)
        self._keys = self._bind_keys()
        self._card = KeyCard(root, self.looks, self._keys)
        self._card.bind("<Button-1>", lambda event: self._card.toggle())
        put_first(root)
        self._hint.configure(text=described(root, [key for key in self._keys if key.is_hinted]))
        self._refresh()
        self.composer.take_focus()

    def ask(self, prompt: str) -> bool:
        """Ask all panes, once none is busy; until then the prompt stays in its box."""
        if not self._is_free or not prompt.strip():
            return False
        if len(self.panes) == 1:
            return self.panes[0].ask(prompt)
        asked = [(pane.conversation, pane.model or None) for pane in self.panes]
        self._tracks = ask_together(self._setup, prompt, asked)
        return True

    def pause_or_resume(self) -> None:
        """All that runs is paused; only if nothing runs, what is paused goes on."""
        running = [pane for pane in self.panes if pane.conversation.state is StreamState.ACTIVE]
        for pane in running or self.panes:
            if pane.conversation.is_running:
                pane.conversation.pause_or_resume()

    def stop(self) -> None:
        if self._card.winfo_ismapped():
            self._card.toggle()
        if self._tracks is not None:
            self._tracks.cancel_stream()
        for pane in self.panes:
            pane.conversation.stop()

    def go_on(self) -> None:
        for pane in self.panes:
            pane.go_on()

    def start_over(self) -> None:
        for pane in self.panes:
            pane.conversation.start_over()
        self.composer.take_focus()

    def compare(self) -> None:
        """Show a second pane beside the first, or take it away."""
        if len(self.panes) == 1:
            models, first = self._setup.models, self.panes[0].model
            self._add_pane(next((model for model in models if model != first), first))
        else:
            self.panes.pop().close()
            self._set_columns()
        self._refresh()

    def change_theme(self) -> None:
        self.looks.use(LIGHT if self.looks.palette.is_dark else DARK)
        self._refresh()

    def close(self) -> None:
        """Stop what runs, on the wire, and go."""
        for pane in self.panes:
            pane.conversation.close()
        self.root.destroy()

    def _prepare_root(self) -> None:
        root = self.root
        root.protocol("WM_DELETE_WINDOW", self.close)
        root.bind_class("TButton", "<Return>", lambda event: root.tk.call(event.widget, "invoke"))
        root.columnconfigure(0, weight=1)
        root.rowconfigure(1, weight=1)

    def _build_bar(self) -> None:
        px = self.looks.px
        self._bar = ttk.Frame(self.root)
        ttk.Label(self._bar, text="api_models", style="Title.TLabel").pack(side="left", padx=px(4))
        commands = (("Theme", self.change_theme), ("Compare", self.compare), ("New", self.start_over))
        self._buttons = {name: self._button(name, command) for name, command in commands}

    def _button(self, name: str, command: Callable[[], None]) -> ttk.Button:
        button = ttk.Button(self._bar, text=name, command=command, width=9)
        button.pack(side="right", padx=(self.looks.px(8), 0))
        return button

    def _arrange(self) -> None:
        gap = self.looks.px(14)
        self._bar.grid(row=0, column=0, sticky="ew", padx=gap, pady=(gap, 0))
        self._row.grid(row=1, column=0, sticky="nsew", padx=gap - self.looks.px(4), pady=self.looks.px(10))
        self.composer.grid(row=2, column=0, sticky="ew", padx=gap)
        self._hint.grid(
            row=3, column=0, sticky="ew", padx=gap + self.looks.px(4), pady=(self.looks.px(8), gap)
        )

    def _add_pane(self, model: str) -> None:
        pane = Pane(self._row, self.looks, self._setup, model, self._refresh)
        self.panes.append(pane)
        pane.grid(row=0, column=len(self.panes) - 1, sticky="nsew", padx=self.looks.px(4))
        pane.transcript.hide_thinking(self._hides_thinking)
        put_first(pane)
        self._set_columns()

    def _set_columns(self) -> None:
        """Columns of the same width for the panes that are there; none for the one that was."""
        for column in range(2):
            is_used = column < len(self.panes)
            self._row.columnconfigure(column, weight=int(is_used), uniform="pane" if is_used else "")
        self._make_room()

    def _toggle_card(self) -> None:
        self._card.toggle()

    def _make_room(self) -> None:
        """For the panes there are, as far as the screen has it."""
        px, root, panes = self.looks.px, self.root, len(self.panes)
        rooms = root.winfo_screenwidth(), root.winfo_screenheight()
        now = (root.winfo_width(), root.winfo_height()) if root.winfo_viewable() else (0, 0)
        wanted = [
            min(max(px(length), is_now), room)
            for length, is_now, room in zip(_SIZES[panes], now, rooms, strict=True)
        ]
        root.minsize(*map(px, _SMALLEST[panes]))
        if panes > 1 or not any(now):
            root.geometry("{}x{}".format(*wanted))

    def _bind_keys(self) -> list[Key]:
        keys = [
            Key("Return", "sends", None, is_hinted=True),
            Key("Shift-Return", "new line", None, is_hinted=True),
            Key("Escape", "stops", self.stop, is_hinted=True),
            Key("Mod-p", "pauses, resumes", self.pause_or_resume, is_hinted=True),
            Key("Mod-g", "continues an answer", self.go_on),
            Key("Mod-n", "new conversation", self.start_over),
            Key("Mod-b", "one pane or two", self.compare),
            Key("Mod-m", "chooses the model", lambda: self._pane_in_use().choose_model()),
            Key("Mod-Shift-c", "copies the answer", lambda: self._pane_in_use().copy()),
            Key("Mod-s", "saves the conversation", lambda: self._pane_in_use().save()),
            Key("Mod-t", "shows or hides thinking", self.toggle_thinking),
            Key("Mod-d", "light or dark", self.change_theme),
            Key("Mod-l", "writes the next prompt", self.composer.take_focus),
            Key("F1", "all keys", self._toggle_card, is_hinted=True),
            Key("Mod-q", "quits", self.close),
        ]
        for key in keys:
            bind(self.root, key)
        return keys

    def toggle_thinking(self) -> None:
        self._hides_thinking = not self._hides_thinking
        for pane in self.panes:
            pane.transcript.hide_thinking(self._hides_thinking)

    def _pane_in_use(self) -> Pane:
        """The pane with the focus, else the first."""
        focused = str(self.root.focus_get())
        return next((pane for pane in self.panes if focused.startswith(str(pane))), self.panes[0])

    def _refresh(self) -> None:
        """Say in the title what goes on, for who looks elsewhere, and offer what is possible."""
        titles = " | ".join(pane.title for pane in self.panes)
        self.root.title(f"{titles} - api_models")
        self.composer.allow_sending(self._is_free)
        self._buttons["Compare"].configure(text="One pane" if len(self.panes) > 1 else "Compare")
        self._buttons["Theme"].configure(text="Light" if self.looks.palette.is_dark else "Dark")

    @property
    def _is_free(self) -> bool:
        return not any(pane.conversation.is_running for pane in self.panes)
