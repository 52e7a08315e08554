"""Stages: change the text on its way, and put several answers together. Needs no model."""

from api_models import (
    APIModelManager,
    ConsoleHandler,
    combine,
    emulate_stream,
    map_text,
    recut,
    smooth,
    take_until,
)


class Parrot:
    """A client of a model that cannot stream."""

    def generate_stream(self, prompt, params):
        return emulate_stream(
            lambda: f"{prompt}! {prompt}! {prompt}? And now for something else.", chunk_size=5
        )


stages = [take_until("?", inclusive=True), recut("word"), map_text(str.upper), smooth()]
with APIModelManager() as manager:
    manager.register_provider("parrot", lambda entry: Parrot())
    stream = manager.generate_stream_with_handlers(
        "Hello", "parrot", handlers=[ConsoleHandler()], stages=stages
    )
    stream.result()

    several = {name: manager.generate_stream_with_handlers(name, "parrot") for name in ("Ann", "Bob")}
    for source, text in combine({name: recut("sentence")(one) for name, one in several.items()}, "sequence"):
        print(f"{source:>4} | {text}")
