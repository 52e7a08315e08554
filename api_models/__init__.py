from .streaming.stream_config import StreamConfig
from .streaming.stream_events import *
from .streaming.stream_handler import StreamHandler
from .streaming.stream_manager import StreamManager
from .streaming.stream_processor import StreamProcessor

APIModelManager = None
