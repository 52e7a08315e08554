"""Stages: an iterator of chunks in, an iterator of chunks out."""

from .stage import Stage, TextStage, TextState, compose
from .staged_source import StagedSource

__all__ = ["Stage", "StagedSource", "TextStage", "TextState", "compose"]
