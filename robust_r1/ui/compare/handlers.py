"""What happens in the Compare tab: the preview, the answers, and what is done with its columns."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import gradio as gr
from gradio.components import Component
from gradio.processing_utils import save_bytes_to_cache

from robust_r1.analysis import Comparison, Side, compare, comparison_json
from robust_r1.analysis.compare import MAX_QUESTIONS
from robust_r1.ask.cache import AnswerCache
from robust_r1.ask.picture import Picture, load_picture, seen
from robust_r1.ask.pipeline import THUMBNAIL_PIXELS
from robust_r1.degradations import DegradationPlan
from robust_r1.engine import Engine
from robust_r1.errors import RobustR1Error
from robust_r1.images import fit
from robust_r1.ui.compare.sides import Sides
from robust_r1.ui.compare.views import LETTERS, comparison_view, heads, side_words
from robust_r1.ui.widgets.chain import idle_line
from robust_r1.ui.widgets.job import Job, progress_line
from robust_r1.ui.widgets.layout import Updates, Values
from robust_r1.ui.widgets.old_answer import TabAnswer
from robust_r1.ui.widgets.picture import caption, picture_tag
from robust_r1.ui.widgets.picture_question import PictureQuestion
from robust_r1.ui.widgets.question import read_lines

_FILE = "robust-r1-comparison.json"


@dataclass(frozen=True)
class Results:
    """Name the components beneath, which show a comparison; `shown` holds it."""

    answer: TabAnswer
    shown: gr.State
    reference: gr.Dropdown
    sort: gr.Checkbox
    swap: gr.Button
    pin: gr.Button
    download: gr.DownloadButton
    view: gr.HTML

    @property
    def all(self) -> set[Component]:
        """Return the components."""
        return {*(set(vars(self).values()) - {self.answer}), *self.answer.outputs}

    @property
    def drawn(self) -> set[Component]:
        """Return what changes where the columns do."""
        return {self.shown, self.reference, self.pin, self.download, self.view}


@dataclass(frozen=True)
class CompareHandlers:
    """Turn what a visitor does, with the values of the components, into their updates."""

    answers: AnswerCache
    asked: PictureQuestion
    sides: Sides
    job: Job
    results: Results

    def preview(self, values: Values) -> str:
        """Show what each side will see; what cannot be read yet is left for Compare to say."""
        picture = values[self.asked.picture]
        if picture is None or picture.absent:
            return caption(picture, None, DegradationPlan())
        try:
            sides = self.sides.read(values)
            drawn = [(side, self._tag(picture, engine, side)) for engine, side in sides]
        except RobustR1Error as error:
            return idle_line(str(error))
        return heads(drawn)

    def check(self, values: Values) -> None:
        """Raise InputError for what cannot be asked."""
        load_picture(values[self.asked.picture])
        read_lines(values[self.asked.text], MAX_QUESTIONS)
        shown = values[self.results.shown]
        self.sides.check(values, pinned=bool(shown and shown.pin))

    def ask_all(self, values: Values, request: gr.Request) -> Iterator[Updates]:
        """Ask every side every question, and show the columns as they grow."""
        picture, sides = values[self.asked.picture], self.sides.read(values)
        lines = read_lines(values[self.asked.text], MAX_QUESTIONS)
        cases = [replace(case, picture=picture) for case in lines]
        shown, sort = values[self.results.shown], values[self.results.sort]
        total, known, begun = len(cases) * len(sides), 0, False
        with self.job.active.begin(request.session_hash) as stop:
            pinned = shown.pin if shown else None
            for result in compare(sides, cases, stop, self.answers, pinned):
                known = known if begun else result.done
                done = result.done - known
                yield {
                    **({} if begun else self._begin(values)),
                    self.job.status: progress_line(done, total, _now(done, sides)),
                    self.results.view: self._draw(result, sort),
                }
                begun = True
        told = "Complete." if done == total else "Stopped; what was answered is kept for next time."
        yield {
            self.job.status: progress_line(done, total, told),
            self.results.sort: gr.Checkbox(visible=len(cases) > 1),
            self.results.swap: gr.Button(interactive=True),
            **self._show(result, sort),
        }

    def _begin(self, values: Values) -> Updates:
        waiting = {self.results.download: gr.DownloadButton(interactive=False)}
        return {**self.job.begun(), **waiting, **self.results.answer.begin_with(values)}

    def swap(self, values: Values) -> Updates:
        """Turn the columns around."""
        return self._show(values[self.results.shown].swapped(), values[self.results.sort])

    def refer(self, values: Values) -> Updates:
        """Compare the columns with the one that was chosen."""
        chosen = int(values[self.results.reference])
        shown = replace(values[self.results.shown], reference=chosen)
        return self._show(shown, values[self.results.sort])

    def pin(self, values: Values) -> Updates:
        """Pin the reference, or let it go where it is pinned."""
        shown = values[self.results.shown]
        pinned = shown.columns[shown.reference].side.pinned
        changed = shown.pinned(None if pinned else shown.reference)
        return self._show(changed, values[self.results.sort])

    def sort(self, values: Values) -> str:
        """Draw the questions in the order that is wanted now."""
        return self._draw(values[self.results.shown], values[self.results.sort])

    def _tag(self, picture: Picture, engine: Engine, side: Side) -> str:
        image = fit(seen(picture, engine, side.plan), THUMBNAIL_PIXELS)
        words = f"What {side_words(side)} will see"
        return picture_tag(image, words, self.results.view.GRADIO_CACHE)

    def _show(self, shown: Comparison, sort: bool) -> Updates:
        """Return the updates that put a visitor's comparison on the page."""
        results, pinned = self.results, shown.columns[shown.reference].side.pinned
        named = zip(LETTERS, shown.columns, strict=False)
        file = save_bytes_to_cache(
            comparison_json(shown).encode(), _FILE, results.download.GRADIO_CACHE
        )
        return {
            results.shown: shown,
            results.reference: gr.Dropdown(
                [(f"{letter}: {side_words(column.side)}", index)
                 for index, (letter, column) in enumerate(named)],
                value=shown.reference, visible=True,
            ),
            results.pin: gr.Button(
                "Let the pinned run go" if pinned else "Pin the reference", interactive=True
            ),
            results.download: gr.DownloadButton(value=file, interactive=True),
            results.view: self._draw(shown, sort),
        }

    def _draw(self, shown: Comparison | None, sort: bool) -> str:
        return comparison_view(shown, sort, self.results.view.GRADIO_CACHE)


def _now(done: int, sides: Sequence[tuple[Engine, Side]]) -> str:
    """Say who is being asked."""
    return f"Asking {side_words(sides[done % len(sides)][1])}"
