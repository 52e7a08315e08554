"""Answers that are objects: they grow while they stream, and are valid in the end."""

from .handler import StructuredHandler
from .partial import CompletePaths, Partial, Path
from .structured_stream import StructuredStream

__all__ = ["CompletePaths", "Partial", "Path", "StructuredHandler", "StructuredStream"]
