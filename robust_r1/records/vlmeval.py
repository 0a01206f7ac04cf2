"""VLMEvalKit's tables: tab-separated questions with their pictures in base64.

A picture cell of at most 64 characters names another row's index and shares its picture; a list of
texts in it is several pictures. Options stand in columns A, B, ..., where a cell may be missing,
empty or `nan`, or inside the question, as MMStar has them. Any table put as NAME.tsv into the
user's LMUData folder loads there as a multiple-choice set, so corrupted copies are named
NAME_Robust_25.tsv, NAME_Robust_50.tsv and NAME_Robust_100.tsv.

The same row in another dress is read here too: a table of questions about picture files, and a
parquet file with the bytes of its pictures.
"""

from pathlib import Path

from robust_r1.records.item import (
    LazyPicture,
    PictureBytes,
    PictureCell,
    Pictures,
    PublishedItem,
    base64_texts,
    files_of,
)
from robust_r1.records.lines import Place
from robust_r1.records.names import Header
from robust_r1.records.options import (
    LETTERS,
    letter_of,
    list_literal,
    option_of_letter,
    option_of_number,
    options_in,
    texts_of,
)
from robust_r1.records.tables import Row, Table

LONGEST_REFERENCE = 64
_MISSING = ("", "nan", "<na>")  # what an empty cell becomes on its way through a data frame
PICTURES = ("image", "image_path")
_CHOICES = ("choices", "options")  # all of them in one cell
_SUBCATEGORIES = ("l2_category", "l2-category", "L2_category")
_LANGUAGES = ("language", "lang")
_NAMED = (
    *("index", "question", "hint", "answer", "category", "split"),
    *(*PICTURES, *_CHOICES, *_SUBCATEGORIES, *_LANGUAGES),
)


class EmbeddedPictures:
    """Find the pictures of a table's rows: in base64, shared with another row, or in files.

    Rows are found by byte offsets, which are noted as rows come by. A picture that a later row has
    makes the reader look ahead, no farther than to that row.
    """

    def __init__(self, table: Table, folder: Path) -> None:
        """Take the table, and the folder that `image_path` is relative to."""
        self.table, self.folder = table, folder
        # Offset, line and number of pictures of each row; None for a row that has none of its own.
        self._owners: dict[str, tuple[int, int, int] | None] = {}
        self._seen = (table.start, table.first_line)

    def of(self, row: Row) -> tuple[LazyPicture, ...]:
        """Return a row's pictures; raises RecordError where it has none."""
        self._note(row)
        cell = _cell(row, "image")
        if not cell:
            names = _cell(row, "image_path")
            if not names:
                wrong, mend = "a row without a picture", "put base64 or another row's index there"
                raise row.place.at("image").fault(wrong, mend)
            at = row.place.at("image_path")
            return files_of(list_literal(names) or [names], self.folder, at)
        at = row.place.at("image")
        if len(cell) <= LONGEST_REFERENCE:
            return self._shared(cell, row, at)
        where = row.offset, row.place.line, len(base64_texts(cell))
        return self._cells(at, _cell(row, "index"), *where)

    def _shared(self, index: str, row: Row, at: Place) -> tuple[LazyPicture, ...]:
        if index == _cell(row, "index"):
            raise at.fault(f"the picture {index!r} is the row itself", "put base64 there")
        if index not in self._owners:
            self._look_ahead(index)
        owner = self._owners.get(index)
        if owner is not None:
            return self._cells(at, index, *owner)
        missing = f"the picture {index!r} is neither base64 nor the index of a row"
        empty = f"the row {index!r}, whose picture this one shows, has none of its own"
        wrong = empty if index in self._owners else missing
        raise at.fault(wrong, "put a picture there, or the index of a row that has one")

    def _cells(
        self, at: Place, index: str, offset: int, line: int, count: int
    ) -> tuple[LazyPicture, ...]:
        return tuple(
            PictureCell(at, table=self.table, offset=offset, line=line, part=part, owner=index)
            for part in range(count)
        )

    def _note(self, row: Row) -> None:
        cell = _cell(row, "image")
        owns = len(cell) > LONGEST_REFERENCE
        where = (row.offset, row.place.line, len(base64_texts(cell))) if owns else None
        self._owners.setdefault(_cell(row, "index"), where)
        self._seen = max(self._seen, (row.end, row.next_line))

    def _look_ahead(self, index: str) -> None:
        for row in self.table.rows(*self._seen):
            if isinstance(row, Row):
                self._note(row)
                if index in self._owners:
                    return


class BlobPictures:
    """Find the pictures of rows that hold them as bytes."""

    def __init__(self, column: str) -> None:
        """Take the column's name."""
        self.column = column

    def of(self, row: Row) -> tuple[LazyPicture, ...]:
        """Return a row's pictures; raises RecordError where it has none."""
        at, found = row.place.at(self.column), row.blobs[self.column]
        if not found or not all(found):
            raise at.fault("a row without a picture", "leave the row out")
        return tuple(PictureBytes(at, data) for data in found)


def question_item(row: Row, header: Header, pictures: Pictures) -> PublishedItem:
    """Turn a row into an item.

    Raises:
        RecordError: no index, no question, no picture, or an answer that names none of the options.
    """
    number = str(row.place.line)  # of a table that has no index
    index = _cell(row, "index") if "index" in row.cells else number
    if not index:
        raise row.place.at("index").fault("a row without index", "number each row")
    # First of all, so that the picture is known to rows that share it, whatever ails this one.
    shown = pictures(row)
    written = _cell(row, "question")
    if not written:
        raise row.place.at("question").fault("a row without question", "fill it in")
    question, choices, truths = _asked(row, header, written)
    named = {*_NAMED, *header.letters}
    return PublishedItem(
        benchmark=header.benchmark,
        id=index,
        question=question,
        pictures=shown,
        choices=choices,
        truths=truths,
        task="mcq" if choices else "vqa",
        hint=_cell(row, "hint"),
        category=_cell(row, "category"),
        subcategory=_first(row, _SUBCATEGORIES),
        split=_cell(row, "split"),
        language=_first(row, _LANGUAGES) or header.language,
        damage=header.damage,
        written=written,
        place=row.place,
        extra=tuple((name, text) for name, text in row.cells.items() if name not in named),
    )


def _asked(row: Row, header: Header, written: str) -> tuple[str, tuple[str, ...], tuple[str, ...]]:
    """Return the question, its choices and its truths."""
    answer, at = _cell(row, "answer"), row.place.at("answer")
    listed = _first(row, _CHOICES)
    if listed:
        choices = tuple(list_literal(listed) or map(str.strip, listed.split("|")))
        lettered = dict(zip(LETTERS, choices, strict=False))
        truth = option_of_number(answer, choices) or option_of_letter(answer, lettered)
        return written, choices, _named(truth, answer, at)
    question, options = (
        written,
        {letter: text for letter in header.letters if (text := _cell(row, letter))},
    )
    if not options:
        question, options = options_in(written)
        # An open question may well have lettered parts: its answer is none of the letters.
        if options and answer and option_of_letter(answer, options) is None:
            question, options = written, {}
    if not options:
        if header.letters and letter_of(answer) in header.letters:
            wrong = f"the answer {answer} names an option, and there are none"
            raise at.fault(wrong, "write the options into their columns or the question")
        return question, (), texts_of(answer)
    return question, tuple(options.values()), _named(option_of_letter(answer, options), answer, at)


def _named(truth: str | None, answer: str, at: Place) -> tuple[str, ...]:
    """Return an option's text as the truths; raise RecordError where the answer names none."""
    if truth is None and answer:
        raise at.fault(f"the answer {answer!r} names none of the options", "correct the answer")
    return () if truth is None else (truth,)


def _cell(row: Row, name: str) -> str:
    """Return a cell's text without outer space; empty for a missing one."""
    text = row.cells.get(name, "").strip()
    return "" if text.lower() in _MISSING else text


def _first(row: Row, names: tuple[str, ...]) -> str:
    return next(filter(None, (_cell(row, name) for name in names)), "")
