"""Handlers of the Analyze tab: from case to case, one case, and cases as files."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import gradio as gr
from gradio.processing_utils import save_bytes_to_cache

from robust_r1.analysis.entries import Entry
from robust_r1.ask.case import Case
from robust_r1.ask.pipeline import ask, finished
from robust_r1.engine import Engine
from robust_r1.errors import InputError, RobustR1Error
from robust_r1.report.figure import figure_svg
from robust_r1.report.files import file_name, to_csv, to_jsonl
from robust_r1.report.page import html_report, title_of
from robust_r1.report.pictures import case_of
from robust_r1.store import Marks
from robust_r1.ui.analyze import views
from robust_r1.ui.analyze.case_layout import CasePart
from robust_r1.ui.analyze.marks import SeenMarks
from robust_r1.ui.analyze.selection import NO_CASE, Selection, SharedCases
from robust_r1.ui.analyze.side_by_side import side_by_side
from robust_r1.ui.widgets.chain import answer_cards, chain_cards, idle_line, problems_list
from robust_r1.ui.widgets.charts import empty_chart
from robust_r1.ui.widgets.findings_chart import findings_chart
from robust_r1.ui.widgets.job import ActiveAnswers
from robust_r1.ui.widgets.layout import Updates
from robust_r1.ui.widgets.old_answer import Answered
from robust_r1.ui.widgets.scores import score_line
from robust_r1.ui.widgets.toasts import warn

PAGE = 24  # cases in the gallery at a time


class CaseHandlers:
    """Turn what a visitor does with the cases in sight into updates of what is below the filter."""

    def __init__(
        self,
        shared: SharedCases,
        engines: Mapping[str, Engine],
        active: ActiveAnswers,
        part: CasePart,
    ) -> None:
        self.shared = shared
        self.folders = shared.folders
        self.engines, self.active = engines, active
        self.part, self.cache = part, part.gallery.GRADIO_CACHE

    def move(self, steps: int, selection: Selection | None) -> Selection | None:
        """Go on by some cases, not beyond the first and the last."""
        if selection is None:
            return None
        last = max(0, len(self.shared.chosen(selection)) - 1)
        return replace(selection, place=min(max(selection.place + steps, 0), last))

    def turn(self, pages: int, selection: Selection | None) -> Selection | None:
        """Go on by some pages of the gallery, to the first case there."""
        if selection is None:
            return None
        last = max(0, len(self.shared.chosen(selection)) - 1) // PAGE
        page = min(max(selection.place // PAGE + pages, 0), last)
        return replace(selection, place=PAGE * page)

    def choose(self, selection: Selection, event: gr.SelectData) -> Selection:
        """Go to the case that was clicked."""
        return replace(selection, place=selection.place // PAGE * PAGE + event.index)

    def show(self, selection: Selection | None) -> Updates:
        """Show the gallery's page and the case: picture, chain, scores and marks."""
        entries = self.shared.chosen(selection)
        if selection is None or not entries:
            return self._nothing()
        place, part = min(selection.place, len(entries) - 1), self.part
        entry = entries[place]
        outcome = views.outcome_of(entry.row, entry.clean, entry.model)
        engine = self.engines.get(entry.engine)
        opened = self.folders.entries(selection.runs)
        same = [other for other in opened if other.row.id == entry.row.id]
        return {
            part.gallery: self._gallery(entries, place),
            part.head: views.heading(entry, place, len(entries)),
            part.picture: views.pictures_view(entry, self.cache),
            part.link: views.open_links(entry, self.engines),
            part.answer: answer_cards(outcome),
            part.runs: side_by_side(same, entry.model) if len(same) > 1 else "",
            part.chain: "" if len(same) > 1 else chain_cards(outcome.reply),
            part.problems: problems_list(outcome.reply, engine.info.reasons if engine else True),
            part.score: score_line(outcome),
            part.chart: findings_chart(entry.row.found, entry.row.true),
            part.rerun: "",
            part.old.mark: "",
            **self._show_marks(entry),
        }

    def _gallery(self, entries: Sequence[Entry], place: int) -> gr.Gallery:
        """Return the page of the gallery that holds a place, with its case marked."""
        first = place // PAGE * PAGE
        page = entries[first : first + PAGE]
        files = views.thumbnails(page, self.cache, self._tags())
        return gr.Gallery(files, selected_index=place - first)

    def redraw_gallery(self, selection: Selection | None) -> Updates:
        """Show the tags that thumbnails bear by now."""
        entries = self.shared.chosen(selection)
        if selection is None or not entries:
            return {}
        return {self.part.gallery: self._gallery(entries, min(selection.place, len(entries) - 1))}

    def _nothing(self) -> Updates:
        part = self.part
        return {
            part.gallery: gr.Gallery([], selected_index=None),
            part.head: idle_line(NO_CASE),
            **dict.fromkeys((part.picture, part.link, part.answer, part.runs, part.chain), ""),
            **dict.fromkeys((part.problems, part.score), ""),
            part.chart: empty_chart("No case."),
            part.rerun: "",
            part.old.mark: "",
            part.tags: gr.Dropdown(value=[]),
            part.note: "",
            part.seen: "",
            part.marked: "",
        }

    def _show_marks(self, entry: Entry) -> Updates:
        try:
            marks, known = self._marks(entry), list(self.shared.notebook.tags())
        except RobustR1Error as error:
            warn(error)
            marks, known = Marks(), []
        return {
            self.part.tags: gr.Dropdown(choices=known, value=list(marks.tags)),
            self.part.note: marks.note,
            self.part.marked: "",
            self.part.seen: SeenMarks(entry.run, entry.row.id, marks).to_json(),
        }

    def _tags(self) -> Mapping[tuple[str, str], Marks]:
        """Return what is written about any case; nothing where the notebook cannot be read."""
        try:
            return self.shared.notebook.all_marks()
        except RobustR1Error:
            return {}  # said where the marks of the case in sight are read

    def _marks(self, entry: Entry) -> Marks:
        return self.shared.notebook.marks(entry.run, entry.row.id)

    def export(self, kind: str, selection: Selection | None) -> str:
        """Write the cases that pass the filter into a file, and return its path."""
        entries = self.shared.chosen(selection)
        if selection is None or not entries:
            raise InputError(NO_CASE)
        marks, wanted = self.shared.notebook.all_marks(), str(selection.wanted)
        what, ending, write = {
            "CSV": ("cases", "csv", lambda: "\ufeff" + to_csv(entries, marks)),
            "JSONL": ("cases", "jsonl", lambda: to_jsonl(entries, marks)),
            "HTML report": (
                "report", "html", lambda: html_report(entries, marks, title_of(entries), wanted)
            ),
            "Figure": ("cases", "svg", lambda: figure_svg(entries)),
        }[kind]  # fmt: skip
        name = file_name(entries, what, ending)
        return save_bytes_to_cache(write().encode(), name, self.cache)

    def ask_again(
        self, request: gr.Request, selection: Selection | None, model: str
    ) -> Iterator[Updates]:
        """Ask a model the case once more, and compare with what the run holds."""
        entry, engine = self.shared.entry(selection), self.engines[model]
        case, rerun = self._case(entry, selection, model), self.part.rerun
        yield {
            rerun: idle_line("The model looks at the picture."),
            **self.part.old.begin(_asked(model)),
        }
        outcome, label = None, f"{model}, now"
        with self.active.begin(request.session_hash) as stop:
            for outcome in ask(engine, case, stop):
                if outcome.score is None:
                    yield {rerun: chain_cards(outcome.reply, label)}
        assert outcome is not None  # an answer ends with its outcome or raises
        answer, _ = finished(outcome)
        same = "word for word what" if answer.text == entry.row.text else "something else than"
        words = f"{model} now wrote {same} the run of {entry.model} holds."
        yield {
            rerun: idle_line(words)
            + answer_cards(outcome)
            + chain_cards(outcome.reply, label)
            + problems_list(outcome.reply, engine.info.reasons)
            + score_line(outcome)
        }

    def mark_again(self, kept: Answered | None, model: str) -> Updates:
        """Mark the answer where another model is chosen; with another case it goes."""
        return self.part.old.compare(kept, _asked(model))

    def _case(self, entry: Entry, selection: Selection | None, model: str) -> Case:
        """Return what a run asked: its own model as it was asked then, another by its own settings.

        A run of a bundled model has room for short chains alone.
        """
        case = case_of(entry)
        if case is None:
            raise InputError(f"the picture of {entry.row.id} is not here, so it cannot be asked")
        if model != entry.engine:
            case = replace(case, settings=None)
        elif case.settings is None and selection is not None:
            runs = map(self.folders.run, selection.runs)
            settings = next(run.settings for run in runs if run.model == entry.engine)
            case = replace(case, settings=settings)
        return replace(case, also_clean=False)

    def stop(self, request: gr.Request) -> None:
        """End what runs for this visitor."""
        self.active.stop(request.session_hash)


def _asked(model: str) -> Mapping[str, object]:
    return {"model": model}
