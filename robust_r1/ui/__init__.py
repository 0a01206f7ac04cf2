"""The page."""

from robust_r1.ui.page import build_ui
from robust_r1.ui.shelf import open_models, start_loading
from robust_r1.ui.theme import launch_arguments
from robust_r1.ui.zero import open_on_zero_gpu

__all__ = ["build_ui", "launch_arguments", "open_models", "open_on_zero_gpu", "start_loading"]
