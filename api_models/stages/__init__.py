"""Who changes: stages and policies between a source and its stream, emulated sources, several at once."""

from .batch import batch
from .combine import Combined, Tagged, combine
from .emulate import emulate_stream, windows
from .pace import smooth, throttle
from .policies import (
    ban_phrases,
    cap_length,
    json_only,
    judge_text,
    redact,
    redact_emails,
    redact_keys,
    require_prefix,
)
from .policy import Block, Judge, Replace, StreamPolicy
from .policy_chain import PolicyChain, ReplacedText
from .recut import recut
from .stage import Stage, TextStage, TextState, compose
from .staged_source import StagedSource
from .transform import filter_text, flat_map_text, map_text, tee
from .until import take_until

__all__ = [
    "Block",
    "Combined",
    "Judge",
    "PolicyChain",
    "Replace",
    "ReplacedText",
    "Stage",
    "StagedSource",
    "StreamPolicy",
    "Tagged",
    "TextStage",
    "TextState",
    "ban_phrases",
    "batch",
    "cap_length",
    "combine",
    "compose",
    "emulate_stream",
    "filter_text",
    "flat_map_text",
    "json_only",
    "judge_text",
    "map_text",
    "recut",
    "redact",
    "redact_emails",
    "redact_keys",
    "require_prefix",
    "smooth",
    "take_until",
    "tee",
    "throttle",
    "windows",
]
