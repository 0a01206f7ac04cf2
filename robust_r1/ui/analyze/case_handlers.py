"""Handlers of the Analyze tab: figures, and one case: look, mark, ask again, export."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import gradio as gr
from gradio.processing_utils import save_bytes_to_cache

from robust_r1.analysis import filters
from robust_r1.analysis.entries import Entry
from robust_r1.ask.pipeline import Reply
from robust_r1.chain import StreamParser
from robust_r1.engine import Engine, Request, TextDelta
from robust_r1.errors import InputError, RobustR1Error
from robust_r1.evaluation import row_of
from robust_r1.report.files import to_csv, to_jsonl
from robust_r1.report.page import html_report, title_of
from robust_r1.report.pictures import case_of
from robust_r1.report.summary import Summary, details, headlines, to_values
from robust_r1.report.tables import error_table, headline_table, level_table, robustness_table
from robust_r1.store import Marks
from robust_r1.ui.analyze import case_view
from robust_r1.ui.analyze import charts as analyze_charts
from robust_r1.ui.analyze.selection import NONE, Look, Shelf
from robust_r1.ui.widgets.active_answers import Runs
from robust_r1.ui.widgets.chain import answer_cards, chain_cards, idle_line, problems_list
from robust_r1.ui.widgets.findings_chart import empty_chart, findings_chart
from robust_r1.ui.widgets.scores import score_line
from robust_r1.ui.widgets.toasts import warn

PAGE = 24  # cases in the gallery at a time


class CaseEvents:
    """Turn what a visitor does with the cases in sight into values for the components below."""

    def __init__(
        self, shelf: Shelf, engines: Mapping[str, Engine], runs: Runs, cache: str
    ) -> None:
        self.shelf = shelf
        self.library, self.notebook = shelf.library, shelf.notebook
        self.engines = engines
        self.runs = runs
        self.cache = cache

    def headline(self, look: Look | None) -> str:
        """Return the headline figures of the cases that pass the filter."""
        return headline_table(self.shelf.figures(look, headlines))

    def details(self, look: Look | None) -> list:
        """Return the other tables and charts of the cases that pass, and no mark that they wait."""
        found = self.shelf.figures(look, details)
        return [
            analyze_charts.level_chart(found.levels),
            level_table(found.levels),
            robustness_table(found.robustness),
            analyze_charts.confusion_chart(found.confusion),
            analyze_charts.error_chart(found.errors),
            error_table(found.errors),
            "",
        ]

    def move(self, look: Look | None, steps: int) -> Look | None:
        """Go on by some cases, not beyond the first and the last."""
        if look is None:
            return None
        last = max(0, len(self.shelf.chosen(look)) - 1)
        return replace(look, place=min(max(look.place + steps, 0), last))

    def turn(self, look: Look | None, pages: int) -> Look | None:
        """Go on by some pages of the gallery, to the first case there."""
        if look is None:
            return None
        last = max(0, len(self.shelf.chosen(look)) - 1) // PAGE
        return replace(look, place=PAGE * min(max(look.place // PAGE + pages, 0), last))

    def choose(self, look: Look, event: gr.SelectData) -> Look:
        """Go to the case that was clicked."""
        return replace(look, place=look.place // PAGE * PAGE + event.index)

    def show(self, look: Look | None) -> list:
        """Return the gallery's page and the case: picture, chain, scores and marks."""
        entries = self.shelf.chosen(look)
        if look is None or not entries:
            empty = idle_line(NONE)
            return [gr.Gallery([], selected_index=None), empty, None, "", "", "", "", "",
                    empty_chart("No case."), "", gr.Dropdown(value=[]), "", Marks(), ""]
        place = min(look.place, len(entries) - 1)
        entry, first = entries[place], place // PAGE * PAGE
        outcome = case_view.outcome_of(entry.row, entry.clean, entry.model)
        engine = self.engines.get(entry.model)
        files = case_view.thumbnails(entries[first : first + PAGE], self.cache)
        try:
            marks, known = self._marks(entry), list(self.notebook.tags())
        except RobustR1Error as error:
            warn(error)
            marks, known = Marks(), []
        return [
            gr.Gallery(files, selected_index=place - first),
            case_view.heading(entry, place, len(entries)),
            files[place - first][0] if case_of(entry) else None,
            case_view.explore_link(entry, self.engines),
            answer_cards(outcome),
            chain_cards(outcome.reply),
            problems_list(outcome.reply, engine.info.reasons if engine else True),
            score_line(outcome),
            findings_chart(entry.row.found, entry.row.true),
            "",
            gr.Dropdown(choices=known, value=list(marks.tags)),
            marks.note,
            "",
            marks,
        ]

    def _marks(self, entry: Entry) -> Marks:
        return self.notebook.marks(entry.run, entry.row.id)

    def mark(self, look: Look | None, seen: Marks | None, tags: Sequence[str], note: str) -> list:
        """Keep tags and note of the case; what others tagged meanwhile stays."""
        entry = self.shelf.entry(look)
        before = seen or Marks()
        key = (entry.run, entry.row.id)
        tags = [" ".join(tag.split()) for tag in tags]
        if note.strip() != before.note:
            self.notebook.write_note(*key, note, before.revision)
        gone = set(before.tags) - set(tags)
        self.notebook.set_tags(*key, [tag for tag in tags if tag not in before.tags], gone)
        _, tags = self.shelf.names()
        return [self.notebook.marks(*key), idle_line("Saved."), gr.Dropdown(choices=tags)]

    def export(self, look: Look | None, kind: str) -> str:
        """Write the cases that pass the filter into a file, and return its path."""
        entries = self.shelf.chosen(look)
        if look is None or not entries:
            raise InputError(NONE)
        marks = self.notebook.all_marks()
        name, text = {
            "CSV": lambda: ("cases.csv", "\ufeff" + to_csv(entries, marks)),
            "JSONL": lambda: ("cases.jsonl", to_jsonl(entries, marks)),
            "HTML report": lambda: (
                "report.html", html_report(entries, marks, title_of(entries), str(look.wanted))
            ),
        }[kind]()  # fmt: skip
        return save_bytes_to_cache(text.encode(), name, self.cache)

    def ask_again(self, request: gr.Request, look: Look | None, model: str) -> Iterator[str]:
        """Ask a model the case once more, with the run's settings, and compare with the run."""
        entry = self.shelf.entry(look)
        case = case_of(entry)
        if case is None:
            raise InputError(f"the picture of {entry.row.id} is not here, so it cannot be asked")
        engine = self.engines[model]
        kept = entry.row.kept
        settings = kept.settings if kept else next(
            run.settings for run in map(self.library.run, look.runs) if run.model == entry.model
        )
        yield idle_line("The model looks at the picture.")
        picture = case.plan.apply(engine.fit(case.picture()))
        further = (engine.fit(draw()) for draw in case.further)
        asked = Request((picture, *further), case.prompt, case.turns, case.template)
        parser, answer = StreamParser(), None
        with (
            self.runs.begin(request.session_hash) as stop,
            closing(engine.stream(asked, settings, stop)) as events,
        ):
            for event in events:
                if isinstance(event, TextDelta):
                    reply = Reply(parser.text, parser.feed(event.text))
                    yield chain_cards(reply, f"{model}, now")
                else:
                    answer = event
        row = row_of(case, answer)
        outcome = case_view.outcome_of(row, None, model)
        same = "word for word what" if row.text == entry.row.text else "not what"
        words = f"{model} now wrote {same} the run of {entry.model} holds."
        yield (
            idle_line(words)
            + answer_cards(outcome)
            + chain_cards(outcome.reply, f"{model}, now")
            + problems_list(outcome.reply, engine.info.reasons)
            + score_line(outcome)
        )

    def stop(self, request: gr.Request) -> None:
        """End what runs for this visitor."""
        self.runs.stop(request.session_hash)

    def analyze(self, runs: str = "", wanted: str = "") -> dict:
        """Return every figure of some runs under a filter, for programs."""
        folders = [part.strip() for part in (runs or "").split(",") if part.strip()]
        known = {Path(folder).name: folder for folder in self.library.found()}
        named = [known.get(folder, folder) for folder in folders or self.library.opening()]
        look = Look(tuple(named), filters.from_json(wanted or ""))
        values = to_values(
            Summary(
                len(self.shelf.chosen(look)),
                self.shelf.figures(look, headlines),
                self.shelf.figures(look, details),
            )
        )
        return {"runs": [Path(one).name for one in named]} | values
