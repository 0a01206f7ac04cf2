"""Evaluation runs: a folder with one line per case, written as the answers come, resumable.

`run.json` says what was run: benchmark, model and a fingerprint of its weights, settings.
`cases.jsonl` holds a line for each case that was answered. A run that was interrupted goes on where
it was; a folder made with another benchmark, model or weights is refused, so that no two mix.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from robust_r1.ask.case import Case
from robust_r1.ask.picture import example_of
from robust_r1.ask.pipeline import score_parsed
from robust_r1.chain import Finding, findings_of, parse
from robust_r1.degradations import DegradationPlan
from robust_r1.engine.types import Answer, Finish, GenerationSettings
from robust_r1.errors import DataError, InputError
from robust_r1.evaluation.benchmarks import BenchmarkItem, photograph_of
from robust_r1.evaluation.head import open_head, read_head, unusable_rows
from robust_r1.evaluation.judgements import JudgedBy, Verdict, verdicts
from robust_r1.evaluation.ranks import part_files
from robust_r1.evaluation.stored_case import from_values, to_values
from robust_r1.metrics import Matching, judge_answer, match_visible, perception_score

CASES = "cases.jsonl"


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
    or captions. `remark` says what was not as it was asked for, where one model perceived and
    another answered.

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
    remark: str = ""

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
    def cluster(self) -> str:
        """Name what resamples draw as one: the photograph, the published picture, or the source.

        All that is asked about one picture hangs together, at whatever level, as the views of one
        photograph do.
        """
        if self.task == "perception" and (shown := photograph_of(self.source)):
            return shown
        return self.picture or self.source


@dataclass(frozen=True)
class Run:
    """Describe a run: where it lies, what it is of, and its rows in the order of the benchmark.

    `terms` say how it was asked (prompt, where the damage was done, ...), `unusable` which rows of
    its file were left out, and why; both are empty for what an earlier version wrote. `judge` is
    who judged its open answers and captions, or None. `max_pixels` is what pictures were fitted to;
    0 where that was not kept.
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
    max_pixels: int = 0

    @property
    def eyes(self) -> str:
        """Return the name of the model that perceived; empty where the answering one did."""
        return str(self.terms.get("eyes", ""))


def write_run(folder: Path, head: dict, rows: Sequence[Row]) -> None:
    """Write a whole run that no engine made here: its head without the format, and its rows."""
    open_head(folder, head)
    write_rows(folder, rows)


def write_rows(folder: Path, rows: Iterable[Row]) -> None:
    """Write all rows of a run anew, in this order: whole or not at all."""
    partial = folder / f"{CASES}.partial"
    with partial.open("w", encoding="utf-8") as file:
        file.writelines(map(line_of, rows))
    partial.replace(folder / CASES)


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
        unusable, most = unusable_rows(head), int(head.get("max_pixels") or 0)
    except (KeyError, TypeError, ValueError, InputError) as error:
        raise InputError(f"{folder / 'run.json'} is not as evaluate writes it: {error}") from error
    rows: dict[str, Row] = {}
    for row in rows_in(folder):
        rows.setdefault(row.id, row)  # two processes could once write into one folder
    told = benchmark, model, precision, settings
    judge, found = judged_rows(folder, tuple(rows.values()))
    return Run(folder, *told, found, terms, unusable, judge, most)


def judged_rows(
    folder: Path, rows: Sequence[Row]
) -> tuple[JudgedBy | None, tuple[Row, ...]]:
    """Return who judged a run, if anybody did, and its rows with what came of that."""
    judge, found = verdicts(folder, rows)
    return judge, tuple(_with(row, found[row.id]) if row.id in found else row for row in rows)


def _with(row: Row, said: Verdict) -> Row:
    judged = said.accuracy is not None
    return replace(
        row, accuracy=said.accuracy, judged=judged, exact=row.accuracy, consistency=said.consistency
    )


def row_of(item: BenchmarkItem, answer: Answer, odds: tuple[float, ...] = ()) -> Row:
    """Score an answer to an item; evaluation stores what comes of it, with its options' odds."""
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
        option_logprobs=odds,
        truths=item.truths,
        remark=answer.sight.remark if answer.sight else "",
    )


def _accuracy(item: BenchmarkItem, answer: Answer) -> float | None:
    """Score an answer against each of its truths; a photograph's caption takes a judge: None."""
    if item.task == "cap" and example_of(item.case.picture) is None:
        return None
    truths = (item.case.truth, *item.truths)
    cases = [replace(item.case, truth=truth) for truth in truths]
    scores = [score_parsed(case, answer.parsed, text=answer.reply).accuracy for case in cases]
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
    "remark": "",
}


def line_of(row: Row) -> str:
    """Write a row as a line; what follows from the text and the plan is not stored twice."""
    values = {name: getattr(row, name) for name in _STORED}
    if row.judged is not None:
        values["accuracy"] = row.exact
    values["plan"] = json.loads(row.plan.to_json())
    values |= {name: value for name, usual in _USUAL.items()
               if (value := getattr(row, name)) != usual}  # fmt: skip
    if row.saved is not None:
        values["kept"] = to_values(row.saved)
    return json.dumps(values, ensure_ascii=False) + "\n"


def cut_last(path: Path) -> None:
    """Cut off a last line that was left in mid-writing, so that its case is asked again."""
    whole = path.read_bytes() if path.exists() else b""
    kept = whole[: whole.rfind(b"\n") + 1]
    if len(kept) < len(whole):
        path.write_bytes(kept)


def rows_in(folder: Path) -> Iterator[Row]:
    """Read the whole lines of a run, those of parts that ranks left behind after its own.

    A line that is still being written is left alone, and left out. An id may come twice.

    Raises:
        DataError: a line cannot be read; the text names file and line.
    """
    for path in (folder / CASES, *part_files(folder)):
        if path.exists():
            yield from _rows_of(path, folder)


def _rows_of(path: Path, folder: Path) -> Iterator[Row]:
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
