"""Answers that are objects: they grow while they stream, and are valid in the end."""

from .batch import StructuredBatch
from .batch_outcome import BatchOutcome
from .handler import StructuredHandler
from .partial import CompletePaths, Partial, Path
from .structured_stream import StructuredStream

__all__ = [
    "BatchOutcome",
    "CompletePaths",
    "Partial",
    "Path",
    "StructuredBatch",
    "StructuredHandler",
    "StructuredStream",
]
