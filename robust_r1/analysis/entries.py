"""What the analyses look at: answered cases of one run or several, each beside its clean twin."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from robust_r1.ask.answered import Answered

LOST, WON = "right to wrong", "wrong to right"


@dataclass(frozen=True)
class Entry:
    """Join one answered case with what a filter asks about it.

    Attributes:
        benchmark, model: of the run that it comes from.
        row: the answered case.
        clean: the same model's answer about the same picture undamaged, if the run holds it.
        names: chain names of everything that was applied or perceived.
        words: everything that was asked and said, in lower case.
    """

    benchmark: str
    model: str
    row: Answered
    clean: Answered | None
    names: frozenset[str]
    words: str

    @property
    def run(self) -> str:
        """Return the name under which marks of the case are kept."""
        return f"{self.benchmark}/{self.model}"

    @property
    def right(self) -> bool | None:
        """Tell whether the answer is right; None where the truth has none."""
        return is_right(self.row)

    @property
    def flip(self) -> str:
        """Return `LOST` or `WON` where the damage turned the answer, else an empty text."""
        if self.clean is None or self.clean is self.row:
            return ""
        before, after = is_right(self.clean), self.right
        if before is None or after is None or before == after:
            return ""
        return LOST if before else WON


def is_right(row: Answered) -> bool | None:
    """Tell whether an answer is right: a caption where it has every fact and no false one."""
    return None if row.accuracy is None else row.accuracy >= 1


def gather(benchmark: str, model: str, rows: Sequence[Answered]) -> tuple[Entry, ...]:
    """Make the entries of one run, in its order."""
    clean = {row.source: row for row in rows if row.known and not row.plan}
    return tuple(
        Entry(
            benchmark, model, row, clean.get(row.source),
            frozenset(finding.name for finding in (*row.true, *row.found)),
            "\n".join((row.id, row.question, *row.choices, row.truth, row.text)).lower(),
        )
        for row in rows
    )  # fmt: skip


def in_order(values: Iterable[str]) -> tuple[str, ...]:
    """Return each value once, in the order in which they first come."""
    return tuple(dict.fromkeys(values))
