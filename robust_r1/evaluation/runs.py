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

from robust_r1.chain import Finding, findings_of, parse
from robust_r1.degradations import DegradationPlan
from robust_r1.engine.checkpoint import fingerprint
from robust_r1.engine.types import Answer, Engine, GenerationSettings, Request
from robust_r1.errors import DataError, InputError
from robust_r1.evaluation.cases import Case
from robust_r1.evaluation.kept import Kept
from robust_r1.metrics import Matching, accuracy_score, match_visible, perception_score
from robust_r1.scenes.captions import caption_score

FORMAT = 1
_CASES = "cases.jsonl"
_BATCH = 16


@dataclass(frozen=True)
class Row:
    """Hold one answered case as a run stores it.

    `accuracy` is 0 or 1, for captions the F1 of their facts, None where the truth has no answer.
    `kept` is None where a benchmark draws the picture.
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
    finish: str
    answer: str
    found: tuple[Finding, ...]
    true: tuple[Finding, ...]
    well_formed: bool
    accuracy: float | None
    degradation: float
    kept: Kept | None = None

    @cached_property
    def matching(self) -> Matching:
        """Return perceived against applied findings, matched once for all figures."""
        return match_visible(self.found, self.true)


@dataclass(frozen=True)
class Run:
    """Hold a run: where it lies, what it is of, and its rows in the order of the benchmark."""

    folder: Path
    benchmark: str
    model: str
    precision: str
    settings: GenerationSettings
    rows: tuple[Row, ...]


def evaluate(
    engine: Engine,
    benchmark: str,
    cases: Sequence[Case],
    folder: Path,
    settings: GenerationSettings | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Run:
    """Answer the cases that a run's folder does not hold yet, and return the whole run.

    Args:
        engine: the model.
        benchmark: name of the cases, kept in the folder.
        cases: what is asked.
        folder: made if it does not exist.
        settings: greedy with 320 tokens by default.
        progress: called with (cases answered, cases in all).

    Raises:
        InputError: the folder holds a run of something else.
        DataError: the folder is damaged.
    """
    settings = settings or GenerationSettings(max_new_tokens=320)
    head = {
        "format": FORMAT,
        "benchmark": benchmark,
        "model": engine.info.name,
        "precision": engine.precision,
        "settings": asdict(settings),
        "weights": fingerprint(engine.info.source),
    }
    _open(folder, head)
    _cut(folder / _CASES)
    done = {row.id: row for row in _rows(folder)}
    waiting = [case for case in cases if case.id not in done]
    with (folder / _CASES).open("a", encoding="utf-8") as file:
        for start in range(0, len(waiting), _BATCH):
            batch = waiting[start : start + _BATCH]
            pictures = [case.plan.apply(engine.fit(case.picture())) for case in batch]
            requests = [
                Request.of(picture, case.prompt)
                for picture, case in zip(pictures, batch, strict=True)
            ]
            answers = engine.generate(requests, settings, batch_size=_BATCH)
            for case, answer in zip(batch, answers, strict=True):
                row = row_of(case, answer)
                done[row.id] = row
                file.write(_line(row) + "\n")
            file.flush()
            if progress:
                progress(len(done), len(cases))
    rows = tuple(done[case.id] for case in cases)
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
        names = [str(head[key]) for key in ("benchmark", "model", "precision")]
    except (KeyError, TypeError, InputError) as error:
        raise InputError(f"{folder / 'run.json'} is not as evaluate writes it: {error}") from error
    return Run(folder, *names, settings, tuple(_rows(folder)))


def row_of(case: Case, answer: Answer) -> Row:
    """Score an answer to a case; evaluation stores what comes of it."""
    chain = answer.parsed.chain
    accuracy = accuracy_score(chain.answer, case.answer or None, case.choices)
    if case.task == "cap":
        accuracy = caption_score(chain.answer, case.answer)
    return Row(
        id=case.id,
        source=case.source,
        task=case.task,
        level=case.level,
        question=case.question,
        choices=case.choices,
        truth=case.answer,
        plan=case.plan,
        text=answer.text,
        tokens=answer.tokens,
        seconds=round(answer.seconds, 4),
        finish=answer.finish,
        answer=chain.answer,
        found=chain.findings,
        true=case.findings,
        well_formed=answer.parsed.well_formed,
        accuracy=accuracy,
        degradation=perception_score(answer.parsed, case.findings),
    )


_STORED = (
    "id", "source", "task", "level", "question", "choices", "truth", "text", "tokens", "seconds",
    "finish", "accuracy", "degradation",
)  # fmt: skip


def _line(row: Row) -> str:
    """Write a row; what follows from the text and the plan is not stored twice."""
    values = {name: getattr(row, name) for name in _STORED}
    values["plan"] = json.loads(row.plan.to_json())
    if row.kept is not None:
        values["kept"] = row.kept.to_values()
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
    return Row(
        **fields,
        plan=plan,
        answer=parsed.chain.answer,
        found=parsed.chain.findings,
        true=findings_of(plan),
        well_formed=parsed.well_formed,
        kept=Kept.from_values(values["kept"], folder) if values.get("kept") else None,
    )


def _open(folder: Path, head: dict) -> None:
    if (folder / "run.json").exists():
        found = _head(folder)
        for key, value in head.items():
            if key == "weights" and key not in found:  # a run of before it was kept
                continue
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
