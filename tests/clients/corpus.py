"""The recorded answers of real providers, kept beside the checkout, and what each must come to."""

from __future__ import annotations

import importlib.util
import json
import os
import random
import sys
from pathlib import Path

import pytest

SHARED = Path(__file__).parents[3] / "shared"
WIRE = SHARED / "wire"


def _missing(reason):
    if os.environ.get("CI"):
        raise FileNotFoundError(reason)
    pytest.skip(reason, allow_module_level=True)


def _load(name):
    path = SHARED / "accept_wire" / f"{name}.py"
    if not path.is_file():
        _missing(f"the recordings are not beside this checkout: no {path}")
    spec = importlib.util.spec_from_file_location(f"corpus_{name}", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # its dataclasses look themselves up there
    spec.loader.exec_module(module)
    return module


rulings = _load("rulings")
server = _load("server")


def entries(errors=False):
    """The recordings, or the recorded HTTP errors, as the manifest lists them."""
    listed = json.loads((WIRE / "manifest.json").read_text(encoding="utf-8"))["recordings"]
    found = [entry for entry in listed if entry["file"].startswith("errors/") == errors]
    return [each for each in found if errors or not rulings.is_generate(each, WIRE / each["file"])]


def body_of(entry):
    return (WIRE / entry["file"]).read_bytes()


def is_ndjson(entry):
    return entry["file"].endswith(".ndjson")


def cut(entry, chunking):
    """The body in the pieces of a chunking: whole, bytes, random, events."""
    return server.cut(body_of(entry), chunking, entry["file"], is_ndjson(entry))


def cut_short(entry):
    """The body without its end marker and what stands behind it; None where it has none."""
    events = server.split_events(body_of(entry), is_ndjson(entry))
    ends = [at for at, event in enumerate(events) if rulings.is_end(entry["api"], event)]
    return b"".join(events[: ends[0]]) if ends else None


def shuffled(entry, count):
    """Random pieces of the body, others at every number."""
    body, rng, at = body_of(entry), random.Random(f"{entry['file']}{count}"), 0
    while at < len(body):
        size = rng.randint(1, 200)
        yield body[at : at + size]
        at += size
