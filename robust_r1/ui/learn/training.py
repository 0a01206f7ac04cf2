"""Learn, fourth part: one question to every stage of the training, side by side."""

from collections.abc import Iterator, Mapping, Sequence

import gradio as gr
from gradio.components import Component

from robust_r1.ask.pipeline import Outcome, ask_through, finished
from robust_r1.engine import Engine, catalog
from robust_r1.markup import escape
from robust_r1.ui.learn.cases import lesson_case
from robust_r1.ui.learn.menus import build_case_menu, read_case
from robust_r1.ui.learn.views import case_view, findings_table
from robust_r1.ui.widgets.chain import chain_cards, idle_line, problems_list, section_card
from robust_r1.ui.widgets.job import Job, progress_line
from robust_r1.ui.widgets.layout import Updates, Values, html
from robust_r1.ui.widgets.scores import REWARDS, number

_LIMIT = 200
_STEPS = (
    ("1. Base", "Pictures and answers: it learns to look and to answer, and says no more."),
    ("2. Supervised fine-tuning (SFT)", "True chains on a quarter of the data: it learns to write "
     "the five sections, word by word like its examples."),
    ("3. Reinforcement learning (RL)", "Eight chains of its own for each question, judged by the "
     "rewards; what did better than the others becomes likelier (GRPO)."),
)


class TrainingStory:
    """Lay out and wire the story of the training: each stage's model answers the same question."""

    def __init__(self, page: gr.Blocks, engines: tuple[Engine, ...]) -> None:
        self.engines = in_order_of_training(engines)
        steps = "".join(f"<li><b>{name}</b> {words}</li>" for name, words in _STEPS)
        html(f'<ol class="rr-steps">{steps}</ol>{_present(self.engines)}')
        with gr.Row(elem_classes="rr-learn-bar"):
            self.case = build_case_menu("story-case")
        self.job = Job(
            "story", "Ask each of them", "All are asked the same about the same picture."
        )
        self.shown = html(elem_id="story-case-view")
        self.view = html(elem_id="story-view")
        self.job.wire(
            page, lambda values: None, self._ask, self.described, {self.shown, self.view}
        )

    @property
    def described(self) -> set[Component]:
        """Return the components that `describe` reads."""
        return {self.case}

    @property
    def opened(self) -> set[Component]:
        """Return the components that `open` writes to."""
        return self.described

    def describe(self, values: Values) -> dict[str, str]:
        """Return what a link says about this part."""
        return {"case": values[self.case]}

    def open(self, link: Mapping[str, str]) -> Updates:
        """Return the updates that show what a link says."""
        return {self.case: read_case(link)}

    def _ask(self, values: Values, request: gr.Request) -> Iterator[Updates]:
        case, total = lesson_case(values[self.case]).case, len(self.engines)
        told: list[tuple[Engine, Outcome]] = []
        with self.job.active.begin(request.session_hash) as stop:
            shown = case_view(self.engines[0], case, self.shown.GRADIO_CACHE)
            yield {**self.job.begun(), self.shown: shown, self.view: ""}
            for engine in self.engines:
                yield {self.job.status: progress_line(len(told), total, engine.info.label)}
                outcome = ask_through(engine, case, stop)
                if outcome is None:
                    yield {self.job.status: idle_line("Stopped.")}
                    return
                told.append((engine, outcome))
                yield {self.view: story_view(told)}
        yield {self.job.status: progress_line(total, total, "Complete.")}


def in_order_of_training(engines: Sequence[Engine]) -> tuple[Engine, ...]:
    """Return the bundled ones among the engines, least trained first; all, if none is bundled."""
    rank = {info.name: place for place, info in enumerate(catalog.bundled())}
    bundled = [engine for engine in engines if engine.info.name in rank]
    return tuple(sorted(bundled, key=lambda engine: rank[engine.info.name]) or engines)


def story_view(told: Sequence[tuple[Engine, Outcome]]) -> str:
    """Draw a column for each model, and beneath them the rewards and findings side by side."""
    columns = "".join(_column(engine, outcome) for engine, outcome in told)
    sides = [(engine.info.label, outcome.findings) for engine, outcome in told]
    return (
        f'<div class="rr-story" style="--rr-columns:{len(told)}">{columns}</div>'
        f"{_scores(told)}{findings_table(told[0][1].applied, sides)}"
    )


def _column(engine: Engine, outcome: Outcome) -> str:
    reply = outcome.reply
    return (
        f"<section><h3>{escape(engine.info.label)}</h3><p>{escape(engine.info.about, _LIMIT)}</p>"
        f"{chain_cards(reply)}{section_card('ANSWER', reply)}"
        f"{problems_list(reply, outcome.reasons)}</section>"
    )


def _scores(told: Sequence[tuple[Engine, Outcome]]) -> str:
    heads = "".join(f'<th scope="col">{escape(engine.info.label)}</th>' for engine, _ in told)
    scores = [finished(outcome)[1] for _, outcome in told]
    rows = "".join(
        _score_row(
            f"{name.capitalize()} reward", [number(getattr(score, name)) for score in scores]
        )
        for name in REWARDS
    )
    rows += _score_row("Tokens", [str(outcome.tokens) for _, outcome in told])
    return (
        f'<table class="rr-sheet"><thead><tr><th scope="col">Score</th>{heads}</tr></thead>'
        f"<tbody>{rows}</tbody></table>"
    )


def _score_row(name: str, values: Sequence[str]) -> str:
    cells = "".join(f"<td><b>{value}</b></td>" for value in values)
    return f'<tr><th scope="row">{name}</th>{cells}</tr>'


def _present(engines: Sequence[Engine]) -> str:
    if len(engines) > 1:
        return ""
    label = escape(engines[0].info.label)
    return (
        f'<p class="rr-notice" role="note">Only {label} is on this page. Start it with several '
        "models (<code>--model</code>, repeated) to see them side by side.</p>"
    )
