"""What a judge said of a run's open answers and captions, in a file beside its cases.

`judgements.jsonl` begins with a line that says who judged, with which prompts; each further line is
a reply under a key, which is the hash of what was judged: question, right answer, answer, judge's
model, prompts. So cases are never rewritten, the same words are judged once, an answer that became
another one is not judged until it is, and files of one judge can be put together.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path

from robust_r1.ask.answered import Answered
from robust_r1.errors import DataError, InputError
from robust_r1.evaluation.judge_prompts import question_about
from robust_r1.metrics import CALLS, find_answer, judged_score, normalize_answer, read_score
from robust_r1.records import REFERENCE

FILE = "judgements.jsonl"
TRUTH = "truth"  # what an answer is judged against: what is right, or the answer to the reference
_JUDGED = ("vqa", "cap")


@dataclass(frozen=True)
class JudgedBy:
    """Say who judged: the model, the address that it was asked at, the version of the prompts."""

    model: str
    endpoint: str
    prompts: str

    def __str__(self) -> str:
        """Return it for people."""
        return f"{self.model} at {self.endpoint} (prompts {self.prompts})"


@dataclass(frozen=True)
class Judgement:
    """Describe one thing to be judged: an answer against what is right, or against a reference.

    Attributes:
        case: the id of the row.
        about: TRUTH, or REFERENCE.
        task: "vqa" or "cap".
        right: the right answers that one will do of, or the one text that counts.
    """

    case: str
    about: str
    task: str
    question: str
    right: tuple[str, ...]
    answer: str

    @property
    def prompt(self) -> str:
        """Return what the judge is asked."""
        return question_about(self.task, self.question, self.right, self.answer)

    def key(self, by: JudgedBy) -> str:
        """Return the hash of what is judged and by whom; where a judge is served is no part."""
        question = self.question if self.task == "vqa" else ""
        told = [by.prompts, by.model, self.task, question, self.right, self.answer]
        return hashlib.sha256(json.dumps(told).encode()).hexdigest()[:32]


@dataclass(frozen=True)
class Judgements:
    """Hold what a judge has said so far: its replies by key."""

    by: JudgedBy
    replies: Mapping[str, str]

    @cached_property
    def _scores(self) -> dict[str, int | None]:
        return {key: read_score(reply) for key, reply in self.replies.items()}

    def calls(self, wanted: Sequence[Judgement]) -> list[int | None]:
        """Return the score of each; None where there is no reply, or one without a score."""
        return [self._scores.get(one.key(self.by)) for one in wanted]


@dataclass(frozen=True)
class Verdict:
    """Say what a judge's calls about a row come to, in [0, 1]; None where one of them failed.

    Attributes:
        accuracy: of the answer against what is right.
        consistency: of the answer against the one about the undamaged picture; None without that.
    """

    accuracy: float | None
    consistency: float | None


def wanted_of(row: Answered, reference: Answered | None) -> Iterator[Judgement]:
    """Yield what has to be judged of a row; nothing of one whose answer has no word.

    Args:
        reference: the same model's answer about the undamaged picture, where there is one.
    """
    answer = _words(row)
    if not is_judged(row) or not answer:
        return
    said = row.id, TRUTH, row.task, row.question
    rights = (row.truth, *row.truths)
    for right in [rights] if row.task == "vqa" else [(one,) for one in rights]:
        yield Judgement(*said, right, answer)
    if reference is not None and reference is not row and (other := _words(reference)):
        yield Judgement(row.id, REFERENCE, row.task, row.question, (other,), answer)


def is_judged(row: Answered) -> bool:
    """Tell whether a row's answer takes a judge: an open one, or a caption, with a known truth."""
    return row.task in _JUDGED and bool(row.truth.strip())


def references_of(rows: Sequence[Answered]) -> dict[str, Answered]:
    """Return the rows about undamaged pictures by their source."""
    return {row.source: row for row in rows if row.level == REFERENCE}


def verdicts(folder: Path, rows: Sequence[Answered]) -> tuple[JudgedBy | None, dict[str, Verdict]]:
    """Return who judged a run, if anybody did, and what became of each row that takes a judge.

    Raises:
        DataError: the file of the judgements is damaged.
    """
    found = read_judgements(folder)
    if found is None:
        return None, {}
    references = references_of(rows)
    return found.by, {
        row.id: _verdict(row, references.get(row.source), found) for row in rows if is_judged(row)
    }


def _verdict(row: Answered, reference: Answered | None, found: Judgements) -> Verdict:
    wanted = list(wanted_of(row, reference))
    if not wanted:  # an answer without a word takes no judge to be wrong
        return Verdict(0.0, None if reference in (None, row) else 0.0)
    calls = found.calls([one for one in wanted if one.about == TRUTH])
    accuracy = _score(row.task, calls)
    if reference is None or reference is row:
        return Verdict(accuracy, None)
    compared = found.calls([one for one in wanted if one.about == REFERENCE])
    return Verdict(accuracy, _score("vqa", compared) if compared else 0.0)


def _score(task: str, calls: Sequence[int | None]) -> float | None:
    """Return what calls come to, of which one stands for the same five."""
    return judged_score(task, list(calls) if task == "cap" else [*calls] * CALLS)


def _words(row: Answered) -> str:
    """Return what a model answered, without its reasoning; empty where that has no word."""
    text = find_answer(row.text).text.strip()
    return text if normalize_answer(text) else ""


def read_judgements(folder: Path) -> Judgements | None:
    """Read what a judge has said of a run; None where no judge was asked.

    A last line that is still being written is left out.

    Raises:
        DataError: a line cannot be read; the text names file and line.
    """
    path = folder / FILE
    whole = path.read_bytes() if path.exists() else b""
    lines = whole[: whole.rfind(b"\n") + 1].decode("utf-8", "replace").split("\n")[:-1]
    if not lines:
        return None
    replies: dict[str, str] = {}
    by: JudgedBy | None = None
    for number, line in enumerate(lines, 1):
        try:
            values = json.loads(line)
            if "judge" in values:  # once more where files were put together
                said = JudgedBy(**values["judge"])
                if by is not None and (by.model, by.prompts) != (said.model, said.prompts):
                    raise ValueError(f"{said} judged from here, and {by} before")
                by = by or said
            else:
                replies[values["key"]] = str(values["reply"])
            if by is None:
                raise ValueError("the first line does not say who judged")
        except (ValueError, KeyError, TypeError) as error:
            raise DataError(
                f"{path}, line {number}: {error}; delete the line to have it judged again"
            ) from error
    assert by is not None
    return Judgements(by, replies)


def joined_judgements(folders: Sequence[Path]) -> str:
    """Return the lines of what one judge has said of several runs; empty where none was asked.

    Raises:
        InputError: two judges were.
        DataError: a line cannot be read.
    """
    found = {folder: one for folder in folders if (one := read_judgements(folder))}
    first = next(iter(found), None)
    for folder, one in found.items():
        other = found[first].by if first else one.by
        if (one.by.model, one.by.prompts) != (other.model, other.prompts):
            raise InputError(
                f"{folder} was judged by {one.by}, {first} by {other}; move {folder / FILE} away, "
                "and have the merged run judged"
            )
    texts = ((folder / FILE).read_text("utf-8") for folder in found)
    return "".join(text[: text.rfind("\n") + 1] for text in texts)


def head_line(by: JudgedBy) -> str:
    """Return the line that a file of judgements begins with."""
    return json.dumps({"judge": asdict(by)}, ensure_ascii=False) + "\n"


def reply_line(one: Judgement, by: JudgedBy, reply: str) -> str:
    """Return the line of a reply; case and what it is about stand there for people."""
    values = {"key": one.key(by), "case": one.case, "about": one.about, "reply": reply}
    return json.dumps(values, ensure_ascii=False) + "\n"
