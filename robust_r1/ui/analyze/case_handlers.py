"""Handlers of the Analyze tab: figures, and one case: look, mark, ask again, export."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import gradio as gr
from gradio.processing_utils import save_bytes_to_cache

from robust_r1.analysis import filters
from robust_r1.analysis.entries import Entry
from robust_r1.ask.case import Case
from robust_r1.ask.pipeline import ask, finished
from robust_r1.engine import Engine
from robust_r1.errors import InputError, RobustR1Error
from robust_r1.report.files import to_csv, to_jsonl
from robust_r1.report.page import html_report, title_of
from robust_r1.report.pictures import case_of
from robust_r1.report.summary import Summary, details, headlines, to_values
from robust_r1.report.tables import error_table, headline_table, level_table, robustness_table
from robust_r1.store import Marks
from robust_r1.ui.analyze import charts, views
from robust_r1.ui.analyze.layout import CasePart, Figures
from robust_r1.ui.analyze.selection import NO_CASE, Selection, SharedCases
from robust_r1.ui.widgets.chain import answer_cards, chain_cards, idle_line, problems_list
from robust_r1.ui.widgets.charts import empty_chart
from robust_r1.ui.widgets.findings_chart import findings_chart
from robust_r1.ui.widgets.job import ActiveAnswers
from robust_r1.ui.widgets.layout import Updates
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
        figures: Figures,
        seen: gr.State,
        tag: gr.Dropdown,
    ) -> None:
        self.shared = shared
        self.folders, self.notebook = shared.folders, shared.notebook
        self.engines, self.active = engines, active
        self.part, self.figures, self.seen, self.tag = part, figures, seen, tag
        self.cache = part.gallery.GRADIO_CACHE

    def headline(self, selection: Selection | None) -> Updates:
        """Show the headline figures of the cases that pass the filter."""
        return {self.figures.headline: headline_table(self.shared.compute(selection, headlines))}

    def details(self, selection: Selection | None) -> Updates:
        """Show the other tables and charts of the cases that pass, and no mark that they wait."""
        found, shown = self.shared.compute(selection, details), self.figures
        return {
            shown.levels: charts.level_chart(found.levels),
            shown.level_table: level_table(found.levels),
            shown.robustness: robustness_table(found.robustness),
            shown.confusion: charts.confusion_chart(found.confusion),
            shown.errors: charts.error_chart(found.errors),
            shown.error_table: error_table(found.errors),
            shown.mark: "",
        }

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
        entry, first = entries[place], place // PAGE * PAGE
        outcome = views.outcome_of(entry.row, entry.clean, entry.model)
        engine = self.engines.get(entry.model)
        files = views.thumbnails(entries[first : first + PAGE], self.cache)
        return {
            part.gallery: gr.Gallery(files, selected_index=place - first),
            part.head: views.heading(entry, place, len(entries)),
            part.picture: files[place - first][0] if case_of(entry) else None,
            part.link: views.explore_link(entry, self.engines),
            part.answer: answer_cards(outcome),
            part.chain: chain_cards(outcome.reply),
            part.problems: problems_list(outcome.reply, engine.info.reasons if engine else True),
            part.score: score_line(outcome),
            part.chart: findings_chart(entry.row.found, entry.row.true),
            part.rerun: "",
            **self._show_marks(entry),
        }

    def _nothing(self) -> Updates:
        part = self.part
        return {
            part.gallery: gr.Gallery([], selected_index=None),
            part.head: idle_line(NO_CASE),
            part.picture: None,
            **dict.fromkeys((part.link, part.answer, part.chain, part.problems, part.score), ""),
            part.chart: empty_chart("No case."),
            part.rerun: "",
            part.tags: gr.Dropdown(value=[]),
            part.note: "",
            self.seen: Marks(),
            part.marked: "",
        }

    def _show_marks(self, entry: Entry) -> Updates:
        try:
            marks, known = self._marks(entry), list(self.notebook.tags())
        except RobustR1Error as error:
            warn(error)
            marks, known = Marks(), []
        return {
            self.part.tags: gr.Dropdown(choices=known, value=list(marks.tags)),
            self.part.note: marks.note,
            self.part.marked: "",
            self.seen: marks,
        }

    def _marks(self, entry: Entry) -> Marks:
        return self.notebook.marks(entry.run, entry.row.id)

    def mark(
        self, selection: Selection | None, seen: Marks | None, tags: Sequence[str], note: str
    ) -> Updates:
        """Keep tags and note of the case; what others tagged meanwhile stays."""
        entry = self.shared.entry(selection)
        before = seen or Marks()
        key = (entry.run, entry.row.id)
        tags = [" ".join(tag.split()) for tag in tags]
        if note.strip() != before.note:
            self.notebook.write_note(*key, note, before.revision)
        gone = set(before.tags) - set(tags)
        self.notebook.set_tags(*key, [tag for tag in tags if tag not in before.tags], gone)
        _, menu = self.shared.names()
        return {
            self.seen: self.notebook.marks(*key),
            self.part.marked: idle_line("Saved."),
            self.tag: gr.Dropdown(choices=menu),
        }

    def export(self, kind: str, selection: Selection | None) -> str:
        """Write the cases that pass the filter into a file, and return its path."""
        entries = self.shared.chosen(selection)
        if selection is None or not entries:
            raise InputError(NO_CASE)
        marks, wanted = self.notebook.all_marks(), str(selection.wanted)
        name, text = {
            "CSV": lambda: ("cases.csv", "\ufeff" + to_csv(entries, marks)),
            "JSONL": lambda: ("cases.jsonl", to_jsonl(entries, marks)),
            "HTML report": lambda: (
                "report.html", html_report(entries, marks, title_of(entries), wanted)
            ),
        }[kind]()  # fmt: skip
        return save_bytes_to_cache(text.encode(), name, self.cache)

    def ask_again(
        self, request: gr.Request, selection: Selection | None, model: str
    ) -> Iterator[str]:
        """Ask a model the case once more, and compare with what the run holds."""
        entry, engine = self.shared.entry(selection), self.engines[model]
        case = self._case(entry, selection, model)
        yield idle_line("The model looks at the picture.")
        outcome, label = None, f"{model}, now"
        with self.active.begin(request.session_hash) as stop:
            for outcome in ask(engine, case, stop):
                if outcome.score is None:
                    yield chain_cards(outcome.reply, label)
        assert outcome is not None  # an answer ends with its outcome or raises
        answer, _ = finished(outcome)
        same = "word for word what" if answer.text == entry.row.text else "not what"
        words = f"{model} now wrote {same} the run of {entry.model} holds."
        yield (
            idle_line(words)
            + answer_cards(outcome)
            + chain_cards(outcome.reply, label)
            + problems_list(outcome.reply, engine.info.reasons)
            + score_line(outcome)
        )

    def _case(self, entry: Entry, selection: Selection | None, model: str) -> Case:
        """Return what a run asked: its own model as it was asked then, another by its own settings.

        A run of a bundled model has room for short chains alone.
        """
        case = case_of(entry)
        if case is None:
            raise InputError(f"the picture of {entry.row.id} is not here, so it cannot be asked")
        if model != entry.model:
            case = replace(case, settings=None)
        elif case.settings is None and selection is not None:
            runs = map(self.folders.run, selection.runs)
            settings = next(run.settings for run in runs if run.model == entry.model)
            case = replace(case, settings=settings)
        return replace(case, also_clean=False)

    def stop(self, request: gr.Request) -> None:
        """End what runs for this visitor."""
        self.active.stop(request.session_hash)

    def analyze(self, runs: str = "", wanted: str = "") -> dict:
        """Return every figure of some runs under a filter, for programs."""
        folders = [part.strip() for part in (runs or "").split(",") if part.strip()]
        known = {Path(folder).name: folder for folder in self.folders.found()}
        named = [known.get(folder, folder) for folder in folders or self.folders.opening()]
        selection = Selection(tuple(named), filters.from_json(wanted or ""))
        values = to_values(
            Summary(
                len(self.shared.chosen(selection)),
                self.shared.compute(selection, headlines),
                self.shared.compute(selection, details),
            )
        )
        return {"runs": [Path(one).name for one in named]} | values
