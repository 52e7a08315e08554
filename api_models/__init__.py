"""Stream answers of language models to your handlers, from ordinary synchronous Python."""

from typing import TYPE_CHECKING, Any

from .exceptions import (
    APIModelError,
    AuthenticationError,
    CircuitOpenError,
    ConfigurationError,
    ContextLengthError,
    InvalidRequestError,
    MalformedResponseError,
    PolicyViolationError,
    ProviderConnectionError,
    ProviderError,
    ProviderUnavailableError,
    RateLimitError,
    StructuredOutputError,
)
from .model_manager import APIModelManager
from .on_demand import load as _load
from .streaming.exceptions import (
    HandlerError,
    StreamCancelledError,
    StreamingError,
    StreamInterruptedError,
    StreamStateError,
    StreamTimeoutError,
)
from .streaming.stream_config import StreamConfig
from .streaming.stream_events import (
    ResetNotice,
    RetryNotice,
    StreamCancelled,
    StreamChunk,
    StreamCompleted,
    StreamEvent,
    StreamFailed,
    StreamPaused,
    StreamProgress,
    StreamQuiet,
    StreamReset,
    StreamResult,
    StreamResumed,
    StreamRetrying,
    StreamStarted,
    ThinkingReceived,
    TokenReceived,
    TokenUsage,
    ToolCall,
    ToolCallReceived,
)
from .streaming.stream_handler import StreamHandler
from .streaming.stream_manager import StreamManager
from .streaming.stream_processor import StreamProcessor
from .streaming.stream_source import StreamSource
from .streaming.stream_state import StreamState

if TYPE_CHECKING:
    from .dual_track.agreement import most_alike
    from .dual_track.compare import compare
    from .dual_track.comparison import Comparison, TrackFigures
    from .dual_track.consensus import consensus
    from .dual_track.dual_track import DualTrack
    from .dual_track.merge import merge
    from .dual_track.prefer import prefer
    from .dual_track.race import race
    from .dual_track.side_by_side import side_by_side
    from .dual_track.switches import TrackSwitch, TrackText
    from .handlers.background import BackgroundHandler
    from .handlers.console import ConsoleHandler
    from .handlers.keys import StreamKeys
    from .handlers.progress import ProgressTracker
    from .handlers.progress_event import ProgressEvent, ProgressType
    from .handlers.progress_handler import ProgressHandler
    from .handlers.progress_item import ProgressItem
    from .handlers.pump import Pump
    from .handlers.recording import StreamRecording
    from .handlers.rich_handler import RichHandler
    from .stages.batch import batch
    from .stages.combine import combine
    from .stages.emulate import emulate_stream
    from .stages.pace import smooth, throttle
    from .stages.policies import (
        ban_phrases,
        cap_length,
        json_only,
        judge_text,
        redact,
        redact_emails,
        redact_keys,
        require_prefix,
    )
    from .stages.policy import Block, Replace, StreamPolicy
    from .stages.policy_chain import PolicyChain, ReplacedText
    from .stages.recut import recut
    from .stages.stage import Stage, compose
    from .stages.transform import filter_text, flat_map_text, map_text, tee
    from .stages.until import take_until
    from .structured.batch import StructuredBatch
    from .structured.batch_outcome import BatchOutcome
    from .structured.handler import StructuredHandler
    from .structured.partial import Partial
    from .structured.structured_stream import StructuredStream

__version__ = "0.1.0"

# What not every program needs is loaded when it is first asked for: `import api_models` stays quick.
_ON_DEMAND = {
    ".dual_track.agreement": "most_alike",
    ".dual_track.compare": "compare",
    ".dual_track.comparison": "Comparison TrackFigures",
    ".dual_track.consensus": "consensus",
    ".dual_track.dual_track": "DualTrack",
    ".dual_track.merge": "merge",
    ".dual_track.prefer": "prefer",
    ".dual_track.race": "race",
    ".dual_track.side_by_side": "side_by_side",
    ".dual_track.switches": "TrackSwitch TrackText",
    ".handlers.background": "BackgroundHandler",
    ".handlers.console": "ConsoleHandler",
    ".handlers.keys": "StreamKeys",
    ".handlers.progress": "ProgressTracker",
    ".handlers.progress_event": "ProgressEvent ProgressType",
    ".handlers.progress_handler": "ProgressHandler",
    ".handlers.progress_item": "ProgressItem",
    ".handlers.pump": "Pump",
    ".handlers.recording": "StreamRecording",
    ".handlers.rich_handler": "RichHandler",
    ".stages.batch": "batch",
    ".stages.combine": "combine",
    ".stages.emulate": "emulate_stream",
    ".stages.pace": "smooth throttle",
    ".stages.policies": "ban_phrases cap_length json_only judge_text "
    "redact redact_emails redact_keys require_prefix",
    ".stages.policy": "Block Replace StreamPolicy",
    ".stages.policy_chain": "PolicyChain ReplacedText",
    ".stages.recut": "recut",
    ".stages.stage": "Stage compose",
    ".stages.transform": "filter_text flat_map_text map_text tee",
    ".stages.until": "take_until",
    ".structured.batch": "StructuredBatch",
    ".structured.batch_outcome": "BatchOutcome",
    ".structured.handler": "StructuredHandler",
    ".structured.partial": "Partial",
    ".structured.structured_stream": "StructuredStream",
}

__all__ = [
    "APIModelError",
    "APIModelManager",
    "AuthenticationError",
    "BackgroundHandler",
    "BatchOutcome",
    "Block",
    "CircuitOpenError",
    "Comparison",
    "ConfigurationError",
    "ConsoleHandler",
    "ContextLengthError",
    "DualTrack",
    "HandlerError",
    "InvalidRequestError",
    "MalformedResponseError",
    "Partial",
    "PolicyChain",
    "PolicyViolationError",
    "ProgressEvent",
    "ProgressHandler",
    "ProgressItem",
    "ProgressTracker",
    "ProgressType",
    "ProviderConnectionError",
    "ProviderError",
    "ProviderUnavailableError",
    "Pump",
    "RateLimitError",
    "Replace",
    "ReplacedText",
    "ResetNotice",
    "RetryNotice",
    "RichHandler",
    "Stage",
    "StreamCancelled",
    "StreamCancelledError",
    "StreamChunk",
    "StreamCompleted",
    "StreamConfig",
    "StreamEvent",
    "StreamFailed",
    "StreamHandler",
    "StreamInterruptedError",
    "StreamKeys",
    "StreamManager",
    "StreamPaused",
    "StreamPolicy",
    "StreamProcessor",
    "StreamProgress",
    "StreamQuiet",
    "StreamRecording",
    "StreamReset",
    "StreamResult",
    "StreamResumed",
    "StreamRetrying",
    "StreamSource",
    "StreamStarted",
    "StreamState",
    "StreamStateError",
    "StreamTimeoutError",
    "StreamingError",
    "StructuredBatch",
    "StructuredHandler",
    "StructuredOutputError",
    "StructuredStream",
    "ThinkingReceived",
    "TokenReceived",
    "TokenUsage",
    "ToolCall",
    "ToolCallReceived",
    "TrackFigures",
    "TrackSwitch",
    "TrackText",
    "ban_phrases",
    "batch",
    "cap_length",
    "combine",
    "compare",
    "compose",
    "consensus",
    "emulate_stream",
    "filter_text",
    "flat_map_text",
    "json_only",
    "judge_text",
    "map_text",
    "merge",
    "most_alike",
    "prefer",
    "race",
    "recut",
    "redact",
    "redact_emails",
    "redact_keys",
    "require_prefix",
    "side_by_side",
    "smooth",
    "take_until",
    "tee",
    "throttle",
]


def __getattr__(name: str) -> Any:
    return _load(__name__, _ON_DEMAND, name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
