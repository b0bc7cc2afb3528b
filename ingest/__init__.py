"""The light client: what a service that logs predictions imports."""

from .checks import EventError, uuid7
from .counters import Stats
from .events import Change, Outcome, Prediction, Source, Task
from .logger import DriftlineProcessor, configure, driftline_processors, render_json
from .model_logger import ModelLogger
from .privacy import Privacy, PrivacyError
from .shipper import Shipper
from .streams import Streams
from .watching import WatchOptions

__all__ = [
    "Change",
    "DriftlineProcessor",
    "EventError",
    "ModelLogger",
    "Outcome",
    "Prediction",
    "Privacy",
    "PrivacyError",
    "Shipper",
    "Source",
    "Stats",
    "Streams",
    "Task",
    "WatchOptions",
    "configure",
    "driftline_processors",
    "render_json",
    "uuid7",
]
