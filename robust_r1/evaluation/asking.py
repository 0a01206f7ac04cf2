"""Ask a model what a run lacks: batch by batch, or as many questions at a time as a server takes.

A model of this process is asked in batches cut by item number, since what it says can depend on
what else is in the batch: whoever asks, in how many processes and after however many interruptions,
asks in the same ones. Behind an endpoint each question stands for itself.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from robust_r1.ask.pipeline import request_of
from robust_r1.engine.checkpoint import fingerprint
from robust_r1.engine.eyes import EyesEngine
from robust_r1.engine.types import Answer, Engine, GenerationSettings, ModelInfo, Request
from robust_r1.evaluation.benchmarks import BenchmarkItem
from robust_r1.evaluation.head import note_cases, note_rows, open_head, read_head, unusable_rows
from robust_r1.evaluation.lock import held
from robust_r1.evaluation.published import PublishedItems
from robust_r1.evaluation.ranks import Company, Ranks, part_files, remove_parts
from robust_r1.evaluation.runs import (
    CASES,
    Row,
    Run,
    cut_last,
    judged_rows,
    line_of,
    load_run,
    row_of,
    rows_in,
    write_rows,
)
from robust_r1.records import RecordError

if TYPE_CHECKING:
    from robust_r1.engine.remote import RemoteEngine

Items = Sequence[BenchmarkItem] | PublishedItems
Report = Callable[[int, int, int | None], None]
AT_ONCE = 8  # questions that an endpoint is asked at a time, unless somebody says otherwise
# Questions that a model of this process is asked together. Of each step of a bundled model most is
# spent whatever the number of rows, and its pictures are small; a full-size model's need memory.
_BATCH, _BUNDLED_BATCH = 16, 32
_REMOTE = "remote"  # the precision of what answers behind an endpoint
_ALONE = Ranks()


@dataclass(frozen=True)
class _Work:
    """Say what is asked of whom, and how."""

    engine: Engine
    items: Items
    folder: Path
    settings: GenerationSettings
    at_once: int
    logprobs: bool

    @property
    def batch(self) -> int:
        """Return how many questions are asked together."""
        return batch_of(self.engine.info)


def batch_of(info: ModelInfo) -> int:
    """Return how many questions a model of this process is asked together."""
    return _BUNDLED_BATCH if info.bundled else _BATCH


def evaluate(
    engine: Engine,
    benchmark: str,
    items: Items,
    folder: Path,
    settings: GenerationSettings | None = None,
    progress: Report | None = None,
    terms: Mapping[str, Any] | None = None,
    *,
    ranks: Ranks = _ALONE,
    at_once: int = AT_ONCE,
    logprobs: bool = False,
) -> Run:
    """Answer the items that a run's folder does not hold yet, and return the whole run.

    Args:
        benchmark: name of the items, kept in the folder.
        folder: made if it does not exist; all ranks must see it.
        settings: None for the model's own; kept in the folder.
        progress: called with (cases answered, those of this call, cases or None), of the own share.
        terms: how the items are asked, as JSON values; kept in the folder.
        ranks: which of how many processes this is; all are called alike and return the run.
        at_once: how many questions an endpoint is asked at a time, 1 or more.
        logprobs: whether the odds of the options are kept, see `Engine.option_logprobs`.

    Raises:
        InputError: the folder holds a run of something else, or another process writes there.
        DataError: the folder is damaged, or too many rows of a file cannot be used.
        ModelError: the model failed, or another rank ended too early. What was answered is kept.
    """
    settings = settings or engine.info.defaults
    kept = {**(terms or {}), **({"logprobs": True} if logprobs else {}), **_eyes(engine)}
    work = _Work(engine, items, folder, settings, at_once, logprobs)
    head = _head(work, benchmark, kept)
    folder.mkdir(parents=True, exist_ok=True)
    if ranks.rank:
        return _follow(work, head, ranks, progress)
    with held(folder):
        open_head(folder, head)
        note_cases(folder, None)
        rows = _whole(work, progress) if ranks.size == 1 else _lead(work, ranks, progress)
        note_cases(folder, len(rows))
    judge, rows = judged_rows(folder, rows)
    told = engine.info.name, engine.precision, settings
    unusable = unusable_rows(read_head(folder))
    return Run(folder, benchmark, *told, rows, kept, unusable, judge, engine.info.max_pixels)


def _head(work: _Work, benchmark: str, terms: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "benchmark": benchmark,
        "model": work.engine.info.name,
        "precision": work.engine.precision,
        "settings": asdict(work.settings),
        "max_pixels": work.engine.info.max_pixels,
        "weights": fingerprint(work.engine.info.source),
        "terms": dict(terms),
    }


def _eyes(engine: Engine) -> dict[str, Any]:
    """Return who looks before the model answers, with a fingerprint; nothing of one alone."""
    eyes = engine.info.eyes if isinstance(engine, EyesEngine) else None
    return {"eyes": eyes.name, "eyes_weights": fingerprint(eyes.source)} if eyes else {}


def _lead(work: _Work, ranks: Ranks, progress: Report | None) -> tuple[Row, ...]:
    """Do the share of rank 0, wait for the others, and put the run together."""
    company = Company(work.folder, ranks)
    with company.present():
        share = _Share(work, ranks, work.folder / CASES, progress)
        try:
            share.answer()
        finally:
            _note(work)
        company.wait_for_the_others()
        # Nothing is asked here but what the others could not use, to say why.
        return _whole(work)


def _follow(work: _Work, head: Mapping[str, Any], ranks: Ranks, progress: Report | None) -> Run:
    """Do the share of another rank into a file of its own."""
    company = Company(work.folder, ranks)
    with company.present():
        company.wait_for_main()
        open_head(work.folder, head)
        _Share(work, ranks, company.own_file, progress).answer()
        company.wait_for_the_end()
    return load_run(work.folder)


def _whole(work: _Work, progress: Report | None = None) -> tuple[Row, ...]:
    """Answer all that is missing, and leave the rows of the items in their order."""
    share = _Share(work, _ALONE, work.folder / CASES, progress)
    try:
        share.answer()
    finally:
        _note(work)
    rows = tuple(share.done[id] for id in share.order if id in share.done)
    mine = set(share.order)
    in_order = [id for id in share.written if id in mine] == [row.id for row in rows]
    if part_files(work.folder) or not in_order:
        write_rows(work.folder, (*rows, *(r for id, r in share.done.items() if id not in mine)))
    remove_parts(work.folder)
    return rows


def _note(work: _Work) -> None:
    if isinstance(work.items, PublishedItems):
        note_rows(work.folder, work.items.rows, work.items.unusable, work.items.skipped)


class _Share:
    """Answer what a rank has to answer, and append a line for each case to a file.

    Attributes:
        done: the rows that there are, by id; those of other shares as far as they were there.
        order: the ids of this share's items.
        written: the ids in the run's own file, in its order.
    """

    def __init__(self, work: _Work, ranks: Ranks, path: Path, progress: Report | None) -> None:
        """Read what is done, in whatever part it lies."""
        cut_last(path)
        self._work, self._ranks, self._path, self._progress = work, ranks, path, progress
        self.done: dict[str, Row] = {}
        self.written: list[str] = []
        for row in rows_in(work.folder):
            self.written.append(row.id)
            self.done.setdefault(row.id, row)
        self.order: list[str] = []
        self._new, self._passed = 0, 0

    def answer(self) -> None:
        """Ask for what is missing."""
        with self._path.open("a", encoding="utf-8") as self._file:
            if self._work.engine.precision == _REMOTE:
                self._ask_server(cast("RemoteEngine", self._work.engine))
            else:
                for batch in self._batches():
                    self._ask_together(batch)

    def _batches(self) -> Iterator[list[BenchmarkItem]]:
        """Cut the items by their number, whether they were answered before or not."""
        waiting, number = iter(self._work.items), 0
        while batch := list(islice(waiting, self._work.batch)):
            if self._ranks.has(number):
                self.order += [item.id for item in batch]
                yield batch
            number += 1

    def _ask_together(self, batch: Sequence[BenchmarkItem]) -> None:
        """Ask a batch, all of it where any is missing; a row without a picture is left out."""
        missing = {item.id: request for item, request in self._requests(batch)}
        asked = [item for item in batch if item.id in missing or item.id in self.done]
        if missing:
            work = self._work
            requests = [missing.get(one.id) or request_of(work.engine, one.case) for one in asked]
            answers = work.engine.generate(requests, work.settings, batch_size=work.batch)
            odds = self._odds(asked, requests, answers)
            for item, answer, own in zip(asked, answers, odds, strict=True):
                self._keep(item, answer, own)
        self._passed += len(asked)
        self._report()

    def _ask_server(self, engine: "RemoteEngine") -> None:
        """Ask question by question, several at a time, each for itself."""
        under_way: dict[int, BenchmarkItem] = {}

        def requests() -> Iterator[Request]:
            number = 0
            for batch in self._batches():
                self._passed += sum(item.id in self.done for item in batch)
                for item, request in self._requests(batch):
                    under_way[number], number = item, number + 1
                    yield request

        work = self._work
        with closing(
            engine.answers(requests(), work.settings, work.at_once, logprobs=work.logprobs)
        ) as answers:
            for number, answer in answers:
                item = under_way.pop(number)
                (own,) = self._odds([item], (), [answer])
                self._keep(item, answer, own)
                self._passed += 1
                self._report()

    def _requests(
        self, batch: Iterable[BenchmarkItem]
    ) -> Iterator[tuple[BenchmarkItem, Request]]:
        """Yield what is missing; a row whose picture cannot be decoded is left out."""
        for item in batch:
            if item.id in self.done:
                continue
            try:
                yield item, request_of(self._work.engine, item.case)
            except RecordError as error:
                if not isinstance(self._work.items, PublishedItems):
                    raise
                self._work.items.leave_out(error, item.source)

    def _odds(
        self,
        items: Sequence[BenchmarkItem],
        requests: Sequence[Request],
        answers: Sequence[Answer],
    ) -> list[tuple[float, ...]]:
        if not self._work.logprobs:
            return [()] * len(items)
        labels = [item.case.labels for item in items]
        return self._work.engine.option_logprobs(requests, answers, labels, self._work.batch)

    def _keep(self, item: BenchmarkItem, answer: Answer, odds: tuple[float, ...]) -> None:
        if item.id in self.done:
            return
        row = self.done[item.id] = row_of(item, answer, odds)
        self._file.write(line_of(row))
        self._file.flush()
        self.written.append(item.id)
        self._new += 1

    def _report(self) -> None:
        if self._progress:
            total = None if isinstance(self._work.items, PublishedItems) else self._total()
            self._progress(self._passed, self._new, total)

    def _total(self) -> int:
        items = cast(Sequence[BenchmarkItem], self._work.items)
        size = self._work.batch
        starts = range(0, len(items), size)
        mine = [at for number, at in enumerate(starts) if self._ranks.has(number)]
        return sum(min(size, len(items) - at) for at in mine)
