"""What several calls of a judge about one answer come to, by R-Bench's rules.

Source: github.com/Q-Future/R-Bench, R-Bench-Script.ipynb (read in November 2026).
"""

from collections.abc import Sequence

from robust_r1.errors import InputError

CALLS = 5  # of a judge about an answer to MCQ or VQA
_HIGHEST = {"mcq": 1, "vqa": 2, "cap": 2}


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
