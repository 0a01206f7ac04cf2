"""The page."""

from robust_r1.engine.pool import open_models, start_loading
from robust_r1.engine.zerogpu import open_on_zero_gpu
from robust_r1.ui.page import build_ui
from robust_r1.ui.theme import launch_arguments

__all__ = ["build_ui", "launch_arguments", "open_models", "open_on_zero_gpu", "start_loading"]
