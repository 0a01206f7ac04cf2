"""What the analyses look at: answered cases of one run or several, each beside its clean twin."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from robust_r1.ask.answered import Answered, level_place
from robust_r1.ask.prompts import OURS

LOST, WON = "right to wrong", "wrong to right"


@dataclass(frozen=True)
class Terms:
    """Say how the cases of a run were asked.

    Attributes:
        engine: the model's own name, where runs are told apart by more than that.
        prompt: as `ask.prompts.Prompt` names it.
        degrade_at: "native", "fitted" or "as published"; empty of before that was kept.
        file, bytes: name and size of the published file; empty and 0 of benchmarks made here.
        max_pixels: what pictures were fitted to; 0 where that is not known.
        eyes: the model that perceived, where another one answered; else empty.
    """

    engine: str = ""
    prompt: str = OURS
    degrade_at: str = ""
    file: str = ""
    bytes: int = 0
    max_pixels: int = 0
    eyes: str = ""


@dataclass(frozen=True)
class Entry:
    """Join one answered case with what a filter asks about it.

    Attributes:
        benchmark: of the run that it comes from.
        model: what its column is called: the model, and what else tells its run from others.
        row: the answered case.
        clean: the same model's answer about the same picture undamaged, if the run holds it.
        names: chain names of everything that was applied or perceived.
        words: everything that was asked and said, in lower case.
        terms: how it was asked.
        item: the index of its item in the published file.
    """

    benchmark: str
    model: str
    row: Answered
    clean: Answered | None
    names: frozenset[str]
    words: str
    terms: Terms = Terms()
    item: str = ""

    @property
    def family(self) -> str:
        """Return the benchmark that its own is a part of: without level and language."""
        if not self.terms.file:
            return self.benchmark
        name, language = self.benchmark.partition(", ")[0], self.row.language
        return name.removesuffix(f"_{language}") if language else name

    @property
    def engine(self) -> str:
        """Return the name of the model that answered."""
        return self.terms.engine or self.model

    @property
    def run(self) -> str:
        """Return the name under which marks of the case are kept."""
        asked = "" if self.terms.prompt == OURS else f"/{self.terms.prompt}"
        return f"{self.benchmark}/{self.engine}{asked}"

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


def gather(
    benchmark: str, model: str, rows: Sequence[Answered], terms: Terms | None = None
) -> tuple[Entry, ...]:
    """Make the entries of one run, in its order."""
    clean, terms = _clean(rows), terms or Terms()
    return tuple(
        Entry(
            benchmark, model, row, clean.get(row.source),
            frozenset(finding.name for finding in (*row.true, *row.found)),
            "\n".join((row.id, row.question, *row.choices, row.truth, row.text)).lower(),
            terms, row.source,
        )
        for row in rows
    )  # fmt: skip


def with_twins(entries: Sequence[Entry]) -> tuple[Entry, ...]:
    """Give entries of one model, of several runs, the clean twins that another run holds."""
    clean = _clean([entry.row for entry in entries])
    return tuple(
        entry if entry.clean is not None else replace(entry, clean=clean.get(entry.row.source))
        for entry in entries
    )


def _clean(rows: Iterable[Answered]) -> dict[str, Answered]:
    return {row.source: row for row in rows if row.known and not row.plan}


def by_model_and_level(entries: Sequence[Entry]) -> Iterator[tuple[str, str, list[Entry]]]:
    """Yield each model and level with its cases, in the order of the levels."""
    parts: dict[tuple[str, str], list[Entry]] = {}
    for entry in entries:
        parts.setdefault((entry.model, entry.row.level), []).append(entry)
    for model in in_order(entry.model for entry in entries):
        own = [(level, chosen) for (other, level), chosen in parts.items() if other == model]
        for level, chosen in sorted(own, key=lambda pair: level_place(pair[0])):
            yield model, level, chosen


def in_order(values: Iterable[str]) -> tuple[str, ...]:
    """Return each value once, in the order in which they first come."""
    return tuple(dict.fromkeys(values))
