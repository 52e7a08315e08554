"""Pause, resume and cancel from another thread, as a window's buttons would."""

import threading

from api_models import APIModelManager, StreamHandler


class Screen(StreamHandler):
    def __init__(self):
        self.seen = threading.Semaphore(0)

    def on_token_received(self, token, index):
        print(token, end="", flush=True)
        self.seen.release()

    def on_stream_paused(self):
        print(" [paused] ", end="", flush=True)

    def on_stream_resumed(self):
        print(" [resumed] ", end="", flush=True)

    def on_stream_cancelled(self, partial_response):
        print(f"\n[stopped with {len(partial_response)} characters in hand]")


def press_buttons(stream, screen):
    for button in (stream.pause_stream, stream.resume_stream, stream.cancel_stream):
        if button != stream.resume_stream:
            for _ in range(5):  # five more tokens, then the next button
                screen.seen.acquire(timeout=10)
        button()


screen = Screen()
with APIModelManager() as manager:
    stream = manager.generate_stream_with_handlers(
        "Tell me a story about a lighthouse.", "local", {"max_tokens": 200}, [screen]
    )
    user = threading.Thread(target=press_buttons, args=(stream, screen))
    user.start()
    stream.wait()
    user.join()
    print(stream.get_stream_status()["state"])
