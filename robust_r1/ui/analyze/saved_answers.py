"""Saved answers that a visitor brings to the Analyze tab: read, written as runs, kept for a while.

They lie in Gradio's cache under a name that nobody can guess, are listed to nobody else, and go
when the uploads of their time go.
"""

import secrets
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from robust_r1.ask.saved import SavedAnswer, read_answer
from robust_r1.errors import InputError, RobustR1Error
from robust_r1.evaluation.saved_answers import MAX_ANSWERS, write_answers
from robust_r1.ui.widgets.toasts import warn

_FOLDER = "saved-answers"
_TOLD = 3  # bad files that are told one by one
_RUN = ("run.json", "cases.jsonl")


class AnswerFiles:
    """Turn files into runs.

    `cache` is the folder of uploads; `expire` is told of every file that must go when they do.
    """

    def __init__(self, cache: str, expire: Callable[[Iterable[str]], None]) -> None:
        self.cache = cache
        self.expire = expire

    def open(self, paths: Sequence[str]) -> list[str]:
        """Return the folders of the runs, one a model; what is no saved answer is told in a toast.

        Raises InputError where nothing is left, or where there are too many.
        """
        if len(paths) > MAX_ANSWERS:
            raise InputError(f"{len(paths)} files are too many; bring up to {MAX_ANSWERS} answers")
        answers, problems = [], []
        for path in paths:
            try:
                answers.append(_read(Path(path)))
            except RobustR1Error as error:
                problems.append(error)
        if not answers:
            raise problems[0] if problems else InputError("there is no file; bring a saved answer")
        for problem in problems[:_TOLD]:
            warn(problem)
        if len(problems) > _TOLD:
            warn(f"{len(problems) - _TOLD} more files are no saved answers and were left out.")
        if twice := len(answers) - len({answer.digest for answer in answers}):
            warn(f"{twice} of the files came twice; each is shown once.")
        folder = Path(self.cache) / _FOLDER / secrets.token_hex(16)
        runs = write_answers(answers, folder)
        self.expire(str(file) for file in folder.rglob("*") if file.is_file())
        return [str(run) for run in runs]

    def __contains__(self, folder: str) -> bool:
        """Tell whether a run's folder is one of those that somebody brought."""
        try:
            path = Path(folder).resolve()
        except (OSError, ValueError, RuntimeError):
            return False
        return (Path(self.cache) / _FOLDER).resolve() in path.parents


def _read(path: Path) -> SavedAnswer:
    if path.name in _RUN:
        raise InputError(
            f'"{path.name}" belongs to a run and is no saved answer: open the run by its folder.'
        )
    # In quotes, so that a sentence that begins with it keeps its first letter small.
    return read_answer(path, f'"{path.name}"')
