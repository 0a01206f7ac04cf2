"""Put the page together."""

import time
from collections.abc import Iterator, Sequence

import gradio as gr

from robust_r1.ask.cache import AnswerCache
from robust_r1.ask.kept_pictures import KeptPictures
from robust_r1.engine import Engine
from robust_r1.engine.lazy import LazyEngine
from robust_r1.markup import escape
from robust_r1.ui.analyze.tab import Analyze
from robust_r1.ui.api.analyses import AnalysisEndpoints
from robust_r1.ui.api.ask import Endpoints
from robust_r1.ui.api.learn import LearnEndpoints
from robust_r1.ui.api.perceive import PerceiveEndpoint
from robust_r1.ui.compare.tab import Compare
from robust_r1.ui.explore.tab import Explore
from robust_r1.ui.learn.game import build_memory
from robust_r1.ui.learn.tab import Learn
from robust_r1.ui.shortcuts import keys_list, keys_script
from robust_r1.ui.sweep.tab import SweepTab
from robust_r1.ui.visitors import Visitors
from robust_r1.ui.widgets.changed import changed_script
from robust_r1.ui.widgets.drop import drop_script
from robust_r1.ui.widgets.job import ActiveAnswers
from robust_r1.ui.widgets.layout import PRIVATE, QUIET, html
from robust_r1.ui.widgets.links import open_tab
from robust_r1.ui.widgets.names import names_script
from robust_r1.ui.widgets.presenter import build_presenter_button, presenter_script
from robust_r1.ui.widgets.share import Share
from robust_r1.ui.widgets.touch import touch_script

TITLE = "Robust-R1"
# Seconds between two cleanings of Gradio's cache, and the age from which a file is removed: each
# preview is a file, and nobody looks at yesterday's.
_CACHE = (900, 7200)
# More waiting questions than this mean that something is wrong; the next visitor is told at once.
_QUEUE = 64
_LOOK = 0.5  # seconds between looks at models that are loading
_SWITCH_THEME = "() => { document.body.classList.toggle('dark'); }"


def build_ui(
    engines: Sequence[Engine], kept: KeptPictures | None = None, visitors: Visitors | None = None
) -> gr.Blocks:
    """Build the page for these models, the first one chosen at the start.

    Launch it with `launch_arguments()`. The engines stay with the caller, who closes them. `kept`
    keeps the pictures of links, where the operator wants that; `visitors` are this computer's users
    where nothing else is said.
    """
    engines, visitors = tuple(engines), visitors or Visitors()
    active = ActiveAnswers()
    answers = AnswerCache()
    with gr.Blocks(
        title=TITLE, analytics_enabled=False, fill_width=True, delete_cache=_CACHE
    ) as page:
        _build_header(page, engines)
        share = Share(page, kept)
        held = gr.State(None)  # the case in Explore, which the other tabs can take over
        memory = build_memory()
        with gr.Tabs(elem_id="tabs") as tabs:
            with gr.Tab("Explore", id="explore") as explore_tab:
                explore = Explore(page, engines, active, share, held)
            with gr.Tab("Compare", id="compare") as compare_tab:
                compare = Compare(page, engines, answers, share, held)
            with gr.Tab("Sweep", id="sweep") as sweep_tab:
                sweep = SweepTab(page, engines, answers, share, held)
            with gr.Tab("Analyze", id="analyze") as analyze:
                Analyze(page, analyze, engines, active, share, visitors)
            with gr.Tab("Learn", id="learn") as learn:
                Learn(page, learn, engines, share, held, memory)
        # The address is that of the tab in sight.
        explore.follow_after(explore_tab.select)
        compare.follow_after(compare_tab.select)
        sweep.follow_after(sweep_tab.select)
        opened = {"compare": compare.opened, "sweep": sweep.opened}
        compare_shown, sweep_shown = open_tab(page, tabs, opened)
        # The first pictures, with the values that their fields came in sight with.
        compare.preview_after(compare_shown.then)
        sweep.preview_after(sweep_shown.then)
        Endpoints(engines, active)
        AnalysisEndpoints(engines, active, answers)
        LearnEndpoints(engines)
        PerceiveEndpoint(engines, active)
    page.queue(max_size=_QUEUE, default_concurrency_limit=4)
    return page


def _build_header(page: gr.Blocks, engines: tuple[Engine, ...]) -> None:
    """Lay out the page's head: its name, what it is for, and why this model answers."""
    with gr.Row(elem_classes="rr-top", equal_height=True):
        html(
            '<header class="rr-head"><h1>Robust-R1</h1><p>Degrade a picture, ask about it, and '
            f"watch the model reason through the damage.</p>{keys_list()}</header>",
            scale=1,
        )
        build_presenter_button()
        theme = gr.Button("Light or dark", size="sm", min_width=110, scale=0, elem_id="theme")
    notes = html(_notes(engines), elem_id="notes")
    theme.click(None, None, None, js=_SWITCH_THEME, **PRIVATE)
    for script in (keys_script(), touch_script(), changed_script(), presenter_script(),
                   drop_script(), names_script()):
        page.load(None, None, None, js=script, **PRIVATE)

    def announce() -> Iterator[str]:
        """Show the engines' notes, also while they are loaded and once more at the end."""
        shown = _notes(engines)
        yield shown
        waiting = [engine for engine in engines if isinstance(engine, LazyEngine)]
        while any(engine.loading for engine in waiting):
            time.sleep(_LOOK)
            if (notes := _notes(engines)) != shown:
                shown = notes
                yield shown
        yield _notes(engines)

    page.load(announce, None, notes, concurrency_limit=None, **QUIET)


def _notes(engines: tuple[Engine, ...]) -> str:
    notes = dict.fromkeys(engine.note for engine in engines if engine.note)
    return "".join(f'<p class="rr-note">{escape(note)}</p>' for note in notes)
