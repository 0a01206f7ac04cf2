"""What figures and analyses read of an answered case, wherever it is stored."""

from typing import Protocol

from robust_r1.ask.case import Case
from robust_r1.chain import Finding
from robust_r1.degradations import DegradationPlan
from robust_r1.engine.types import Finish
from robust_r1.metrics import Matching

# Levels as they are shown, the undamaged picture first; others come after them.
_LEVELS = ("clean", "reference", "low", "25", "mid", "50", "high", "100")


def level_place(level: str) -> int:
    """Return where a level stands among others; to sort by."""
    return _LEVELS.index(level) if level in _LEVELS else len(_LEVELS)


class Answered(Protocol):
    """Describe one answered case, as `evaluation.Row` is one."""

    @property
    def id(self) -> str:
        """Return its name, unique within the benchmark."""
        ...

    @property
    def source(self) -> str:
        """Return what picture it is of."""
        ...

    @property
    def task(self) -> str:
        """Return "mcq", "vqa", "cap" or "perception"."""
        ...

    @property
    def level(self) -> str:
        """Return how strong the damage is."""
        ...

    @property
    def question(self) -> str:
        """Return the question without its choices."""
        ...

    @property
    def choices(self) -> tuple[str, ...]:
        """Return the options; none of an open question."""
        ...

    @property
    def truth(self) -> str:
        """Return the true answer; empty where nobody knows it."""
        ...

    @property
    def plan(self) -> DegradationPlan:
        """Return the damage."""
        ...

    @property
    def known(self) -> bool:
        """Tell whether the damage is known; else what is perceived cannot be scored."""
        ...

    @property
    def lettered(self) -> bool:
        """Tell whether the options had letters instead of numbers."""
        ...

    @property
    def text(self) -> str:
        """Return all that the model wrote."""
        ...

    @property
    def tokens(self) -> int:
        """Return the length of that."""
        ...

    @property
    def seconds(self) -> float:
        """Return how long it took."""
        ...

    @property
    def finish(self) -> Finish:
        """Return how it ended."""
        ...

    @property
    def answer(self) -> str:
        """Return what its answer section says."""
        ...

    @property
    def found(self) -> tuple[Finding, ...]:
        """Return the perceived findings."""
        ...

    @property
    def true(self) -> tuple[Finding, ...]:
        """Return the true findings."""
        ...

    @property
    def well_formed(self) -> bool:
        """Tell whether the chain is whole."""
        ...

    @property
    def accuracy(self) -> float | None:
        """Return 0 to 1; None where the truth has no answer."""
        ...

    @property
    def category(self) -> str:
        """Return the benchmark's own category of the question, or nothing."""
        ...

    @property
    def language(self) -> str:
        """Return the language of the question as its benchmark spells it, or nothing."""
        ...

    @property
    def distortion(self) -> int | None:
        """Return R-Bench's number of the distortion, 1 to 33; None elsewhere."""
        ...

    @property
    def picture(self) -> str:
        """Return what cases about the same published picture have in common, or nothing."""
        ...

    @property
    def option_logprobs(self) -> tuple[float, ...]:
        """Return the log-probabilities of the options' labels in their order; often empty."""
        ...

    @property
    def truths(self) -> tuple[str, ...]:
        """Return further right answers, or captions."""
        ...

    @property
    def judged(self) -> bool | None:
        """Tell whether a judge's score came; None where no judge is asked."""
        ...

    @property
    def consistency(self) -> float | None:
        """Return a judge's 0 to 1 against the answer about the undamaged picture, or None."""
        ...

    @property
    def unparsed(self) -> bool:
        """Tell whether the answer counts as wrong because none was found in the text."""
        ...

    @property
    def degradation(self) -> float | None:
        """Return the degradation reward; None where the damage is not known."""
        ...

    @property
    def saved(self) -> Case | None:
        """Return the whole case of a saved answer; None of a benchmark's."""
        ...

    @property
    def matching(self) -> Matching:
        """Return perceived against applied findings."""
        ...

    @property
    def cluster(self) -> str:
        """Return what resamples draw as one: the photograph, the published picture, the source."""
        ...
