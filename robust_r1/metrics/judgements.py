"""What a judge's reply says, and what several calls about one answer come to by R-Bench's rules.

Source: github.com/Q-Future/R-Bench, R-Bench-Script.ipynb (read in November 2026).
"""

import re
from collections.abc import Sequence

from robust_r1.errors import InputError
from robust_r1.metrics.replies import spoken_part
from robust_r1.metrics.spelling import fold

CALLS = 5  # of a judge about an answer to MCQ or VQA
_HIGHEST = {"mcq": 1, "vqa": 2, "cap": 2}
_LONGEST = 8_000  # characters: a judge says its score at the end
_MARKS = re.compile(r"[*_`#\"'<>\[\]{}|$]")  # what sets a score off, and none of its digits
# "Score: 2", "the score is 2/2", "score (0 to 2): 2", but neither 1.5, 20, "score 0-2" nor 2/5.
_SCORE = re.compile(
    r"\bscore\s*(?:\([^()]*\))?\s*(?:is|[:=])\s*([0-9]{1,3})"
    r"(?![0-9]|[.,][0-9]|\s*(?:-|to|or)\s*[0-9]|\s*(?:/|out of)\s*(?!2(?![0-9]))[0-9])"
)
_ALONE = re.compile(r"(?:score\s*[:=]?\s*)?([0-9]{1,3})(?:\s*/\s*2)?\s*\.?")


def judged_score(task: str, calls: Sequence[int | None]) -> float | None:
    """Return what a judge's calls about one answer come to, in [0, 1].

    MCQ takes the majority of five calls that say 0 or 1; VQA the sum of five that say 0, 1 or 2, by
    10; CAP the sum of one such call a caption, by twice the captions.

    None where a call failed, which is None too, or where there are none: such an answer is not
    judged, and not wrong either.

    Raises:
        InputError: another task, another number of calls, or a call that says something else.

    >>> judged_score("mcq", (1, 0, 1, 1, 0)), judged_score("vqa", (2, 1, 1, 0, 1))
    (1.0, 0.5)
    >>> judged_score("cap", (2, 1)), judged_score("cap", (2, None))
    (0.75, None)
    """
    if task not in _HIGHEST:
        raise InputError(f"unknown task {task!r}; use one of {', '.join(_HIGHEST)}")
    highest = _HIGHEST[task]
    said = [call for call in calls if call is not None]
    if not all(call in range(highest + 1) for call in said):
        raise InputError(f"a judge says {list(said)} for {task.upper()}; give 0 to {highest} each")
    if task != "cap" and calls and len(calls) != CALLS:
        raise InputError(f"there are {len(calls)} calls for {task.upper()}; give {CALLS}")
    if not calls or len(said) < len(calls):
        return None
    if task == "mcq":
        return float(sum(said) > len(said) / 2)
    return sum(said) / (highest * len(said))


def read_score(reply: str, highest: int = 2) -> int | None:
    """Return the score from 0 to `highest` that a judge's reply says; None where it says none.

    What a judge thinks before it answers is left out. A last line that is a score as a whole
    counts; else all scores that the reply states must be one and the same. Nothing is guessed: an
    answer whose score cannot be read is not judged.

    >>> read_score("The colors differ.\\n**Score: 1**"), read_score("2"), read_score("It is good.")
    (1, 2, None)
    >>> read_score("Score: 1.5"), read_score("Score: 3"), read_score("Score: 1, or Score: 2")
    (None, None, None)
    """
    spoken = spoken_part(reply)[-_LONGEST:]
    lines = [line for line in map(_plain, spoken.splitlines()) if line]
    if not lines:
        return None
    alone = _ALONE.fullmatch(lines[-1])
    said = {alone[1]} if alone else set(_SCORE.findall(" ".join(lines)))
    scores = {int(one) for one in said if int(one) <= highest}
    return scores.pop() if len(said) == len(scores) == 1 else None


def _plain(line: str) -> str:
    return fold(_MARKS.sub("", line))
