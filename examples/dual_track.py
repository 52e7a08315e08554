"""Several models at once: the local model and a paced server, in every mode. Needs no key.

Draws a race, as it really was, into the file named as the first argument.
"""

import sys
import time
from pathlib import Path

from api_models import APIModelManager, StreamHandler, consensus, merge, race
from api_models.testing import Provider, Reply, chat

PROMPT = "Name three colours."
TEXTS = ["Three ", "colours ", "are ", "red, ", "green ", "and ", "blue. ", "Each ", "is ", "primary."]
ANSWER = Reply(chat(TEXTS), pace=0.03)


class Times(StreamHandler):
    """When each token of one track came."""

    def __init__(self):
        self.at, self.ended = [], None

    def on_token_received(self, token, index):
        self.at.append(time.monotonic())

    def on_stream_complete(self, full_response):
        self.ended = time.monotonic(), "has won"

    def on_stream_cancelled(self, partial_response):
        self.ended = time.monotonic(), "is closed"


def drawn(tracks, begun):
    """A line for each track: a mark for each token, and what became of it."""
    last = max(times.ended[0] for times in tracks.values())
    shapes, scale = [], 560 / (last - begun)
    for row, (name, times) in enumerate(tracks.items()):
        y, end = 40 + 34 * row, 90 + (times.ended[0] - begun) * scale
        shapes.append(f'<text x="8" y="{y + 4}">{name}</text><path d="M90 {y}H{end:.1f}" stroke="#8c959f"/>')
        shapes += [
            f'<circle cx="{90 + (at - begun) * scale:.1f}" cy="{y}" r="3.5" fill="#0969da"/>'
            for at in times.at
        ]
        shapes.append(f'<text x="{end + 8:.1f}" y="{y + 4}">{times.ended[1]}</text>')
    shapes.append(f'<text x="90" y="{40 + 34 * len(tracks)}">0 to {1000 * (last - begun):.0f} ms</text>')
    style = "text { font: 13px sans-serif; fill: #57606a }"
    box = f'xmlns="http://www.w3.org/2000/svg" viewBox="0 0 740 {56 + 34 * len(tracks)}"'
    return f"<svg {box}><style>{style}</style>{''.join(shapes)}</svg>\n"


with Provider(ANSWER) as server:
    lab = {"kind": "openai_compatible", "base_url": server.url + "/v1", "model": "paced"}
    with APIModelManager({"providers": {"lab": lab}}) as manager:
        manager.generate("Hello", "local", {"max_tokens": 1})  # the model is loaded when the race begins
        modes = {
            "race": race(until="sentence"),
            "prefer": "prefer",
            "merge": merge("sentence"),
            "compare": "compare",
            "consensus": consensus(lambda results: max(results.values(), key=lambda one: len(one.text))),
        }
        for name, mode in modes.items():
            tracks = manager.generate_tracks(PROMPT, ["lab", "local"], mode, {"max_tokens": 24})
            print(f"{name}: {len(tracks.result().text)} characters, of {tracks.shown or 'all'}")
        print(tracks.compare())

        heard, begun = {"lab": Times(), "local": Times()}, time.monotonic()
        tracks = manager.generate_tracks(PROMPT, ["lab", "local"], race(until="sentence"), {"max_tokens": 60})
        for name, times in heard.items():
            tracks.tracks[name].register_handler(times)
        tracks.wait()
        if sys.argv[1:]:
            Path(sys.argv[1]).write_text(drawn(heard, begun), encoding="utf-8")
