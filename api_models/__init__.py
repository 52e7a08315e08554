"""Stream answers of language models to your handlers, from ordinary synchronous Python."""

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
from .handlers.console import ConsoleHandler
from .model_manager import APIModelManager
from .stages.batch import batch
from .stages.combine import combine
from .stages.emulate import emulate_stream
from .stages.pace import smooth, throttle
from .stages.recut import recut
from .stages.stage import Stage, compose
from .stages.transform import filter_text, flat_map_text, map_text, tee
from .stages.until import take_until
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

__version__ = "0.1.0"

__all__ = [
    "APIModelError",
    "APIModelManager",
    "AuthenticationError",
    "CircuitOpenError",
    "ConfigurationError",
    "ConsoleHandler",
    "ContextLengthError",
    "HandlerError",
    "InvalidRequestError",
    "MalformedResponseError",
    "PolicyViolationError",
    "ProviderConnectionError",
    "ProviderError",
    "ProviderUnavailableError",
    "RateLimitError",
    "ResetNotice",
    "RetryNotice",
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
    "StreamManager",
    "StreamPaused",
    "StreamProcessor",
    "StreamProgress",
    "StreamQuiet",
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
    "StructuredOutputError",
    "ThinkingReceived",
    "TokenReceived",
    "TokenUsage",
    "ToolCall",
    "ToolCallReceived",
    "batch",
    "combine",
    "compose",
    "emulate_stream",
    "filter_text",
    "flat_map_text",
    "map_text",
    "recut",
    "smooth",
    "take_until",
    "tee",
    "throttle",
]
