"""What `--prompt` means: ours, direct, a file, or a text with {question} in it."""

from dataclasses import dataclass, replace
from pathlib import Path

from robust_r1.ask.case import Case
from robust_r1.engine.conversation import QUESTION, check_template
from robust_r1.errors import InputError

OURS, DIRECT = "ours", "direct"


@dataclass(frozen=True)
class Prompt:
    """Say how a model is asked.

    Attributes:
        name: OURS, DIRECT, or the template, which is all that a run has to keep.
        template: with {question} in it; empty for the model's own.
        lettered: whether options get letters, as in published benchmarks, instead of numbers.
    """

    name: str = OURS
    template: str = ""
    lettered: bool = False

    def of(self, case: Case) -> Case:
        """Return a case that is asked so."""
        return replace(case, template=self.template, lettered=self.lettered)


def read_prompt(text: str) -> Prompt:
    """Read what `--prompt` says.

    "ours" is the model's own prompt, "direct" the bare question with lettered options; a text with
    {question} is a template, and another one names the file that has it.

    Raises:
        InputError: no such file, one that is no UTF-8, or a template that is unfit.
    """
    if text in (OURS, ""):
        return Prompt()
    if text == DIRECT:
        return Prompt(DIRECT, QUESTION, lettered=True)
    template = check_template(text if QUESTION in text else _written(Path(text))).strip()
    return Prompt(template, template) if template else Prompt()


def _written(path: Path) -> str:
    try:
        return path.read_text("utf-8-sig")
    except (OSError, ValueError) as error:
        raise InputError(
            f"--prompt {str(path)!r} lacks {QUESTION} and names no file that can be read; give "
            f"ours, direct, a file, or a text with {QUESTION}"
        ) from error
