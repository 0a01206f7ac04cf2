"""Handlers of the Analyze tab: what people write about cases, one or many."""

from collections.abc import Sequence
from dataclasses import replace

import gradio as gr

from robust_r1.errors import InputError
from robust_r1.ui.analyze.case_handlers import CaseHandlers
from robust_r1.ui.analyze.marks import SeenMarks
from robust_r1.ui.analyze.selection import NO_CASE, Selection
from robust_r1.ui.widgets.chain import idle_line
from robust_r1.ui.widgets.layout import Updates
from robust_r1.ui.widgets.toasts import warn


class MarkHandlers:
    """Keep tags and notes; `tag` is the filter's menu of tags, which grows with them."""

    def __init__(self, cases: CaseHandlers, tag: gr.Dropdown) -> None:
        self.cases, self.part, self.tag = cases, cases.part, tag
        self.shared = cases.shared

    def mark(
        self, selection: Selection | None, seen: str, tags: Sequence[str], note: str
    ) -> Updates:
        """Keep tags and note of the case that they were written beside.

        What others tagged meanwhile stays; a note that somebody else wrote meanwhile stays above.
        """
        if not seen:
            return {self.part.kept: ""}
        before = SeenMarks.read(seen)
        key, old = (before.run, before.case), before.marks
        if (note.strip(), tuple(tags)) == (old.note, old.tags):
            return {self.part.kept: ""}
        tags = [" ".join(tag.split()) for tag in tags]
        if note.strip() != old.note:
            self._write_note(key, note.strip(), old.revision)
        gone = set(old.tags) - set(tags)
        self.shared.notebook.set_tags(*key, [tag for tag in tags if tag not in old.tags], gone)
        _, menu = self.shared.names()
        return {
            **self.cases.redraw_gallery(selection),
            self.part.kept: replace(before, marks=self.shared.notebook.marks(*key)).to_json(),
            self.part.marked: idle_line("Saved."),
            self.tag: gr.Dropdown(choices=menu),
        }

    def _write_note(self, key: tuple[str, str], note: str, revision: int) -> None:
        found = self.shared.notebook.marks(*key)
        if found.revision != revision and found.note and found.note != note:
            note = f"{found.note}\n{note}"
            warn("Somebody else has written a note here meanwhile: yours stands below it.")
        self.shared.notebook.write_note(*key, note, found.revision)

    def tag_all(self, remove: bool, selection: Selection | None, tag: str) -> Updates:
        """Give every case that passes a tag, or take it from them."""
        entries = self.shared.chosen(selection)
        if not entries:
            raise InputError(NO_CASE)
        keys = [(entry.run, entry.row.id) for entry in entries]
        kept = self.shared.notebook.tag_all(keys, tag, remove)
        _, menu = self.shared.names()
        verb = "no longer bear" if remove else "bear"
        return {
            self.part.tagged: idle_line(f'{len(keys)} cases {verb} the tag "{kept}".'),
            self.tag: gr.Dropdown(choices=menu),
        }
