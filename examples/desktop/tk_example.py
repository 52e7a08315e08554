"""A window in thirty lines: a handler that touches widgets, safely, by way of a Pump. Escape stops."""

import tkinter as tk

from api_models import APIModelManager, Pump, StreamHandler, StreamManager


class Window(StreamHandler):
    """Hears on the thread of its window, because that is where the pump drains."""

    def __init__(self, root, manager):
        self.manager, self.stream, self.pump = manager, StreamManager(), Pump(self)
        self.pump.attach_tk(root)
        self.entry, self.text = tk.Entry(root), tk.Text(root, wrap="word")
        self.entry.pack(fill="x")
        self.text.pack(fill="both", expand=True)
        self.entry.bind("<Return>", self.ask)
        self.entry.focus_set()
        root.bind("<Escape>", lambda event: self.stream.cancel_stream())

    def ask(self, event):
        self.stream.cancel_stream()
        prompt, handlers = self.entry.get(), [self.pump]
        self.stream = self.manager.generate_stream_with_handlers(prompt, "local", handlers=handlers)

    def on_stream_start(self, metadata):
        self.text.delete("1.0", "end")

    def on_token_received(self, token, index):
        self.text.insert("end", token)
        self.text.see("end")

    def on_stream_error(self, error):
        self.text.insert("end", f"\n[{error}]")


with APIModelManager() as manager:
    window = tk.Tk()
    Window(window, manager)
    window.mainloop()
