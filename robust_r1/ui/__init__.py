"""The page."""

from robust_r1.engine.pool import open_models, start_loading
from robust_r1.engine.zerogpu import open_on_zero_gpu
from robust_r1.ui.page import build_ui
from robust_r1.ui.theme import launch_arguments
from robust_r1.ui.visitors import Visitors

__all__ = [
    "Visitors", "build_ui", "launch_arguments", "open_models", "open_on_zero_gpu", "start_loading",
]
