"""A case as a query string and back, so that any state of the page can be sent to somebody.

A picture of somebody's own is told by name, size and digest: its pixels are in no link. A link to a
follow-up asks its question alone: what was said before it is in the JSON download.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

from robust_r1.ask.case import MAX_CHOICES, MAX_SEED, Case, check_question
from robust_r1.ask.examples import find_example
from robust_r1.ask.picture import OwnPicture, Picture
from robust_r1.degradations import DegradationPlan
from robust_r1.engine.conversation import MAX_QUESTION
from robust_r1.errors import InputError
from robust_r1.images import Identity

_OWN = ("picture", "size", "name", "kept")
_KEYS = ("example", *_OWN, "plan", "seed", "question", "choice", "answer", "model", "eyes")
_DIGEST, _SIZE = re.compile("[0-9a-f]{64}"), re.compile("([1-9][0-9]{0,5})x([1-9][0-9]{0,5})")
_MAX_NAME = 80  # characters; of a longer name the end is left out


def encode(case: Case) -> str:
    """Return the query string of a case, with a leading question mark."""
    strengths = case.plan.intensities.items()
    plan = ",".join(f"{id}={strength:g}" for id, strength in strengths if strength)
    pairs: list[tuple[str, str]] = [
        *picture_pairs(case.picture),
        ("plan", plan),
        ("seed", str(case.seed) if case.seed else ""),
        ("question", case.question),
        *(("choice", choice) for choice in case.choices),
        ("answer", case.truth),
        ("model", case.model),
        ("eyes", case.eyes),
    ]
    return query_string(pairs)


def picture_pairs(picture: Picture | None) -> list[tuple[str, str]]:
    """Return what a link says about a picture; see `read_picture`."""
    if picture is None or picture.example or picture.own is None:
        return [("example", picture.example if picture else "")]
    own, identity = picture.own, picture.own.identity
    size = f"{identity.width}x{identity.height}"
    return [
        ("picture", identity.sha256), ("size", size), ("name", own.name[:_MAX_NAME]),
        ("kept", own.kept),
    ]


def read_picture(values: Mapping[str, str]) -> Picture | None:
    """Return the picture of somebody's own that a link names, without its pixels; None for none.

    Raises:
        InputError: it is not told by the digest of its pixels and its size.
    """
    if not values.get("picture"):
        return None
    size = _SIZE.fullmatch(values.get("size", ""))
    if size is None or not _DIGEST.fullmatch(values["picture"]):
        raise InputError("which picture is told by 64 hexadecimal digits and a size as 640x480")
    identity = Identity(int(size[1]), int(size[2]), values["picture"])
    name, kept = values.get("name", "")[:_MAX_NAME], values.get("kept", "")[:_MAX_NAME]
    return Picture(own=OwnPicture(name, identity, kept))


def query_string(pairs: Sequence[tuple[str, str]]) -> str:
    """Return the pairs that have a value as a query string, with a leading question mark."""
    return "?" + urlencode([(key, value) for key, value in pairs if value])


def decode(
    pairs: Sequence[tuple[str, str]], models: Sequence[str], eyes: str = ""
) -> tuple[Case, list[str]]:
    """Read the parameters of a link.

    Args:
        pairs: their names and values.
        models: the names of those that can be asked here.
        eyes: the name of the one that can look for them; empty where none can.

    Returns the case and one sentence for each value that could not be used; the rest of the link
    still counts. Parameters with other names are left alone. The picture is None where the link
    names none, and `absent` where it names somebody's own; the plan's intensities have two
    decimals, as the sliders have.
    """
    values: dict[str, list[str]] = {key: [] for key in _KEYS}
    for key, value in pairs:
        if key in values:
            values[key].append(value)
    single = {key: found[-1] for key, found in values.items() if found}
    case = Case(
        choices=tuple(values["choice"][:MAX_CHOICES]), truth=single.get("answer", "")[:MAX_QUESTION]
    )
    problems: list[str] = []
    for key, read in _READERS.items():
        if single.get(key):
            try:
                case = replace(case, **read(single[key]))
            except InputError as error:
                problems.append(f"The link's {key} was left out: {error}")
    if case.picture is None:
        try:
            case = replace(case, picture=read_picture(single))
        except InputError as error:
            problems.append(f"The link's picture was left out: {error}")
    case = replace(case, plan=DegradationPlan.of(case.plan.intensities, seed=case.seed))
    if model := single.get("model"):
        if model in models:
            case = replace(case, model=model)
        else:
            problems.append(f"The link's model {model[:40]!r} is not loaded here.")
    if wanted := single.get("eyes"):
        if wanted == eyes:
            case = replace(case, eyes=eyes)
        else:
            problems.append(f"The link's eyes, {wanted[:40]!r}, are not here.")
    return case, problems


def read_seed(value: str) -> int:
    """Read a seed; raise InputError for what is none."""
    if not (value.isascii() and value.isdigit() and len(value) < 12 and int(value) <= MAX_SEED):
        raise InputError(f"a seed is a whole number from 0 to {MAX_SEED}, got {value[:40]!r}")
    return int(value)


def _example(value: str) -> dict[str, Any]:
    return {"picture": Picture(example=find_example(value).id)}


def _seed(value: str) -> dict[str, Any]:
    return {"seed": read_seed(value)}


def _plan(value: str) -> dict[str, Any]:
    plan = DegradationPlan.parse(value[:MAX_QUESTION])
    strengths = ((id, round(strength, 2)) for id, strength in plan.intensities.items())
    return {"plan": DegradationPlan.of({id: strength for id, strength in strengths if strength})}


def _question(value: str) -> dict[str, Any]:
    return {"question": check_question(value) if value.strip() else ""}


_READERS: dict[str, Callable[[str], dict[str, Any]]] = {
    "example": _example, "seed": _seed, "plan": _plan, "question": _question,
}  # fmt: skip
