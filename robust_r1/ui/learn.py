"""The Learn tab: what the method does, in five parts that can be tried.

Each part is a tab of its own with a module of its own; nothing is asked or drawn before it is
looked at.
"""

import gradio as gr

from robust_r1.engine import Engine
from robust_r1.ui.learn_anatomy import Anatomy
from robust_r1.ui.learn_api import LearnEndpoints
from robust_r1.ui.learn_game import BeatTheModel
from robust_r1.ui.learn_method import Method
from robust_r1.ui.learn_rewards import Playground
from robust_r1.ui.learn_story import Story


class Learn:
    """Lay out and wire the Learn tab; make one inside its `gr.Tab`, which is `tab`."""

    def __init__(self, page: gr.Blocks, tab: gr.Tab, engines: tuple[Engine, ...]) -> None:
        with gr.Tabs(elem_id="learn-tabs"):
            with gr.Tab("Degradations", id="learn-method"):
                Method(tab)
            with gr.Tab("Anatomy of a chain", id="learn-anatomy"):
                Anatomy(page, engines)
            with gr.Tab("Rewards", id="learn-rewards") as rewards:
                Playground(rewards, engines)
            with gr.Tab("Training", id="learn-story"):
                Story(page, engines)
            with gr.Tab("Beat the model", id="learn-game") as game:
                BeatTheModel(page, game, engines)
        LearnEndpoints(engines)
