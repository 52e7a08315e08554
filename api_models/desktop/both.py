"""Two conversations that are asked the same at once, whatever toolkit draws them."""

from __future__ import annotations

from collections.abc import Sequence

from ..dual_track.dual_track import DualTrack
from ..exceptions import APIModelError
from .conversation import Conversation, Setup

Asked = Sequence[tuple[Conversation, str | None]]
"""Conversations, and which model each is to ask."""


def ask_together(setup: Setup, prompt: str, asked: Asked) -> DualTrack | None:
    """Put the question to all, each behind what was said in it before; the tracks that answer.

    Each conversation pauses, stops and goes on by itself, as ever. None, if one cannot be asked: then each
    asks alone, and says what is wrong.
    """
    names = [str(number) for number in range(len(asked))]
    prompts = {name: one.put(prompt) for name, (one, _) in zip(names, asked, strict=True)}
    try:
        tracks = setup.manager.generate_tracks(
            {name: messages or [] for name, messages in prompts.items()},
            {name: model for name, (_, model) in zip(names, asked, strict=True)},
            "compare",
            setup.params,
            track_handlers={name: [one.pump] for name, (one, _) in zip(names, asked, strict=True)},
            serialise=False,  # who has to wait is seen to wait, and can be stopped
        )
    except APIModelError:  # a missing key, most likely
        for one, model in asked:
            one.answer_with(model)
        return None
    for (one, model), stream in zip(asked, tracks.tracks.values(), strict=True):
        one.answer_with(model, stream)
    return tracks
