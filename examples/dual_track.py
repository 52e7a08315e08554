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
    """A line for each track: a mark for each token, and what became of it; below them the time."""
    last, bottom = max(times.ended[0] for times in tracks.values()), 22 + 34 * len(tracks)
    scale = 540 / (last - begun)
    shapes = [f'<rect width="740" height="{bottom + 34}" rx="8" fill="#fff"/>']
    for tick in range(0, int(1000 * (last - begun)) + 1, 100):
        x = 90 + tick / 1000 * scale
        shapes.append(f'<path d="M{x:.1f} 16V{bottom}" stroke="#d0d7de"/>')
        shapes.append(f'<text x="{x:.1f}" y="{bottom + 18}" text-anchor="middle">{tick} ms</text>')
    for row, (name, times) in enumerate(tracks.items()):
        y, end = 40 + 34 * row, 90 + (times.ended[0] - begun) * scale
        shapes.append(f'<text x="8" y="{y + 4}">{name}</text><path d="M90 {y}H{end:.1f}" stroke="#8c959f"/>')
        shapes += [
            f'<circle cx="{90 + (at - begun) * scale:.1f}" cy="{y}" r="3.5" fill="#0969da"/>'
            for at in times.at
        ]
        shapes.append(f'<path d="M{end:.1f} {y - 7}V{y + 7}" stroke="#57606a" stroke-width="2"/>')
        shapes.append(f'<text x="{end + 8:.1f}" y="{y + 4}" class="end">{times.ended[1]}</text>')
    style = "text { font: 13px sans-serif; fill: #57606a } .end { font-weight: bold; fill: #1f2328 }"
    box = f'xmlns="http://www.w3.org/2000/svg" viewBox="0 0 740 {bottom + 34}"'
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
