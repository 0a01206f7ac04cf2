"""Evaluation runs: a folder with one line per case, written as the answers come, resumable.

`run.json` says what was run: benchmark, model and a fingerprint of its weights, settings.
`cases.jsonl` holds a line for each case that was answered. A run that was interrupted goes on where
it was; a folder made with another benchmark, model or weights is refused, so that no two mix.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path

from robust_r1.ask.case import Case
from robust_r1.ask.pipeline import request_of, score_parsed
from robust_r1.chain import Finding, findings_of, parse
from robust_r1.degradations import DegradationPlan
from robust_r1.engine.checkpoint import fingerprint
from robust_r1.engine.types import Answer, Engine, Finish, GenerationSettings
from robust_r1.errors import DataError, InputError
from robust_r1.evaluation.benchmarks import BenchmarkItem, photograph_of
from robust_r1.evaluation.stored_case import from_values, to_values
from robust_r1.metrics import Matching, judge_answer, match_visible, perception_score

FORMAT = 1
_CASES = "cases.jsonl"
_BATCH = 16


@dataclass(frozen=True)
class Row:
    """Keep one answered case as a run stores it.

    `accuracy` is 0 or 1, for captions the F1 of their facts, None where the truth has no answer.
    `saved` is the whole case of a saved answer; None where a benchmark draws the picture.
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
    degradation: float
    saved: Case | None = None

    @cached_property
    def matching(self) -> Matching:
        """Return perceived against applied findings, matched once for all figures."""
        return match_visible(self.found, self.true)

    @cached_property
    def unparsed(self) -> bool:
        """Tell whether the answer counts as wrong because none was found in the text."""
        if self.accuracy or self.task == "cap":
            return False
        return judge_answer(self.text, self.truth, self.choices).unparsed

    @cached_property
    def photograph(self) -> str | None:
        """Return the photograph of a benchmark that the picture is a part of, or None.

        The pictures of one photograph hang together, so resamples draw them together.
        """
        return photograph_of(self.source) if self.task == "perception" else None


@dataclass(frozen=True)
class Run:
    """Describe a run: where it lies, what it is of, and its rows in the order of the benchmark."""

    folder: Path
    benchmark: str
    model: str
    precision: str
    settings: GenerationSettings
    rows: tuple[Row, ...]


def evaluate(
    engine: Engine,
    benchmark: str,
    items: Sequence[BenchmarkItem],
    folder: Path,
    settings: GenerationSettings | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Run:
    """Answer the items that a run's folder does not hold yet, and return the whole run.

    Args:
        engine: the model.
        benchmark: name of the items, kept in the folder.
        items: what is asked.
        folder: made if it does not exist.
        settings: None for the model's own; kept in the folder.
        progress: called with (cases answered, cases in all).

    Raises:
        InputError: the folder holds a run of something else.
        DataError: the folder is damaged.
    """
    settings = settings or engine.info.defaults
    head = {
        "format": FORMAT,
        "benchmark": benchmark,
        "model": engine.info.name,
        "precision": engine.precision,
        "settings": asdict(settings),
        "max_pixels": engine.info.max_pixels,
        "weights": fingerprint(engine.info.source),
    }
    _open(folder, head)
    _cut(folder / _CASES)
    done = {row.id: row for row in _rows(folder)}
    waiting = [item for item in items if item.id not in done]
    with (folder / _CASES).open("a", encoding="utf-8") as file:
        for start in range(0, len(waiting), _BATCH):
            batch = waiting[start : start + _BATCH]
            requests = [request_of(engine, item.case) for item in batch]
            answers = engine.generate(requests, settings, batch_size=_BATCH)
            for item, answer in zip(batch, answers, strict=True):
                row = row_of(item, answer)
                done[row.id] = row
                file.write(_line(row) + "\n")
            file.flush()
            if progress:
                progress(len(done), len(items))
    rows = tuple(done[item.id] for item in items)
    return Run(folder, benchmark, engine.info.name, engine.precision, settings, rows)


def write_run(folder: Path, head: dict, rows: Sequence[Row]) -> None:
    """Write a whole run that no engine made here: its head without the format, and its rows."""
    _open(folder, {"format": FORMAT, **head})
    (folder / _CASES).write_text("".join(_line(row) + "\n" for row in rows), encoding="utf-8")


def load_run(folder: Path) -> Run:
    """Read a run from its folder.

    Raises:
        InputError: the folder is no run, or one of another format.
        DataError: a line cannot be read; the text names file and line.
    """
    head = _head(folder)
    try:
        settings = GenerationSettings(**head["settings"])
        benchmark, model = str(head["benchmark"]), str(head["model"])
        precision = str(head["precision"])
    except (KeyError, TypeError, InputError) as error:
        raise InputError(f"{folder / 'run.json'} is not as evaluate writes it: {error}") from error
    return Run(folder, benchmark, model, precision, settings, tuple(_rows(folder)))


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
        accuracy=score_parsed(case, parsed, text=answer.text).accuracy,
        degradation=perception_score(parsed, case.applied),
    )


_STORED = (
    "id", "source", "task", "level", "question", "choices", "truth", "text", "tokens", "seconds",
    "finish", "accuracy", "degradation",
)  # fmt: skip


def _line(row: Row) -> str:
    """Write a row; what follows from the text and the plan is not stored twice."""
    values = {name: getattr(row, name) for name in _STORED}
    values["plan"] = json.loads(row.plan.to_json())
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
    fields["choices"] = tuple(fields["choices"])
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


def _open(folder: Path, head: dict) -> None:
    if (folder / "run.json").exists():
        found = _head(folder)
        for key, value in head.items():
            if key in ("weights", "max_pixels") and key not in found:
                continue  # a run of before they were recorded
            if found.get(key) != value:
                raise InputError(
                    f"{folder} holds a run with {key} {found.get(key)!r}, not {value!r}; "
                    "give another folder with -o"
                )
        return
    folder.mkdir(parents=True, exist_ok=True)
    partial = folder / "run.json.partial"
    partial.write_text(json.dumps(head, indent=1) + "\n", encoding="utf-8")
    partial.replace(folder / "run.json")


def _head(folder: Path) -> dict:
    path = folder / "run.json"
    if not path.is_file():
        raise InputError(f"{folder} is no evaluation run: it has no run.json")
    try:
        head = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{path} cannot be read: {error}") from error
    if not isinstance(head, dict):
        raise InputError(f"{path} is not as evaluate writes it: no JSON object")
    if head.get("format") != FORMAT:
        raise InputError(
            f"{folder} was written in format {head.get('format')}, this version reads {FORMAT}; "
            "run evaluate again"
        )
    return head
