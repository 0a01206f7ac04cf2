"""Explore: what the page does by itself with a picture of one's own, and with several at once."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import gradio as gr
from gradio.components import Component

from robust_r1 import images
from robust_r1.ask.case import MAX_SEED
from robust_r1.ask.perceive import Perceived, perceive, perceive_files
from robust_r1.ask.picture import Picture, example_of, fitted, load_picture
from robust_r1.chain import Finding
from robust_r1.degradations import DegradationPlan, most_visible, stage_of
from robust_r1.engine import Engine
from robust_r1.errors import RobustR1Error
from robust_r1.ui.explore.layout import PictureSide
from robust_r1.ui.explore.picture_handlers import PictureHandlers
from robust_r1.ui.widgets.chain import idle_line
from robust_r1.ui.widgets.drop import build_drop
from robust_r1.ui.widgets.first_look import (
    draw_attempt,
    found_line,
    judge,
    looking_line,
    perceived_strip,
    perceived_table,
    watcher,
)
from robust_r1.ui.widgets.layout import PRIVATE, QUIET, UNQUEUED, Updates, Values, html
from robust_r1.ui.widgets.picture import picture_tag
from robust_r1.ui.widgets.plan_input import checked_seed
from robust_r1.ui.widgets.toasts import warn, with_toasts

LOOK = "look"  # the queue of looks: apart from questions, which go first
_AT_ONCE = 2
_OFFERS = 3
_MOST = 30  # pictures at once: a minute of a bundled model, and a table that can be read
_WAIT, _TRIES = 0.5, 20  # seconds before a look that gave way to a question begins again
_THUMBNAIL = 96 * 96
_SCRIPT = """() => {
  const PAUSE = 300;  // ms between two steps by keys
  const press = (id) => document.getElementById(id).click();
  let timer = null;
  // The large slider moves the one of its degradation, and with it the picture.
  document.addEventListener('input', (event) => {
    if (!event.target.closest?.('#fool-slider')) return;
    const id = document.querySelector('#fool-words [data-mirror]')?.dataset.mirror;
    const range = document.querySelector(`#${id} input[type=range]`);
    if (!range) return;
    range.value = event.target.value;
    range.dispatchEvent(new Event('input', {bubbles: true}));
  });
  document.addEventListener('change', (event) => {
    if (!event.target.closest?.('#fool-slider')) return;
    clearTimeout(timer);
    timer = setTimeout(() => press('fool-judge'), PAUSE);
  });
  document.addEventListener('click', (event) => {
    const one = event.target.closest?.('.rr-take');
    if (!one) return;
    window.rrTaken = one.dataset.index;
    press('several-take');
  });
}"""


@dataclass(frozen=True)
class Looks:
    """Let the bundled model look between questions: one that is asked makes looks wait."""

    engine: Engine
    running: set[threading.Event] = field(default_factory=set)

    def perceive(self, picture: Picture, plan: DegradationPlan) -> tuple[Finding, ...] | None:
        """Return what the model finds; None where questions never let it."""
        for _ in range(_TRIES):
            with self._begin() as stop:
                findings = perceive(self.engine, picture, plan, stop)
            if findings is not None:
                return findings
            time.sleep(_WAIT)
        return None

    def give_way(self) -> None:
        """End the looks on their way, within a token of the model's; they begin again later."""
        for event in tuple(self.running):
            event.set()

    @contextmanager
    def _begin(self) -> Iterator[threading.Event]:
        event = threading.Event()
        self.running.add(event)
        try:
            yield event
        finally:
            self.running.discard(event)


class FirstLook:
    """Lay out and wire what happens to a picture of one's own before anything is asked.

    Make one in the column of the picture; `wire` comes once the handlers are there.
    """

    def __init__(self, engines: Sequence[Engine]) -> None:
        engine = watcher(engines)
        self.looks = Looks(engine) if engine else None
        self.files = build_drop()
        self.kept, self.attempt = gr.State(()), gr.State(None)
        self.names = gr.State(())  # of the presets that are offered
        self.taken = gr.Textbox(visible="hidden", elem_id="several-taken", label="Taken")
        self.take = gr.Button("Take", visible="hidden", elem_id="several-take")
        self.judge = gr.Button("Judge", visible="hidden", elem_id="fool-judge")
        self.found = html(elem_id="found")
        with gr.Row(elem_classes="rr-presets", visible=False, elem_id="offers") as self.offered:
            self.offers = [
                gr.Button("", size="sm", min_width=90, elem_id=f"offer-{number}")
                for number in range(1, _OFFERS + 1)
            ]
            self.fool = gr.Button("Can you fool it?", size="sm", min_width=120, elem_id="fool")
        with gr.Column(visible=False, elem_id="fool-box") as self.box:
            self.words = html(elem_id="fool-words")
            self.slider = gr.Slider(0, 1, 0, step=0.01, label="Intensity", elem_id="fool-slider")
            with gr.Row(elem_classes="rr-tools"):
                self.seed = gr.Number(
                    1, label="Seed", precision=0, minimum=0, maximum=MAX_SEED, min_width=100,
                    elem_id="fool-seed",
                )
                self.other = gr.Button("Draw another", size="sm", elem_id="fool-other")
                self.end = gr.Button("End", size="sm", min_width=70, elem_id="fool-end")
        self.strip = html(elem_id="several-strip")
        self.several = html(elem_id="several")

    def wire(
        self,
        page: gr.Blocks,
        pictures: PictureHandlers,
        renewed: set[Component],
        asked: list[Callable],
        shown: Callable[[Callable], None],
    ) -> None:
        """Wire it.

        Args:
            page: listens to the load.
            pictures: take a picture.
            renewed: what another picture writes to.
            asked: the listeners of a question that is asked.
            shown: previews after an event.
        """
        self.pictures, side = pictures, pictures.side
        page.load(None, None, None, js=_SCRIPT, **PRIVATE)
        known = {
            pictures.picture, pictures.given, pictures.awaited, side.own, pictures.actions.model,
            *side.damage,
        }
        dropped = self.files.upload(
            with_toasts(self._drop), {self.files, *known},
            {self.files, self.kept, self.strip, self.several, *renewed}, **QUIET,
        )
        taken = self.take.click(
            _same, self.taken, self.taken, js="() => window.rrTaken", **UNQUEUED
        ).then(with_toasts(self._take), {self.taken, self.kept, *known}, renewed, **QUIET)
        for event in (dropped, taken):
            shown(event.then)
            self.look_after(event.then)
        dropped.then(
            self._look_at_all, {self.kept}, {self.strip, self.several}, concurrency_id=LOOK,
            concurrency_limit=_AT_ONCE, **QUIET,
        )
        if self.looks:
            gr.on(asked, self.looks.give_way, None, None, **UNQUEUED)
        self._wire_offers(side, shown)
        self._wire_game(side, shown)

    def look_after(self, listen: Callable) -> None:
        """Look at the picture after an event that may have brought another one."""
        listen(
            with_toasts(self._look), {self.pictures.picture},
            {self.found, self.offered, self.names, self.fool, *self.offers, self.box,
             self.attempt},
            concurrency_id=LOOK, concurrency_limit=_AT_ONCE, trigger_mode="always_last", **QUIET,
        )

    def _wire_offers(self, side: PictureSide, shown: Callable[[Callable], None]) -> None:
        for index, button in enumerate(self.offers):

            def offer(names: tuple[str, ...], index: int = index) -> Updates:
                return {**side.sliders.show_preset(names[index]), side.preset: names[index]}

            taken = button.click(offer, self.names, {*side.sliders.all, side.preset}, **UNQUEUED)
            shown(taken.then)

    def _wire_game(self, side: PictureSide, shown: Callable[[Callable], None]) -> None:
        game = {
            self.attempt, self.words, self.slider, self.seed, self.box, side.preset,
            *side.sliders.all,
        }
        for begun in (
            self.fool.click(self._begin, {self.seed}, game, **UNQUEUED),
            self.seed.submit(self._begin, {self.seed}, game, **UNQUEUED),
            self.other.click(self._next, {self.seed}, game, **UNQUEUED),
        ):
            shown(begun.then)
        self.end.click(lambda: gr.Column(visible=False), None, self.box, **UNQUEUED)
        self.judge.click(
            with_toasts(self._judge),
            {self.attempt, self.pictures.picture, self.slider, side.seed},
            {self.attempt, self.words, self.found},
            concurrency_id=LOOK, concurrency_limit=_AT_ONCE, trigger_mode="always_last", **QUIET,
        )

    def _look(self, values: Values) -> Iterator[Updates]:
        """Say what is wrong with a picture of one's own, and offer what shows on it."""
        picture: Picture | None = values[self.pictures.picture]
        closed = {self.box: gr.Column(visible=False), self.attempt: None}
        hidden = {self.found: "", self.offered: gr.Row(visible=False), **closed}
        if picture is None or picture.absent or example_of(picture) is not None:
            yield hidden
            return
        if self.looks is None:
            yield {**hidden, **self._offer(picture, ())}
            return
        yield {**hidden, self.found: looking_line(self.looks.engine)}
        findings = self.looks.perceive(picture, DegradationPlan())
        if findings is None:
            yield {**hidden, **self._offer(picture, ())}
            return
        yield {self.found: self._told(picture, findings), **self._offer(picture, findings)}

    def _told(self, picture: Picture, findings: Sequence[Finding]) -> str:
        assert self.looks is not None
        engine = self.looks.engine
        height, width = fitted(picture, engine).shape[:2]
        return found_line(findings, engine, (width, height))

    def _offer(self, picture: Picture, findings: Sequence[Finding]) -> Updates:
        """Return the updates that offer presets which a picture does not show already."""
        had = [one.name for one in findings if stage_of(one.name) != "unknown"]
        engine = self.looks.engine if self.looks else self.pictures.engines[self.pictures.default]
        names = most_visible(fitted(picture, engine), had, _OFFERS)
        buttons = {
            button: gr.Button(names[index].capitalize() if index < len(names) else "",
                              visible=index < len(names))
            for index, button in enumerate(self.offers)
        }
        fool = gr.Button(visible=self.looks is not None)
        return {
            self.names: names, self.offered: gr.Row(visible=True), self.fool: fool, **buttons,
        }

    def _drop(self, values: Values) -> Updates:
        """Take the files that were dropped or pasted: the first picture to look at, all to list."""
        files = [str(path) for path in values[self.files] or ()]
        if len(files) > _MOST:
            warn(f"There are {len(files)} pictures: the first {_MOST} are looked at.")
            files = files[:_MOST]
        several = tuple(files) if len(files) > 1 else ()
        first = next((one for one in files if _readable(one)), None) if several else None
        path = first or (files[0] if files else None)
        update = self._bring(values, path) if first or not several else {}
        if several and not first:
            warn(f"None of the {len(files)} files is a picture that can be read.")
        return {
            **update, self.files: None, self.kept: several, self.strip: "", self.several: "",
        }

    def _take(self, values: Values) -> Updates:
        files, index = values[self.kept], values[self.taken]
        if not index.isdigit() or int(index) >= len(files):
            return {}
        return self._bring(values, files[int(index)])

    def _bring(self, values: Values, path: str | None) -> Updates:
        own = self.pictures.side.own
        return {own: path, **self.pictures.bring({**values, own: path})}

    def _look_at_all(self, values: Values) -> Iterator[Updates]:
        """Fill strip and table of several pictures, each as soon as it was looked at."""
        files: tuple[str, ...] = values[self.kept]
        if not files or self.looks is None:
            yield {self.strip: "", self.several: ""}
            return
        rows: list[Perceived] = []
        drawn: list[str] = []
        for row in perceive_files(self.looks.engine, files):
            rows.append(row)
            drawn.append("" if row.problem else self._thumbnail(row))
            yield {
                self.strip: perceived_strip(rows, drawn),
                self.several: perceived_table(rows, len(files) - len(rows), drawn),
            }

    def _thumbnail(self, row: Perceived) -> str:
        small = images.fit(load_picture(row.picture), _THUMBNAIL)
        return picture_tag(small, row.name, self.several.GRADIO_CACHE)

    def _begin(self, values: Values) -> Updates:
        """Begin the game with the degradation that the seed draws, on the undamaged picture."""
        assert self.looks is not None
        attempt, side = draw_attempt(checked_seed(values[self.seed])), self.pictures.side
        label = self.looks.engine.info.label
        told = (
            f"Seed {attempt.seed} drew {attempt.label}. Move the slider and let go: how little of "
            f"it does {label} miss?"
        )
        return {
            self.attempt: attempt, self.words: _game_line(attempt.id, told), self.slider: 0,
            self.seed: attempt.seed, self.box: gr.Column(visible=True), side.preset: "",
            **side.sliders.show({}),
        }

    def _next(self, values: Values) -> Updates:
        return self._begin({self.seed: checked_seed(values[self.seed]) + 1})

    def _judge(self, values: Values) -> Updates:
        """Ask for findings alone, and say whether the model was fooled."""
        attempt, picture = values[self.attempt], values[self.pictures.picture]
        if attempt is None or picture is None or self.looks is None:
            return {self.attempt: attempt}
        intensity = round(float(values[self.slider] or 0), 2)
        seed = checked_seed(values[self.pictures.side.seed])
        plan = DegradationPlan.of({attempt.id: intensity}, seed=seed)
        findings = self.looks.perceive(picture, plan)
        if findings is None:
            return {self.attempt: attempt}
        attempt, words = judge(attempt, intensity, findings)
        return {
            self.attempt: attempt, self.words: _game_line(attempt.id, words),
            self.found: self._told(picture, findings),
        }


def _game_line(id: str, words: str) -> str:
    return f'<div data-mirror="slider-{id}">{idle_line(words)}</div>'


def _readable(path: str) -> bool:
    try:
        load_picture(Picture(path=path))
    except RobustR1Error:
        return False
    return True


def _same(value: str) -> str:
    return value
