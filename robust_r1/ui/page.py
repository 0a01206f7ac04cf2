"""Put the page together."""

from collections.abc import Sequence

import gradio as gr

from robust_r1.analysis import AnswerCache
from robust_r1.engine import Engine
from robust_r1.ui.analyze.tab import Analyze
from robust_r1.ui.api.analyses import AnalysisEndpoints
from robust_r1.ui.api.ask import Endpoints
from robust_r1.ui.compare.tab import Compare
from robust_r1.ui.explore.tab import Explore
from robust_r1.ui.learn.tab import Learn
from robust_r1.ui.sweep.tab import SweepTab
from robust_r1.ui.widgets.active_answers import Runs
from robust_r1.ui.widgets.layout import build_header
from robust_r1.ui.widgets.links import open_tab

TITLE = "Robust-R1"
# Seconds between two cleanings of Gradio's cache, and the age from which a file is removed: each
# preview is a file, and nobody looks at yesterday's.
_CACHE = (900, 7200)
# More waiting questions than this mean that something is wrong; the next visitor is told at once.
_QUEUE = 64


def build_ui(engines: Sequence[Engine]) -> gr.Blocks:
    """Build the page for these models, the first one chosen at the start.

    Launch it with `launch_arguments()`. The engines stay with the caller, who closes them.
    """
    engines = tuple(engines)
    runs = Runs()
    answers = AnswerCache()
    with gr.Blocks(
        title=TITLE, analytics_enabled=False, fill_width=True, delete_cache=_CACHE
    ) as page:
        build_header(page, engines)
        with gr.Tabs(elem_id="tabs") as tabs:
            with gr.Tab("Explore", id="explore"):
                Explore(page, engines, runs)
            with gr.Tab("Compare", id="compare"):
                compare = Compare(page, engines, answers)
            with gr.Tab("Sweep", id="sweep"):
                sweep = SweepTab(page, engines, answers)
            with gr.Tab("Analyze", id="analyze") as analyze:
                Analyze(page, analyze, engines, runs)
            with gr.Tab("Learn", id="learn") as learn:
                Learn(page, learn, engines)
        opened = {"compare": compare.opened, "sweep": sweep.opened}
        for tab, shown in zip((compare, sweep), open_tab(page, tabs, opened), strict=True):
            tab.look_after(shown.then)  # with the values that its fields came in sight with
        Endpoints(engines, runs)
        AnalysisEndpoints(engines, runs, answers)
    page.queue(max_size=_QUEUE, default_concurrency_limit=4)
    return page
