"""Handlers of the Analyze tab: open, filter, look, mark, export."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, fields, replace
from pathlib import Path

import gradio as gr
from gradio.processing_utils import save_bytes_to_cache

from robust_r1.analysis import filters
from robust_r1.analysis.entries import Entry, in_order
from robust_r1.analysis.filters import Filter, select
from robust_r1.chain import StreamParser
from robust_r1.engine import Engine, TextDelta
from robust_r1.errors import InputError, RobustR1Error
from robust_r1.evaluation import row_of
from robust_r1.report.files import to_csv, to_jsonl
from robust_r1.report.page import html_report, title_of
from robust_r1.report.pictures import case_of
from robust_r1.report.summary import summarize, to_values
from robust_r1.report.tables import error_table, headline_table, level_table, robustness_table
from robust_r1.store import Marks, Notebook
from robust_r1.ui import analyze_charts, analyze_links, case_view
from robust_r1.ui.asking import Reply
from robust_r1.ui.chain_view import answer_cards, chain_cards, idle_line, problems_list
from robust_r1.ui.charts import empty_chart, findings_chart
from robust_r1.ui.library import Library
from robust_r1.ui.markup import escape
from robust_r1.ui.runs import Runs
from robust_r1.ui.score_view import score_line
from robust_r1.ui.toasts import warn

PAGE = 24  # cases in the gallery at a time
_NAMES = tuple(field.name for field in fields(Filter))
_ANY = Filter()
# The fields whose menus do not depend on the runs; a link sets them by themselves.
PLAIN = ("degradations", "outcome", "flip", "malformed", "text")
_NONE = "No case passes this filter: take something out of it, or clear it."


@dataclass(frozen=True)
class Look:
    """Hold what a visitor looks at: runs by folder, a filter, the place of a case among its cases.

    Small on purpose: the cases themselves are kept once for all visitors.
    """

    runs: tuple[str, ...] = ()
    wanted: Filter = Filter()
    place: int = 0


class AnalyzeEvents:
    """Turn what a visitor does on the Analyze tab into values for its components."""

    def __init__(
        self, library: Library, notebook: Notebook, engines: Mapping[str, Engine], runs: Runs,
        cache: str,
    ) -> None:
        self.library = library
        self.notebook = notebook
        self.engines = engines
        self.runs = runs
        self.cache = cache

    def arrive(self, request: gr.Request, look: Look | None) -> list:
        """List the runs there are; for somebody who comes first, open the link's or the bundled."""
        found = self.library.found()
        if look is not None:
            return [gr.Dropdown(choices=_named(found, look.runs)), look, *[gr.skip()] * 11]
        query = dict(request.query_params) if request else {}
        opened, wanted, case, problems = analyze_links.decode(query, found)
        opened = opened or self.library.opening()
        runs, look, *rest = self._opened(opened, found, wanted)
        cases = [_address(entry) for entry in self.chosen(look)]
        if case and case in cases:
            look = replace(look, place=cases.index(case))
        elif case:
            problems.append(f"The link's case {case[:60]!r} is not among the cases of its filter.")
        for problem in problems:
            warn(problem)
        plain = dict(zip(_NAMES, _field_values(wanted), strict=True))
        return [runs, look, *rest, *(plain[key] for key in PLAIN)]

    def _opened(
        self, folders: Sequence[str], found: Sequence[str], wanted: Filter = _ANY
    ) -> list:
        menu = gr.Dropdown(choices=_named(found, folders), value=list(folders))
        return [menu, *self._open(folders, wanted)]

    def describe(self, look: Look | None) -> str:
        """Return the query string of what somebody looks at."""
        entries = self.chosen(look)
        if look is None or not entries:
            return ""
        case = _address(entries[min(look.place, len(entries) - 1)]) if look.place else ""
        return analyze_links.encode(look.runs, look.wanted, case)

    def open_runs(self, folders: Sequence[str], look: Look | None) -> list:
        """Open the runs that were chosen; on a bad one what was open stays."""
        try:
            return [gr.skip(), *self._open(folders)]
        except RobustR1Error as error:
            warn(error)
            return [gr.Dropdown(value=list(look.runs if look else ())), *[gr.skip()] * 7]

    def add_folder(self, folder: str, look: Look | None) -> list:
        """Open the run of a folder, beside those open if it is of their benchmark."""
        if not folder.strip():
            raise InputError("Name the folder of a run, as in runs/my-run.")
        path = str(Path(folder.strip()).expanduser())
        run, opened = self.library.run(path), []
        for other in look.runs if look else ():
            known = self.library.run(other)
            if known.benchmark == run.benchmark and known.model != run.model and other != path:
                opened.append(other)
        opened.append(path)
        return self._opened(opened, self.library.found())

    def _open(self, folders: Sequence[str], wanted: Filter = _ANY) -> list:
        entries = self.library.entries(folders)
        models, tasks, levels = (
            gr.Dropdown(choices=list(in_order((*values, *chosen))), value=list(chosen))
            for values, chosen in (
                ((entry.model for entry in entries), wanted.models),
                ((entry.row.task for entry in entries), wanted.tasks),
                ((entry.row.level for entry in entries), wanted.levels),
            )
        )
        names, tags = self._lists(wanted.tag)
        look = Look(tuple(folders), wanted)
        return [look, models, tasks, levels, tags, names, _count(entries, entries)]

    def _lists(self, tag: str | None = None) -> tuple[gr.Dropdown, gr.Dropdown]:
        """Return the menus of saved filters and of tags; without a notebook they are empty."""
        try:
            names, tags = list(self.notebook.filters()), list(self.notebook.tags())
        except RobustR1Error as error:
            warn(error)
            names, tags = [], []
        tags = in_order((*tags, *([tag] if tag else [])))
        menu = [("any tag or none", ""), *((one, one) for one in tags)]
        chosen = {} if tag is None else {"value": tag}
        return gr.Dropdown(choices=names), gr.Dropdown(choices=menu, **chosen)

    def apply(self, look: Look | None, *values) -> list:
        """Take the filter from the page and show which cases pass."""
        given = dict(zip(_NAMES, values, strict=True))
        wanted = filters.from_values({key: value or _empty(key) for key, value in given.items()})
        look = look or Look()
        look = replace(look, wanted=wanted, place=look.place if look.wanted == wanted else 0)
        return [look, _count(self.chosen(look), self.library.entries(look.runs), wanted)]

    def chosen(self, look: Look | None) -> tuple[Entry, ...]:
        """Return the cases that a visitor looks at."""
        if look is None:
            return ()
        tag = look.wanted.tag
        tagged = self.notebook.tagged(tag) if tag else ()
        return select(self.library.entries(look.runs), look.wanted, tagged)

    def figures(self, look: Look | None) -> list:
        """Return tables and charts of the cases that pass the filter."""
        summary = summarize(self.chosen(look))
        return [
            headline_table(summary),
            analyze_charts.level_chart(summary.levels),
            level_table(summary.levels),
            robustness_table(summary.robustness),
            analyze_charts.confusion_chart(summary.confusion),
            analyze_charts.error_chart(summary.errors),
            error_table(summary),
        ]

    def move(self, look: Look | None, steps: int) -> Look | None:
        """Go on by some cases, not beyond the first and the last."""
        if look is None:
            return None
        last = max(0, len(self.chosen(look)) - 1)
        return replace(look, place=min(max(look.place + steps, 0), last))

    def turn(self, look: Look | None, pages: int) -> Look | None:
        """Go on by some pages of the gallery, to the first case there."""
        if look is None:
            return None
        last = max(0, len(self.chosen(look)) - 1) // PAGE
        return replace(look, place=PAGE * min(max(look.place // PAGE + pages, 0), last))

    def choose(self, look: Look, event: gr.SelectData) -> Look:
        """Go to the case that was clicked."""
        return replace(look, place=look.place // PAGE * PAGE + event.index)

    def show(self, look: Look | None) -> list:
        """Return the gallery's page and the case: picture, chain, scores and marks."""
        entries = self.chosen(look)
        if look is None or not entries:
            empty = idle_line(_NONE)
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
        entry = self._entry(look)
        before = seen or Marks()
        key = (entry.run, entry.row.id)
        tags = [" ".join(tag.split()) for tag in tags]
        if note.strip() != before.note:
            self.notebook.write_note(*key, note, before.revision)
        gone = set(before.tags) - set(tags)
        self.notebook.set_tags(*key, [tag for tag in tags if tag not in before.tags], gone)
        _, menu = self._lists()
        return [self.notebook.marks(*key), idle_line("Saved."), menu]

    def _entry(self, look: Look | None) -> Entry:
        entries = self.chosen(look)
        if look is None or not entries:
            raise InputError(_NONE)
        return entries[min(look.place, len(entries) - 1)]

    def save_filter(self, look: Look | None, name: str | None) -> gr.Dropdown:
        """Keep the filter under the name that was typed."""
        kept = self.notebook.save_filter(name or "", filters.to_json((look or Look()).wanted))
        return gr.Dropdown(choices=list(self.notebook.filters()), value=kept)

    def delete_filter(self, name: str | None) -> gr.Dropdown:
        """Delete the chosen filter."""
        self.notebook.delete_filter(name or "")
        return gr.Dropdown(choices=list(self.notebook.filters()), value=None)

    def load_filter(self, name: str | None) -> list:
        """Put a saved filter into the fields; a name that is not saved yet changes nothing."""
        body = self.notebook.filters().get(name or "")
        if body is None:
            return [gr.skip()] * len(_NAMES)
        wanted = filters.from_json(body)
        return _field_values(wanted)

    def clear_filter(self) -> list:
        """Empty every field of the filter."""
        return [_empty(key) for key in _NAMES] + [None]

    def export(self, look: Look | None, kind: str) -> str:
        """Write the cases that pass the filter into a file, and return its path."""
        entries = self.chosen(look)
        if look is None or not entries:
            raise InputError(_NONE)
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
        entry = self._entry(look)
        case = case_of(entry)
        if case is None:
            raise InputError(f"the picture of {entry.row.id} is not here, so it cannot be asked")
        engine = self.engines[model]
        settings = next(
            run.settings for run in map(self.library.run, look.runs) if run.model == entry.model
        )
        yield idle_line("The model looks at the picture.")
        picture = case.plan.apply(engine.fit(case.picture()))
        parser, answer = StreamParser(), None
        with (
            self.runs.begin(request.session_hash) as stop,
            closing(engine.stream(picture, case.prompt, settings, stop)) as events,
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
        return {"runs": [Path(one).name for one in named]} | to_values(summarize(self.chosen(look)))


def _field_values(wanted: Filter) -> list:
    values = (getattr(wanted, key) for key in _NAMES)
    return [list(value) if isinstance(value, tuple) else value for value in values]


def _empty(key: str) -> object:
    default = getattr(Filter(), key)
    return list(default) if isinstance(default, tuple) else default


def _named(found: Sequence[str], opened: Sequence[str] = ()) -> list[tuple[str, str]]:
    return [(Path(folder).name, folder) for folder in dict.fromkeys((*found, *opened))]


def _count(chosen: Sequence[Entry], entries: Sequence[Entry], wanted: Filter | None = None) -> str:
    if not entries:
        return idle_line("No run is open: choose one above, or make one with evaluate.")
    if not chosen:
        return f'<p class="rr-notice" role="status">{_NONE}</p>'
    about = f" ({escape(wanted, 300)})" if wanted and str(wanted) else ""
    return (
        f'<p class="rr-status" role="status" aria-live="polite"><b>{len(chosen)}</b> of '
        f"{len(entries)} cases{about}. Figures and cases below are of these.</p>"
    )


def _address(entry: Entry) -> str:
    """Name a case in a link: its id alone is that of the same case of every model."""
    return f"{entry.model}/{entry.row.id}"
