"""The state of the page as a query string, so that any state can be sent to somebody.

A link to a follow-up asks its question alone: what was said before it is in the JSON download.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from urllib.parse import urlencode

from robust_r1.ask.examples import find_example
from robust_r1.degradations import DegradationPlan
from robust_r1.errors import InputError

MAX_QUESTION = 2000
MAX_CHOICES = 26
MAX_SEED = 2**32 - 1  # the seeds of MiniBench lie beyond 31 bits
_KEYS = ("example", "plan", "seed", "question", "choice", "answer", "model")


@dataclass(frozen=True)
class PageState:
    """Hold what a link says; a field that it does not name keeps its default.

    `strengths` maps degradation ids to intensities; with `seed` they make the plan.
    """

    example: str = ""
    strengths: tuple[tuple[str, float], ...] = ()
    seed: int = 0
    question: str = ""
    choices: tuple[str, ...] = ()
    answer: str = ""
    model: str = ""


def encode(state: PageState) -> str:
    """Return the query string of a state, with a leading question mark."""
    plan = ",".join(f"{id}={strength:g}" for id, strength in state.strengths if strength)
    pairs: list[tuple[str, str]] = [
        ("example", state.example),
        ("plan", plan),
        ("seed", str(state.seed) if state.seed else ""),
        ("question", state.question),
        *(("choice", choice) for choice in state.choices),
        ("answer", state.answer),
        ("model", state.model),
    ]
    return query_string(pairs)


def query_string(pairs: Sequence[tuple[str, str]]) -> str:
    """Return the pairs that have a value as a query string, with a leading question mark."""
    return "?" + urlencode([(key, value) for key, value in pairs if value])


def decode(pairs: Sequence[tuple[str, str]], models: Sequence[str]) -> tuple[PageState, list[str]]:
    """Read the parameters of a link.

    Returns the state and one sentence for each value that could not be used; the rest of the link
    still counts. Parameters with other names are left alone.
    """
    values: dict[str, list[str]] = {key: [] for key in _KEYS}
    for key, value in pairs:
        if key in values:
            values[key].append(value)
    single = {key: found[-1] for key, found in values.items() if found}
    state = PageState(
        question=single.get("question", "")[:MAX_QUESTION],
        choices=tuple(values["choice"][:MAX_CHOICES]),
        answer=single.get("answer", "")[:MAX_QUESTION],
    )
    problems: list[str] = []
    for key, read in (("example", _example), ("seed", _seed), ("plan", _plan)):
        if key in single:
            try:
                state = replace(state, **read(single[key]))
            except InputError as error:
                problems.append(f"The link's {key} was left out: {error}")
    if model := single.get("model"):
        if model in models:
            state = replace(state, model=model)
        else:
            problems.append(f"The link's model {model[:40]!r} is not loaded here.")
    return state, problems


def _example(value: str) -> Mapping[str, object]:
    return {"example": find_example(value).id}


def _seed(value: str) -> Mapping[str, object]:
    return {"seed": read_seed(value)}


def read_seed(value: str) -> int:
    """Read a seed; raise InputError for what is none."""
    if not (value.isascii() and value.isdigit() and len(value) < 12 and int(value) <= MAX_SEED):
        raise InputError(f"a seed is a whole number from 0 to {MAX_SEED}, got {value[:40]!r}")
    return int(value)


def _plan(value: str) -> Mapping[str, object]:
    plan = DegradationPlan.parse(value[:MAX_QUESTION])
    strengths = ((id, round(strength, 2)) for id, strength in plan.intensities.items())
    return {"strengths": tuple((id, strength) for id, strength in strengths if strength)}
