"""Learn, fourth part: one question to every stage of the training, side by side."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace

import gradio as gr
from gradio.components import Component

from robust_r1.ask.case import Case
from robust_r1.ask.examples import find_example
from robust_r1.ask.links import picture_pairs, read_picture, read_seed
from robust_r1.ask.picture import Picture, load_picture
from robust_r1.ask.pipeline import Outcome, ask_through, finished
from robust_r1.degradations import DegradationPlan
from robust_r1.engine import Engine, catalog
from robust_r1.errors import RobustR1Error
from robust_r1.markup import escape
from robust_r1.ui.learn.cases import training_cases
from robust_r1.ui.learn.menus import build_case_menu, build_own, read_case
from robust_r1.ui.learn.views import case_view, findings_table
from robust_r1.ui.widgets.chain import chain_cards, idle_line, problems_list, section_card
from robust_r1.ui.widgets.job import Job, progress_line
from robust_r1.ui.widgets.layout import QUIET, Updates, Values, chosen_in, html
from robust_r1.ui.widgets.links import read_value
from robust_r1.ui.widgets.old_answer import OldAnswer, pixels_of
from robust_r1.ui.widgets.picture import missing_note
from robust_r1.ui.widgets.picture_input import arrive, bring, is_awaited
from robust_r1.ui.widgets.plan_input import read_plan, short
from robust_r1.ui.widgets.question import notice, read_lines, suggestions_for, write_line
from robust_r1.ui.widgets.scores import REWARDS, number, reward_sums
from robust_r1.ui.widgets.share import Share
from robust_r1.ui.widgets.take_over import TakeOver
from robust_r1.ui.widgets.toasts import with_toasts

_LIMIT, _RULE_LIMIT = 200, 400
Means = Mapping[str, Mapping[str, float]]
_STEPS = (
    ("1. Base", "Pictures and answers: it learns to look and to answer, and says no more."),
    ("2. Supervised fine-tuning (SFT)", "True chains on a quarter of the data: it learns to write "
     "the five sections, word by word like its examples."),
    ("3. Reinforcement learning (RL)", "Eight chains of its own for each question, judged by the "
     "rewards; what did better than the others becomes likelier (GRPO)."),
)


class TrainingStory:
    """Lay out and wire the story of the training: each stage's model answers the same question.

    The case is drawn once `tab` is looked at; `held` is the page's state of Explore's case.
    """

    def __init__(
        self, page: gr.Blocks, tab: gr.Tab, engines: tuple[Engine, ...], share: Share,
        held: gr.State,
    ) -> None:
        self.engines, self._kept = in_order_of_training(engines), share.kept
        steps = "".join(f"<li><b>{name}</b> {words}</li>" for name, words in _STEPS)
        html(f'<ol class="rr-steps">{steps}</ol>{_present(self.engines)}')
        self.given = gr.State(None)  # a case that no menu has: from Explore, a link, one's own
        self.take_over = TakeOver("story", held)
        with gr.Row(elem_classes="rr-learn-bar"):
            self.case = build_case_menu("story-case", list(training_cases()))
            self.own = build_own("story-own")
        self.job = Job(
            "story", "Ask each of them", "All are asked the same about the same picture."
        )
        self.old = OldAnswer("story")
        self.shown = html(elem_id="story-case-view")
        self.view = html(elem_id="story-view")
        self._wire(page, tab)

    def _wire(self, page: gr.Blocks, tab: gr.Tab) -> None:
        self.job.wire(
            page, self._check, self._ask, self.described,
            {self.shown, self.view, *self.old.outputs},
        )
        changed = {self.given, self.own}
        chosen = chosen_in(self.case)(self._choose, self.described, changed, **QUIET)
        brought = self.own.input(
            with_toasts(self._bring), {self.own, *self.described}, changed, **QUIET
        )
        removed = self.own.clear(self._remove, self.described, changed, **QUIET)
        taken = self.take_over.wire(self._holds, self._take, self.described, changed)
        for listen in (tab.select, *(one.then for one in (chosen, brought, removed, taken))):
            self._show_after(listen)

    def _show_after(self, listen: Callable) -> None:
        """Draw the case, and mark answers that are of another one, after `listen`."""
        shown = listen(
            self._follow, {self.old.kept, *self.described}, {self.old.mark, self.shown},
            trigger_mode="always_last", **QUIET,
        )
        self.take_over.offer_after(shown.then)

    @property
    def described(self) -> set[Component]:
        """Return the components that `describe` reads."""
        return {self.case, self.given}

    @property
    def opened(self) -> set[Component]:
        """Return the components that `open` writes to."""
        return {*self.described, self.shown}

    def describe(self, values: Values) -> dict[str, str]:
        """Return what a link says about this part."""
        case: Case | None = values[self.given]
        if case is None:
            return {"case": values[self.case]}
        return {
            **dict(picture_pairs(case.picture)), "plan": short(case.plan), "seed": str(case.seed),
            "ask": write_line(case.question, case.choices, case.truth),
        }

    def brought(self, values: Values) -> Picture | None:
        """Return the picture that a link is about, where no menu has it."""
        case: Case | None = values[self.given]
        return case.picture if case else None

    def open(self, link: Mapping[str, str]) -> Updates:
        """Return the updates that show what a link says."""
        title = read_case(link, list(training_cases()))
        shown = {self.case: title, self.given: self._linked(link)}
        return {**shown, self.shown: self._draw(shown)}

    def _linked(self, link: Mapping[str, str]) -> Case | None:
        """Return the case that a link spells out, if it does."""
        picture = read_value(link, "picture", lambda _: arrive(read_picture(link), self._kept))
        if example := read_value(link, "example", find_example):
            picture = Picture(example=example.id)
        if picture is None:
            return None
        seed = read_value(link, "seed", read_seed, 0)
        plan = read_value(link, "plan", lambda text: read_plan(text, seed), DegradationPlan())
        asked = read_value(link, "ask", lambda text: read_lines(text, 1)[0], Case())
        return replace(_asked_about(picture, plan, asked), seed=seed)

    def _case(self, values: Values) -> Case:
        return values[self.given] or training_cases()[values[self.case]].case

    def _choose(self, values: Values) -> Updates:
        """Take the menu's case; of it a picture of one's own takes the damage alone."""
        case: Case | None = values[self.given]
        if case is None or case.picture is None or case.picture.own is None:
            return {self.given: None, self.own: None}
        chosen = training_cases()[values[self.case]].case
        return {self.given: replace(case, plan=chosen.plan, seed=chosen.seed), self.own: gr.skip()}

    def _bring(self, values: Values) -> Updates:
        """Take a picture of one's own; the damage stays."""
        path, case = values[self.own], self._case(values)
        previous = case.picture if case.picture and case.picture.own else None
        picture, file = bring(path, previous)
        if picture is None:
            return self._remove(values)
        update: Updates = {self.own: file} if file != path else {}
        if picture is previous:
            return {self.given: values[self.given], **update}
        awaited = previous if previous is not None and previous.absent else None
        asked = case if is_awaited(picture, previous, awaited) else Case()
        about = _asked_about(picture, case.plan, asked)
        return {self.given: replace(about, seed=case.seed), **update}

    def _remove(self, values: Values) -> Updates:
        case: Case | None = values[self.given]
        own = case is not None and case.picture is not None and case.picture.own is not None
        return {self.given: None if own else case}

    def _holds(self, case: Case, values: Values) -> bool:
        """Tell whether Explore's case is the one here, or can be none."""
        here, picture = self._case(values), case.picture
        if picture is None or picture.absent or not case.question:
            return True
        there, mine = (
            (pixels_of(one.picture), one.plan, one.prompt, one.truth) for one in (case, here)
        )
        return there == mine

    def _take(self, case: Case, values: Values) -> Updates:
        picture = case.picture
        assert picture is not None  # the button is there with a picture only
        about = _asked_about(picture, case.plan, case)
        return {self.given: replace(about, seed=case.seed), self.own: picture.path or None}

    def _follow(self, values: Values) -> Updates:
        marked = self.old.compare(values[self.old.kept], self._asked(values))
        return {**marked, self.shown: self._draw(values)}

    def _asked(self, values: Values) -> dict[str, object]:
        """Return what answers are of, by the names that people know."""
        case = self._case(values)
        return {
            "picture": pixels_of(case.picture), "damage": case.plan,
            "question": (case.prompt, case.truth),
        }

    def _draw(self, values: Values) -> str:
        """Draw what all of them will look at, and say what chose it."""
        case, engine, given = self._case(values), self.engines[0], values[self.given]
        assert case.picture is not None  # all cases here have one
        if case.picture.absent:
            return missing_note(case.picture)
        try:
            drawn = case_view(engine, case, self.shown.GRADIO_CACHE)
        except RobustR1Error as error:
            return idle_line(str(error))
        rule = "" if given else training_cases()[values[self.case]].rule
        told = f'<p class="rr-caption">{escape(rule, _RULE_LIMIT)}</p>' if rule else ""
        return drawn + told + notice(case.picture, self.engines[-1])

    def _check(self, values: Values) -> None:
        load_picture(self._case(values).picture)

    def _ask(self, values: Values, request: gr.Request) -> Iterator[Updates]:
        case, total = self._case(values), len(self.engines)
        means = {} if values[self.given] else training_cases()[values[self.case]].means
        told: list[tuple[Engine, Outcome]] = []
        with self.job.active.begin(request.session_hash) as stop:
            yield {
                **self.job.begun(), self.shown: self._draw(values), self.view: "",
                **self.old.begin(self._asked(values)),
            }
            for engine in self.engines:
                yield {self.job.status: progress_line(len(told), total, engine.info.label)}
                outcome = ask_through(engine, case, stop)
                if outcome is None:
                    yield {self.job.status: idle_line("Stopped.")}
                    return
                told.append((engine, outcome))
                yield {self.view: story_view(told, means)}
        yield {self.job.status: progress_line(total, total, "Complete.")}


def _asked_about(picture: Picture, plan: DegradationPlan, asked: Case) -> Case:
    """Return a case about a picture; where nothing is asked, what fits the picture."""
    if asked.question:
        return Case(picture, plan, asked.question, asked.choices, asked.truth)
    first = suggestions_for(picture)[0]
    return Case(picture, plan, first.text, first.choices, first.answer)


def in_order_of_training(engines: Sequence[Engine]) -> tuple[Engine, ...]:
    """Return the bundled ones among the engines, least trained first; all, if none is bundled."""
    rank = {info.name: place for place, info in enumerate(catalog.bundled())}
    bundled = [engine for engine in engines if engine.info.name in rank]
    return tuple(sorted(bundled, key=lambda engine: rank[engine.info.name]) or engines)


def story_view(told: Sequence[tuple[Engine, Outcome]], means: Means) -> str:
    """Draw a column for each model, and beneath them the rewards and findings side by side.

    `means` holds by model the mean rewards of the benchmark that the case is from, if it is.
    """
    columns = "".join(_column(engine, outcome) for engine, outcome in told)
    sides = [(engine.info.label, outcome.findings) for engine, outcome in told]
    return (
        f'<div class="rr-story" style="--rr-columns:{len(told)}">{columns}</div>'
        f"{_scores(told, means)}{findings_table(told[0][1].applied, sides)}"
    )


def _column(engine: Engine, outcome: Outcome) -> str:
    reply = outcome.reply
    return (
        f"<section><h3>{escape(engine.info.label)}</h3><p>{escape(engine.info.about, _LIMIT)}</p>"
        f"{chain_cards(reply)}{section_card('ANSWER', reply, outcome.case.choices)}"
        f"{problems_list(reply, outcome.reasons)}</section>"
    )


def _scores(told: Sequence[tuple[Engine, Outcome]], means: Means) -> str:
    heads = "".join(f'<th scope="col">{escape(engine.info.label)}</th>' for engine, _ in told)
    scores = [finished(outcome)[1] for _, outcome in told]
    # About a picture of one's own nothing is known but what was applied to it.
    picture = told[0][1].case.picture
    own = picture is not None and picture.own is not None
    rows = "".join(
        _score_row(
            f"{name.capitalize()} reward", [number(getattr(score, name)) for score in scores],
            [means.get(engine.info.name, {}).get(name) for engine, _ in told],
        )
        for name in (REWARDS[:1] if own else REWARDS)
    )
    if not own:
        sums = zip(*map(reward_sums, scores), strict=True)
        rows += "".join(
            _score_row(f"Sum: {row[0][0]}", [number(value) for _, value, _ in row]) for row in sums
        )
    rows += _score_row("Tokens", [str(outcome.tokens) for _, outcome in told])
    return (
        f'<table class="rr-sheet"><thead><tr><th scope="col">Score</th>{heads}</tr></thead>'
        f"<tbody>{rows}</tbody></table>"
    )


def _score_row(
    name: str, values: Sequence[str], means: Sequence[float | None] | None = None
) -> str:
    aims = means or [None] * len(values)
    cells = "".join(
        f"<td><b>{value}</b>{'' if aim is None else f' <small>mean {number(aim)}</small>'}</td>"
        for value, aim in zip(values, aims, strict=True)
    )
    return f'<tr><th scope="row">{name}</th>{cells}</tr>'


def _present(engines: Sequence[Engine]) -> str:
    if len(engines) > 1:
        return ""
    label = escape(engines[0].info.label)
    return (
        f'<p class="rr-notice" role="note">Only {label} is on this page. Start it with several '
        "models (<code>--model</code>, repeated) to see them side by side.</p>"
    )
