"""Evaluation runs: a folder with one line per case, written as the answers come, resumable.

`run.json` says what was run: benchmark, model and a fingerprint of its weights, settings.
`cases.jsonl` holds a line for each case that was answered. A run that was interrupted goes on where
it was; a folder made with another benchmark, model or weights is refused, so that no two mix.
"""

import json
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any

from robust_r1.ask.case import Case
from robust_r1.ask.picture import example_of
from robust_r1.ask.pipeline import request_of, score_parsed
from robust_r1.chain import Finding, findings_of, parse
from robust_r1.degradations import DegradationPlan
from robust_r1.engine.checkpoint import fingerprint
from robust_r1.engine.types import Answer, Engine, Finish, GenerationSettings, Request
from robust_r1.errors import DataError, InputError
from robust_r1.evaluation.benchmarks import BenchmarkItem, photograph_of
from robust_r1.evaluation.head import note_rows, open_head, read_head, unusable_rows
from robust_r1.evaluation.judgements import JudgedBy, Verdict, verdicts
from robust_r1.evaluation.lock import held
from robust_r1.evaluation.published import PublishedItems
from robust_r1.evaluation.stored_case import from_values, to_values
from robust_r1.metrics import Matching, judge_answer, match_visible, perception_score
from robust_r1.records import RecordError

_CASES = "cases.jsonl"
_BATCH = 16


@dataclass(frozen=True)
class Row:
    """Keep one answered case as a run stores it.

    `accuracy` is 0 or 1, for captions the F1 of their facts, None where the truth has no answer.
    `degradation` is None where the damage is not `known`: the plan is empty then. `category` and
    `language` are a published benchmark's own, `distortion` is R-Bench's number, `picture`
    what rows about the same published picture have in common. `saved` is the whole case of a saved
    answer; None where a benchmark draws the picture. `option_logprobs` are
    the natural logarithms of the probabilities of the options' labels where the answer begins, in
    the order of `choices`; empty where nobody asked for them. `truths` are further right answers,
    or captions.

    Of a run that a judge has looked at, `accuracy` is what the judge's calls come to, and `judged`
    tells whether they came; it is None of rows that no judge is asked about. `exact` is then what
    comparing words had said, `consistency` what the judge says of the answer against the same
    model's own about the undamaged picture, where the run holds that one. What a judge said is kept
    beside the cases, see `judgements`.
    """

    id: str
    source: str
    task: str
    level: str
    question: str
    choices: tuple[str, ...]
    truth: str
    plan: DegradationPlan
    text: str
    tokens: int
    seconds: float
    finish: Finish
    answer: str
    found: tuple[Finding, ...]
    true: tuple[Finding, ...]
    well_formed: bool
    accuracy: float | None
    degradation: float | None
    saved: Case | None = None
    known: bool = True
    lettered: bool = False
    category: str = ""
    language: str = ""
    distortion: int | None = None
    picture: str = ""
    option_logprobs: tuple[float, ...] = ()
    truths: tuple[str, ...] = ()
    judged: bool | None = None
    exact: float | None = None
    consistency: float | None = None

    @cached_property
    def matching(self) -> Matching:
        """Return perceived against applied findings, matched once for all figures.

        Nothing where the damage is not known.
        """
        return match_visible(self.found if self.known else (), self.true)

    @cached_property
    def unparsed(self) -> bool:
        """Tell whether the answer counts as wrong because none was found in the text."""
        if self.accuracy or self.task == "cap":
            return False
        return judge_answer(self.text, self.truth, self.choices, not self.lettered).unparsed

    @cached_property
    def photograph(self) -> str | None:
        """Return the photograph of a benchmark that the picture is a part of, or None.

        The pictures of one photograph hang together, so resamples draw them together.
        """
        return photograph_of(self.source) if self.task == "perception" else None


@dataclass(frozen=True)
class Run:
    """Describe a run: where it lies, what it is of, and its rows in the order of the benchmark.

    `terms` say how it was asked (prompt, where the damage was done, ...), `unusable` which rows of
    its file were left out, and why; both are empty for what an earlier version wrote. `judge` is
    who judged its open answers and captions, or None.
    """

    folder: Path
    benchmark: str
    model: str
    precision: str
    settings: GenerationSettings
    rows: tuple[Row, ...]
    terms: Mapping[str, Any] = field(default_factory=dict)
    unusable: tuple[str, ...] = ()
    judge: JudgedBy | None = None


def evaluate(
    engine: Engine,
    benchmark: str,
    items: Sequence[BenchmarkItem] | PublishedItems,
    folder: Path,
    settings: GenerationSettings | None = None,
    progress: Callable[[int, int, int | None], None] | None = None,
    terms: Mapping[str, Any] | None = None,
) -> Run:
    """Answer the items that a run's folder does not hold yet, and return the whole run.

    A run that was interrupted asks in the same batches as one that was not, since what a model says
    can depend on what else is in the batch: a batch that was cut is asked again as a whole.

    Args:
        engine: the model.
        benchmark: name of the items, kept in the folder.
        items: what is asked.
        folder: made if it does not exist.
        settings: None for the model's own; kept in the folder.
        progress: called with (cases answered, how many of them by this call, cases in all or None
            where nobody knows).
        terms: how the items are asked, as JSON values; kept in the folder.

    Raises:
        InputError: the folder holds a run of something else, or another process writes there.
        DataError: the folder is damaged, or too many rows of a file cannot be used.
    """
    settings = settings or engine.info.defaults
    head: dict[str, Any] = {
        "benchmark": benchmark,
        "model": engine.info.name,
        "precision": engine.precision,
        "settings": asdict(settings),
        "max_pixels": engine.info.max_pixels,
        "weights": fingerprint(engine.info.source),
        "terms": dict(terms or {}),
    }
    folder.mkdir(parents=True, exist_ok=True)
    with held(folder):
        open_head(folder, head)
        _cut(folder / _CASES)
        rows = _answer(engine, items, folder, settings, progress)
    unusable = unusable_rows(read_head(folder))
    told = engine.info.name, engine.precision, settings
    judge, rows = _judged(folder, rows)
    return Run(folder, benchmark, *told, rows, head["terms"], unusable, judge)


def _answer(
    engine: Engine,
    items: Sequence[BenchmarkItem] | PublishedItems,
    folder: Path,
    settings: GenerationSettings,
    progress: Callable[[int, int, int | None], None] | None,
) -> tuple[Row, ...]:
    """Write the rows that are missing, and return those of the items in their order."""
    done = {row.id: row for row in _rows(folder)}
    total = None if isinstance(items, PublishedItems) else len(items)
    rows: list[Row] = []
    new = 0
    try:
        with (folder / _CASES).open("a", encoding="utf-8") as file:
            for batch in _batches(items):
                asked, requests = _requests(engine, batch, done, items)
                answers = engine.generate(requests, settings, batch_size=_BATCH) if asked else ()
                for item, answer in zip(asked, answers, strict=True):
                    if item.id not in done:
                        done[item.id] = row_of(item, answer)
                        new += 1
                        file.write(_line(done[item.id]) + "\n")
                file.flush()
                rows += [done[item.id] for item in batch if item.id in done]
                if progress:
                    progress(len(rows), new, total)
    finally:
        if isinstance(items, PublishedItems):
            note_rows(folder, items.rows, items.unusable)
    return tuple(rows)


def _batches(items: Iterable[BenchmarkItem]) -> Iterator[list[BenchmarkItem]]:
    """Cut the items by their number, whether they were answered before or not."""
    waiting = iter(items)
    while batch := list(islice(waiting, _BATCH)):
        yield batch


def _requests(
    engine: Engine,
    batch: Sequence[BenchmarkItem],
    done: Container[str],
    items: Sequence[BenchmarkItem] | PublishedItems,
) -> tuple[list[BenchmarkItem], list[Request]]:
    """Return what of a batch is asked, and how; nothing where all of it is done.

    A row whose picture cannot be decoded is left out.
    """
    missing: dict[str, Request] = {}
    for item in batch:
        if item.id in done:
            continue
        try:
            missing[item.id] = request_of(engine, item.case)
        except RecordError as error:
            if not isinstance(items, PublishedItems):
                raise
            items.leave_out(error)
    if not missing:
        return [], []
    asked = [item for item in batch if item.id in missing or item.id in done]
    return asked, [missing.get(item.id) or request_of(engine, item.case) for item in asked]


def write_run(folder: Path, head: dict, rows: Sequence[Row]) -> None:
    """Write a whole run that no engine made here: its head without the format, and its rows."""
    open_head(folder, head)
    (folder / _CASES).write_text("".join(_line(row) + "\n" for row in rows), encoding="utf-8")


def load_run(folder: Path) -> Run:
    """Read a run from its folder.

    Raises:
        InputError: the folder is no run, or one of another format.
        DataError: a line cannot be read; the text names file and line.
    """
    head = read_head(folder)
    try:
        settings = GenerationSettings(**head["settings"])
        benchmark, model = str(head["benchmark"]), str(head["model"])
        precision, terms = str(head["precision"]), dict(head.get("terms", {}))
        unusable = unusable_rows(head)
    except (KeyError, TypeError, InputError) as error:
        raise InputError(f"{folder / 'run.json'} is not as evaluate writes it: {error}") from error
    rows: dict[str, Row] = {}
    for row in _rows(folder):
        rows.setdefault(row.id, row)  # two processes could once write into one folder
    told = benchmark, model, precision, settings
    judge, found = _judged(folder, tuple(rows.values()))
    return Run(folder, *told, found, terms, unusable, judge)


def _judged(folder: Path, rows: Sequence[Row]) -> tuple[JudgedBy | None, tuple[Row, ...]]:
    """Return who judged a run, if anybody did, and its rows with what came of that."""
    judge, found = verdicts(folder, rows)
    return judge, tuple(_with(row, found[row.id]) if row.id in found else row for row in rows)


def _with(row: Row, said: Verdict) -> Row:
    judged = said.accuracy is not None
    return replace(
        row, accuracy=said.accuracy, judged=judged, exact=row.accuracy, consistency=said.consistency
    )


def row_of(item: BenchmarkItem, answer: Answer) -> Row:
    """Score an answer to an item; evaluation stores what comes of it."""
    case, parsed = item.case, answer.parsed
    return Row(
        id=item.id,
        source=item.source,
        task=item.task,
        level=item.level,
        question=case.question,
        choices=case.choices,
        truth=case.truth,
        plan=case.plan,
        text=answer.text,
        tokens=answer.tokens,
        seconds=round(answer.seconds, 4),
        finish=answer.finish,
        answer=parsed.chain.answer,
        found=parsed.chain.findings,
        true=case.applied,
        well_formed=parsed.well_formed,
        accuracy=_accuracy(item, answer),
        degradation=perception_score(parsed, case.applied) if item.known else None,
        known=item.known,
        lettered=case.lettered,
        category=item.category,
        language=item.language,
        distortion=item.distortion,
        picture=item.picture,
        truths=item.truths,
    )


def _accuracy(item: BenchmarkItem, answer: Answer) -> float | None:
    """Score an answer against each of its truths; a photograph's caption takes a judge: None."""
    if item.task == "cap" and example_of(item.case.picture) is None:
        return None
    truths = (item.case.truth, *item.truths)
    cases = [replace(item.case, truth=truth) for truth in truths]
    scores = [score_parsed(case, answer.parsed, text=answer.text).accuracy for case in cases]
    return max((score for score in scores if score is not None), default=None)


_STORED = (
    "id", "source", "task", "level", "question", "choices", "truth", "text", "tokens", "seconds",
    "finish", "accuracy", "degradation",
)  # fmt: skip
# Stored where they say something; before them every row was as these say.
_USUAL: dict[str, Any] = {
    "known": True,
    "lettered": False,
    "category": "",
    "language": "",
    "distortion": None,
    "picture": "",
    "option_logprobs": (),
    "truths": (),
}


def _line(row: Row) -> str:
    """Write a row; what follows from the text and the plan is not stored twice."""
    values = {name: getattr(row, name) for name in _STORED}
    if row.judged is not None:
        values["accuracy"] = row.exact
    values["plan"] = json.loads(row.plan.to_json())
    values |= {name: value for name, usual in _USUAL.items()
               if (value := getattr(row, name)) != usual}  # fmt: skip
    if row.saved is not None:
        values["kept"] = to_values(row.saved)
    return json.dumps(values, ensure_ascii=False)


def _cut(path: Path) -> None:
    """Cut off a last line that was left in mid-writing, so that its case is asked again."""
    whole = path.read_bytes() if path.exists() else b""
    kept = whole[: whole.rfind(b"\n") + 1]
    if len(kept) < len(whole):
        path.write_bytes(kept)


def _rows(folder: Path) -> Iterator[Row]:
    """Read the whole lines; one that is still being written is left alone, and left out."""
    path = folder / _CASES
    if not path.exists():
        return
    whole = path.read_bytes()
    kept = whole[: whole.rfind(b"\n") + 1]
    for number, line in enumerate(kept.decode("utf-8", "replace").split("\n")[:-1], 1):
        try:
            yield _parsed(json.loads(line), folder)
        except (ValueError, KeyError, TypeError, AttributeError, InputError) as error:
            raise DataError(
                f"{path}, line {number}: {error}; delete the line to have its case asked again"
            ) from error


def _parsed(values: dict, folder: Path) -> Row:
    plan = DegradationPlan.from_values(values["plan"])
    parsed = parse(values["text"])
    fields = {name: values[name] for name in _STORED}
    fields |= {name: values.get(name, usual) for name, usual in _USUAL.items()}
    fields["choices"] = tuple(fields["choices"])
    fields["option_logprobs"] = tuple(fields["option_logprobs"])
    fields["truths"] = tuple(fields["truths"])
    case = Case(None, plan, fields["question"], fields["choices"], fields["truth"])
    kept = values.get("kept")
    return Row(
        **fields,
        plan=plan,
        answer=parsed.chain.answer,
        found=parsed.chain.findings,
        true=findings_of(plan),
        well_formed=parsed.well_formed,
        saved=from_values(kept, case, folder) if kept else None,
    )
